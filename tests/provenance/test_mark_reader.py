"""The reader: the id comes back through codecs and cuts, and from nothing that does not carry it."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from provenance.mark import MarkEmbedder, MarkReader, read_mark, search
from provenance.mark.reader import EXPECTED_SYNC, KEPT, MAX_DECODES
from tests.provenance.mark_media import ID, KEY, Image, marked, read, recoded, resized, scene, seen


@lru_cache(maxsize=2)
def shown(crf: int) -> tuple[Image, ...]:
    """Twelve marked frames, encoded once as the product does (CRF 18), then at this CRF."""
    product = recoded(marked(scene()), 18)
    return tuple(recoded(product, crf) if crf > 18 else product)


def test_the_id_comes_back() -> None:
    reading = read(list(shown(18)))
    assert reading.present
    assert reading.mark_id == ID
    assert reading.decodes <= MAX_DECODES
    assert reading.p_false <= MAX_DECODES * 2.0**-32
    assert all(second.agrees for second in reading.seconds)


def test_it_comes_back_from_crf_28() -> None:
    assert read(list(shown(28))).mark_id == ID


def test_a_known_id_is_confirmed_without_decoding() -> None:
    reading = read(list(shown(28)), expected=ID)
    assert reading.present
    assert reading.decodes == 0
    assert reading.p_false < 1e-9


def test_another_id_is_not_confirmed() -> None:
    for other in (ID ^ 1, 1):
        assert not read(list(shown(18)), expected=other).present


def after(attack: str, frames: list[Image]) -> list[Image]:
    match attack:
        case "flip":
            return [np.ascontiguousarray(frame[:, ::-1]) for frame in frames]
        case "half":
            return resized(frames, 640, 360)
        case "480p":
            return resized(frames, 854, 480)
        case "crop":
            return resized([frame[70:650, 90:1122] for frame in frames], 1280, 720)
        case _:
            return resized(frames, 960, 720)


@pytest.mark.parametrize("attack", ["flip", "half", "480p", "crop", "squeeze"])
def test_it_comes_back_after(attack: str) -> None:
    reading = read(recoded(after(attack, list(shown(18))), 26))
    assert reading.mark_id == ID
    assert reading.mirrored == (attack == "flip")


@pytest.mark.parametrize("size", [(162, 160), (361, 203), (719, 405), (406, 720), (1920, 1080)])
def test_odd_and_other_sizes_come_back(size: tuple[int, int]) -> None:
    assert read(recoded(marked(scene(*size, count=6)), 20)).mark_id == ID


def test_two_assets_have_two_ids() -> None:
    frames = scene(count=6, seed=4)
    assert {read(marked(frames, mark_id)).mark_id for mark_id in (7, 2**40 - 1)} == {7, 2**40 - 1}


def test_nothing_is_read_with_another_key() -> None:
    assert not read(list(shown(18))[:6], key=KEY + b".").present


def test_an_unmarked_video_has_no_mark() -> None:
    reading = read(recoded(scene(count=6, seed=9), 20))
    assert not reading.present
    assert reading.mark_id is None
    assert reading.p_false == 1.0


def test_many_keys_find_nothing_in_an_unmarked_picture() -> None:
    white = np.sum([search.whiten(frame) for frame in scene(count=3, seed=2)], axis=0, dtype=np.float32)
    picture = search.Picture(white, keep=True)
    peaks = [
        search.find(picture, b"another key of the tests %d" % number, 1.0, everywhere=False)[0].z
        for number in range(60)
    ]
    assert max(peaks) < EXPECTED_SYNC


def test_a_foreign_second_is_visible() -> None:
    product, foreign = list(shown(18)), scene(count=12, seed=5)
    reading = read(product[:6] + foreign[:6] + product[6:])
    assert reading.mark_id == ID
    assert [second.agrees for second in reading.seconds] == [True, False, True]
    assert list(reading.without_mark()) == [(1.0, 2.0)]


def test_a_mark_that_begins_late_is_found_and_the_memory_stays_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("provenance.mark.reader.LOOK_AFTER", {1: False, 32: False})
    plain, product = scene(640, 360, count=2, seed=3), marked(scene(640, 360, count=2))
    reader = MarkReader(KEY, expected_id=ID)
    for second in range(KEPT + 20):
        frame = (product if second >= KEPT + 8 else plain)[second % 2]
        reader.see(seen(frame, Fraction(second)))
        assert len(reader._kept) <= KEPT
    reading = reader.reading()
    assert reading.present
    assert not any(s.agrees for s in reading.seconds if s.t0 < KEPT + 8)
    assert all(s.agrees for s in reading.seconds if s.t0 >= KEPT + 8)


def test_a_reader_that_saw_nothing_answers_absent() -> None:
    assert not MarkReader(KEY).reading().present


def test_tiny_and_changing_frames_do_no_harm() -> None:
    reader = MarkReader(KEY)
    reader.see(seen(np.zeros((1, 1, 3), np.uint8), Fraction(0)))
    reader.see(seen(np.zeros((720, 1280, 3), np.uint8), Fraction(1)))
    assert not reader.reading().present


def test_a_file_of_the_presenter_is_read_blind(presenter: Path, tmp_path: Path) -> None:
    from core.media.encode import VideoWriter

    plain, carrying = tmp_path / "plain.mp4", tmp_path / "marked.mp4"
    embed = MarkEmbedder(ID, 1280, 720, KEY)
    with (
        av.open(str(presenter)) as container,
        VideoWriter(plain, 1280, 720, Fraction(25), 0) as untouched,
        VideoWriter(carrying, 1280, 720, Fraction(25), 0) as writer,
    ):
        for index, frame in enumerate(islice(container.decode(video=0), 10)):
            image = frame.to_ndarray(format="bgr24")
            untouched.write(image)
            writer.write(embed(index, image))
    assert read_mark(carrying, KEY).mark_id == ID
    assert not read_mark(plain, KEY, expected_id=ID).present

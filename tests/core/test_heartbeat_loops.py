"""Who does long work beats while at it: a stage must not lose its lease for being thorough."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from core import canonical
from core.errors import Conflict
from core.heartbeat import beating
from core.media import confined
from core.media.decode import frames, heard, sound
from core.media.encode import VideoWriter
from core.media.heard import Heard
from core.media.wire import HEADER
from core.settings import MediaSettings
from tests.core.media_files import picture, write_video


class Lost(Conflict):
    """As a pipeline's lost lease."""


def beats_of(work: Callable[[], object]) -> int:
    count = 0

    def one() -> None:
        nonlocal count
        count += 1

    with beating(one):
        work()
    return count


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("beats") / "video.mp4", [picture(n) for n in range(30)])


def test_decoding_beats_at_each_picture(video: Path) -> None:
    assert beats_of(lambda: list(frames(video))) >= 30


def test_encoding_beats_at_each_picture(tmp_path: Path) -> None:
    def encode() -> None:
        with VideoWriter(tmp_path / "out.mp4", 64, 64, Fraction(25), 0) as writer:
            for _ in range(20):
                writer.write(np.zeros((64, 64, 3), np.uint8))

    assert beats_of(encode) >= 20


def test_listening_beats_at_each_slice() -> None:
    ear = Heard.of(np.random.default_rng(0).normal(0, 0.1, 160_000).astype(np.float32)).main
    assert ear is not None
    assert beats_of(lambda: [ear[n : n + 16_000] for n in range(0, 160_000, 16_000)]) == 10


def test_digesting_beats(video: Path) -> None:
    assert beats_of(lambda: canonical.digest_file(video)) == 1


def test_a_lost_lease_ends_the_decoding_at_once_and_the_child_with_it(video: Path) -> None:
    seen = 0

    def lost() -> None:
        if seen >= 5:
            raise Lost("no longer ours")

    with pytest.raises(Lost), beating(lost), closing(frames(video)) as pictures:
        for _ in pictures:
            seen += 1
    assert seen == 5


def test_a_lost_lease_leaves_no_half_written_file(tmp_path: Path) -> None:
    def lost() -> None:
        raise Lost("no longer ours")

    with (
        pytest.raises(Lost),
        beating(lost),
        VideoWriter(tmp_path / "out.mp4", 64, 64, Fraction(25), 0) as writer,
    ):
        writer.write(np.zeros((64, 64, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_waiting_for_a_child_beats_and_still_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that says nothing: the waiter is alive all the time, and gives up when its patience ends."""
    monkeypatch.setattr(confined, "_SLICE_SECONDS", 0.02)
    reader, writer = os.pipe()
    try:
        wait = confined._Wait(reader, 0.3)
        began = time.monotonic()

        def give_up() -> None:
            with pytest.raises(TimeoutError):
                wait.read(HEADER.size)

        assert beats_of(give_up) >= 8
        assert 0.25 < time.monotonic() - began < 2
    finally:
        os.close(reader)
        os.close(writer)


def test_what_a_beat_takes_is_not_taken_from_the_childs_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "_SLICE_SECONDS", 0.05)
    reader, writer = os.pipe()
    calls = 0

    def slow() -> None:
        nonlocal calls
        calls += 1
        time.sleep(0.1)
        if calls == 3:
            os.write(writer, b"x" * 4)

    try:
        with beating(slow):
            assert confined._Wait(reader, 0.2).read(4).tobytes() == b"xxxx"
    finally:
        os.close(reader)
        os.close(writer)


def test_hearing_words_beats_at_each_segment_and_aligning_at_each_group(presenter: Path) -> None:
    from core.perception.speech import align, transcribe

    samples = sound(presenter)[: 16_000 * 12]
    words = []

    def hear() -> None:
        words.extend(transcribe(samples).words)

    assert beats_of(hear) >= 2
    assert beats_of(lambda: align(samples, words)) >= 2


def test_a_voice_is_known_in_pieces(presenter: Path) -> None:
    from core.perception.embed import voice_embedding

    ear = heard(presenter, MediaSettings())
    assert ear is not None and ear.main is not None
    assert beats_of(lambda: voice_embedding(ear.main)) >= 2


def test_a_voice_beats_at_each_piece_that_it_speaks() -> None:
    from generate.voice import HibariVoice

    text = "One sentence here. And a second one. A third one follows."
    assert beats_of(lambda: HibariVoice().speak(text)) >= 3

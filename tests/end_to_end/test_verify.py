"""What the verifier says of the released file, of copies, and of fakes that carry its mark."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.media.decode import frames, sound
from core.media.encode import VideoWriter
from core.secrets import derived_key
from pipeline.registry import DatabaseRegistry
from provenance.mark import MarkEmbedder
from provenance.verify import verify
from tests.end_to_end.conftest import DemoRun

TRUSTED = {"intact", "reencoded_copy"}


def reencode(
    source: Path, out: Path, change: Callable[[int, np.ndarray], np.ndarray] | None = None, crf: int = 28,
    voice: np.ndarray | None = None,
) -> Path:  # fmt: skip
    """Decode and encode again, each picture through ``change``; ``voice``: another sound, 16 kHz mono."""
    heard = sound(source, 16000) if voice is None else voice
    first = next(iter(frames(source)))
    height, width = first.image.shape[:2]
    with VideoWriter(out, width, height, Fraction(25), 16000, crf=crf) as writer:
        for frame in frames(source):
            writer.write(change(frame.index, frame.image) if change else frame.image)
            writer.write_sound(heard[frame.index * 640 : (frame.index + 1) * 640])
    return out


def verdict(path: Path) -> str:
    return verify(path, registry=DatabaseRegistry()).verdict


def test_the_released_file_is_intact(in_demo: DemoRun):
    report = verify(in_demo.released, registry=DatabaseRegistry())
    assert (report.verdict, report.release, report.exit_code) == ("intact", "released", 0)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_one_changed_byte_of_the_picture_is_tampered(in_demo: DemoRun, tmp_path: Path, share: float):
    data = bytearray(in_demo.released.read_bytes())
    start = data.find(b"mdat") + 4
    data[start + int((len(data) - start) * share * 0.5)] ^= 0x40
    changed = tmp_path / "changed.mp4"
    changed.write_bytes(data)
    assert verdict(changed) == "tampered"


def test_a_copy_at_crf_28_is_a_reencoded_copy(in_demo: DemoRun, tmp_path: Path):
    report = verify(reencode(in_demo.released, tmp_path / "copy.mp4"), registry=DatabaseRegistry())
    assert (report.verdict, report.release, report.exit_code) == ("reencoded_copy", "released", 0), report


def test_the_same_mark_on_another_clip_is_never_trusted(in_demo: DemoRun, tmp_path: Path):
    mark_id = int(in_demo.report["verified"]["watermark"]["id"], 16)
    embed = MarkEmbedder(mark_id, 1280, 720, derived_key("mark"))
    fake = reencode(in_demo.out / "customer.mp4", tmp_path / "fake.mp4", embed, crf=20)
    assert verdict(fake) not in TRUSTED


def test_another_face_inside_the_marked_video_is_never_trusted(in_demo: DemoRun, tmp_path: Path):
    """A face that does not exist either: the presenter's own, wider, longer in the chin and of another colour."""

    def swap(_index: int, image: np.ndarray) -> np.ndarray:
        top, left, side = 170, 470, 360
        face = image[top : top + side, left : left + side]
        other = cv2.resize(face[:, ::-1], (side + 90, side + 20))[10:-10, 45:-45].astype(np.float32)
        other = np.clip(other * (0.75, 0.85, 1.05) + 8, 0, 255)
        yy, xx = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
        soft = np.clip((1 - (xx**2 / 0.36 + yy**2 / 0.72)) * 4, 0, 1)[..., None]
        out = image.copy()
        out[top : top + side, left : left + side] = (other * soft + face * (1 - soft)).astype(np.uint8)
        return out

    report = verify(
        reencode(in_demo.released, tmp_path / "face.mp4", swap, crf=20), registry=DatabaseRegistry()
    )
    assert report.verdict not in TRUSTED, report


def test_other_words_under_the_marked_picture_are_never_trusted(in_demo: DemoRun, tmp_path: Path):
    other = sound(in_demo.out / "customer.mp4", 16000)
    fake = reencode(in_demo.released, tmp_path / "words.mp4", crf=20, voice=np.tile(other, 2))
    assert verdict(fake) not in TRUSTED


def test_seconds_taken_out_are_never_trusted(in_demo: DemoRun, tmp_path: Path):
    whole = list(frames(in_demo.released))
    kept = [frame.image for frame in whole if not 75 <= frame.index < 150]
    heard = sound(in_demo.released, 16000)
    heard = np.concatenate([heard[: 75 * 640], heard[150 * 640 :]])
    cut = tmp_path / "cut.mp4"
    with VideoWriter(cut, 1280, 720, Fraction(25), 16000, crf=20) as writer:
        for index, image in enumerate(kept):
            writer.write(image)
            writer.write_sound(heard[index * 640 : (index + 1) * 640])
    assert verdict(cut) not in TRUSTED


def test_the_file_in_review_says_that_it_is_not_released(in_demo: DemoRun):
    report = verify(Path(in_demo.report["paths"]["import"]), registry=DatabaseRegistry())
    assert (report.verdict, report.exit_code) == ("unreleased", 1)


def test_without_the_registry_the_credential_alone_answers(in_demo: DemoRun):
    report = verify(in_demo.released, registry=None)
    assert report.release == "unknown_offline"
    assert report.exit_code == 1


def test_the_sample_presenter_itself_is_nothing_of_ours(in_demo: DemoRun, presenter: Path):
    assert verdict(presenter) == "nothing_found"

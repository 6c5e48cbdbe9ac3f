"""Onboarding: what is measured, what is refused and why."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import MediaError
from generate.errors import ReferenceRefused, frame_ranges
from generate.lipsync.hybrid import HybridLipSync
from generate.lipsync.models import Prepared
from tests.generate.conftest import write_clip

Pictures = list[NDArray[np.uint8]]


def test_the_presenter_is_measured(prepared: Prepared) -> None:
    found = prepared.examination
    assert found.frames == 175
    assert 250 < found.face_px < 350
    assert found.yaw_degrees < 10
    assert found.usable == 1.0
    assert found.sound_offset_frames is not None and abs(found.sound_offset_frames) <= 3
    assert "presenter" in found.transcript


def test_the_cache_holds_numbers_and_pictures_only(prepared: Prepared) -> None:
    assert {path.name for path in prepared.folder.iterdir()} == {
        "bodies.bin",
        "mouths.bin",
        "prepared.json",
        "prepared.npz",
    }
    with np.load(prepared.folder / "prepared.npz", allow_pickle=False) as stored:
        assert all(stored[name].dtype != object for name in stored.files)


def refused(clip: Path, cache: Path) -> ReferenceRefused:
    with pytest.raises(ReferenceRefused) as error:
        HybridLipSync().prepare(clip, cache)
    assert list(cache.glob("*")) == [], "nothing is left behind"
    assert error.value.next_step
    return error.value


def test_no_face(tmp_path: Path) -> None:
    grey = [np.full((240, 320, 3), 40 + n, np.uint8) for n in range(90)]
    assert refused(write_clip(tmp_path / "grey.mp4", grey), tmp_path / "cache").code == "no_face"


def test_two_faces(tmp_path: Path, presenter_pictures: Pictures) -> None:
    both = [np.hstack([p[:, 340:940], p[:, 340:940][:, ::-1]])[::2, ::2] for p in presenter_pictures[:90]]
    error = refused(write_clip(tmp_path / "two.mp4", both), tmp_path / "cache")
    assert error.code == "several_faces"
    assert "frames" in error.where


def test_a_small_face(tmp_path: Path, presenter_pictures: Pictures) -> None:
    small = [cv2.resize(p, (320, 180), interpolation=cv2.INTER_AREA) for p in presenter_pictures[:90]]
    error = refused(write_clip(tmp_path / "small.mp4", small), tmp_path / "cache")
    assert error.code == "face_too_small"
    assert "pixels wide" in error.what


def test_too_short(tmp_path: Path, presenter_pictures: Pictures) -> None:
    clip = write_clip(tmp_path / "short.mp4", [p[::2, ::2] for p in presenter_pictures[:40]])
    assert refused(clip, tmp_path / "cache").code == "too_short"


def test_a_still_mouth(tmp_path: Path, presenter_pictures: Pictures) -> None:
    still = [presenter_pictures[0][::2, ::2]] * 90
    assert refused(write_clip(tmp_path / "still.mp4", still), tmp_path / "cache").code == "still_mouth"


def test_a_clip_full_of_cuts(tmp_path: Path, presenter_pictures: Pictures) -> None:
    def shot(n: int) -> NDArray[np.uint8]:
        picture = presenter_pictures[n][::2, ::2]
        return np.roll(picture, 120, axis=1) if (n // 25) % 2 else picture

    error = refused(write_clip(tmp_path / "cuts.mp4", [shot(n) for n in range(100)]), tmp_path / "cache")
    assert error.code == "cut_in_clip"
    assert all(str(cut) in error.where for cut in (24, 49, 74)), error.where


def test_a_text_file_is_no_reference(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("not a video")
    with pytest.raises(MediaError):
        HybridLipSync().prepare(tmp_path / "notes.mp4", tmp_path / "cache")


def test_a_silent_reference_still_speaks_by_rule(tmp_path: Path, presenter_pictures: Pictures) -> None:
    clip = write_clip(tmp_path / "silent.mp4", [p[::2, ::2] for p in presenter_pictures[:110]])
    found = HybridLipSync().prepare(clip, tmp_path / "cache").examination
    assert found.sound_offset_frames is None
    assert any("general phoneme rule" in note for note in found.notes)


def test_frames_read_as_ranges() -> None:
    assert frame_ranges((3, 4, 5, 9, 11, 12)) == "3-5, 9, 11-12"
    assert frame_ranges(tuple(range(0, 100, 2))).endswith(", ...")

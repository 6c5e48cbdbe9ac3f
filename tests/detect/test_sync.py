"""Lips against sound, on the sample presenter: in step, shifted, of other words, silent, and without a face."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.gates import decide, load_gate_set
from core.media.decode import sound
from core.media.probe import probe
from core.models import Verdict
from core.perception.models import FaceTrack
from core.perception.watch import watch
from detect.errors import Abstain
from detect.models import Subject
from detect.sync import SyncGate
from detect.sync.features import FEATURES, MIRROR, lip_features, mel_features, voiced


@pytest.fixture(scope="module")
def seen(presenter: Path) -> FaceTrack:
    return watch(presenter)


@pytest.fixture(scope="module")
def heard(presenter: Path) -> np.ndarray:
    return sound(presenter, 16000)


def subject(presenter: Path, track: FaceTrack, samples: np.ndarray) -> Subject:
    made = Subject(presenter, probe(presenter), track, gate_set=load_gate_set())
    made.__dict__["sound16k"] = samples.astype(np.float32)  # what the cached property would decode
    return made


def test_the_presenter_is_in_step(presenter: Path, seen: FaceTrack, heard: np.ndarray):
    result = SyncGate().result(subject(presenter, seen, heard))
    assert abs(result.measures["offset_frames"]) <= 2
    assert result.score is not None and result.score > 0.8
    assert decide(result, load_gate_set()).verdict is Verdict.PASS
    assert len(result.curve) > 10


@pytest.mark.parametrize("frames", [-10, -6, 6, 8, 12])
def test_a_shifted_sound_is_flagged_with_its_offset(
    presenter: Path, seen: FaceTrack, heard: np.ndarray, frames: int
):
    base = SyncGate().result(subject(presenter, seen, heard)).measures["offset_frames"]
    result = SyncGate().result(subject(presenter, seen, np.roll(heard, frames * 640)))
    assert abs(result.measures["offset_frames"] - base - frames) <= 1
    assert [finding.code for finding in result.findings] == ["lip_audio_mismatch"]
    assert decide(result, load_gate_set()).verdict is Verdict.REVIEW
    assert ("after" if frames > 0 else "before") in result.findings[0].message


def test_sound_played_backwards_is_not_in_step(presenter: Path, seen: FaceTrack, heard: np.ndarray):
    result = SyncGate().result(subject(presenter, seen, heard[::-1].copy()))
    assert decide(result, load_gate_set()).verdict is not Verdict.PASS


def test_silence_and_no_face_abstain_with_a_reason(presenter: Path, seen: FaceTrack, heard: np.ndarray):
    with pytest.raises(Abstain, match="speech"):
        SyncGate().result(subject(presenter, seen, np.zeros_like(heard)))
    blind = replace(seen, found=np.zeros_like(seen.found))
    with pytest.raises(Abstain, match="face"):
        SyncGate().result(subject(presenter, blind, heard))


def test_lip_features_do_not_follow_the_head(seen: FaceTrack):
    """Moving, turning and scaling the whole face in the picture changes no lip feature."""
    angle = np.linspace(0, 0.3, len(seen.times))
    rotation = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], -1).reshape(-1, 2, 2)
    moved = seen.landmarks.copy()
    moved[:, :, :2] = np.einsum("nkj,nij->nki", seen.landmarks[:, :, :2], rotation) * 1.3 + 40
    before, _ = lip_features(seen)
    after, _ = lip_features(replace(seen, landmarks=moved))
    assert np.abs(before - after).max() < 0.05


def test_mirroring_twice_is_no_change():
    assert [MIRROR[index] for index in MIRROR] == list(range(FEATURES // 2))


def test_features_of_nothing_are_empty():
    assert mel_features(np.zeros(100, np.float32)).shape == (0, 40)
    assert not voiced(np.zeros(16000, np.float32), 25).any()

"""Lips against sound, on the sample presenter: in step, shifted, of other words, silent, faceless, re-timed."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core.gates import decide, load_gate_set
from core.media.decode import sound
from core.media.heard import Heard
from core.models import Verdict
from core.perception.record import LandmarkRecorder
from core.perception.watch import watch
from detect.errors import Abstain
from detect.models import Subject
from detect.sync import SyncGate
from detect.sync import features as f
from detect.sync.features import FEATURES, MIRROR, RECORDED, lip_features, mel_features, voiced


@pytest.fixture(scope="module")
def seen(presenter: Path) -> LandmarkRecorder:
    recorder = LandmarkRecorder(RECORDED, axes=2)
    watch(presenter, [recorder])
    return recorder


@pytest.fixture(scope="module")
def heard(presenter: Path) -> np.ndarray:
    return sound(presenter, 16000)


def of(times: np.ndarray, rows: np.ndarray) -> LandmarkRecorder:
    """A recorder that saw these points; NaN where the face was lost."""
    recorder = LandmarkRecorder(RECORDED, axes=2)
    for time, row in zip(times, rows, strict=True):
        recorder.add(float(time), None if np.isnan(row).any() else row)
    return recorder


def subject(seen: LandmarkRecorder, samples: np.ndarray, fps: float = 25) -> Subject:
    start, end = float(seen.times[0]), float(seen.times[-1]) + 1 / fps
    video = SimpleNamespace(start=start, end=end, duration=end - start, frame_rate=Fraction(fps))
    info = SimpleNamespace(video=video, audio=SimpleNamespace(end=len(samples) / 16000))
    ears = Heard.of(samples).ears if len(samples) else ()
    return Subject(None, info, None, ears, gate_set=load_gate_set())


def result(seen: LandmarkRecorder, samples: np.ndarray, fps: float = 25):
    gate = SyncGate()
    gate._seen = seen
    return gate.result(subject(seen, samples, fps))


def test_the_presenter_is_in_step(seen: LandmarkRecorder, heard: np.ndarray):
    found = result(seen, heard)
    assert abs(found.measures["offset_frames"]) <= 2
    assert found.score is not None and found.score > 0.8
    assert decide(found, load_gate_set()).verdict is Verdict.PASS
    assert len(found.curve) > 10
    assert "standard deviations above far offsets" in found.reason


@pytest.mark.parametrize("frames", [-10, -6, 6, 8, 12])
def test_a_shifted_sound_is_flagged_with_its_offset(seen: LandmarkRecorder, heard: np.ndarray, frames: int):
    base = result(seen, heard).measures["offset_frames"]
    found = result(seen, np.roll(heard, frames * 640))
    assert abs(found.measures["offset_frames"] - base - frames) <= 1
    assert [finding.code for finding in found.findings] == ["lip_audio_mismatch"]
    assert decide(found, load_gate_set()).verdict is Verdict.REVIEW
    assert ("after" if frames > 0 else "before") in found.findings[0].message


def clock(kind: str, seconds: float) -> tuple[np.ndarray, float]:
    """Frame times from zero on, and the mean rate."""
    if kind != "variable":
        fps = {"29.97": 30000 / 1001}.get(kind) or float(kind)
        return np.arange(int(seconds * fps)) / fps, fps
    steps = np.tile([1 / 60, 1 / 60, 1 / 24, 1 / 15, 1 / 30, 1 / 12], 1000)  # as a telephone in poor light
    times = np.cumsum(steps) - steps[0]
    return times[times < seconds], float(1 / steps.mean())


@pytest.mark.parametrize("kind", ["24", "25", "29.97", "30", "50", "60", "variable"])
@pytest.mark.parametrize("start", [-1.0, -0.24, 0.0, 0.24, 0.6, 1.0])
def test_a_clip_in_step_stays_so_however_picture_and_sound_begin(
    seen: LandmarkRecorder, heard: np.ndarray, kind: str, start: float
):
    """``start``: the picture begins so much after the sound (negative: the sound after the picture, silence before).
    What is seen and heard at any moment is as in the original."""
    seconds = 10.0
    times, fps = clock(kind, seconds - max(start, 0))
    times = times + max(start, 0)
    samples = heard[: int(seconds * 16000)].copy()
    samples[: int(max(-start, 0) * 16000)] = 0
    nearest = np.clip(np.rint(times * 25).astype(int), 0, len(seen) - 1)
    found = result(of(times, seen[:][nearest]), samples, fps)
    assert abs(found.measures["offset_ms"]) <= 1000 / min(fps, 25)
    assert abs(found.measures["offset_frames"]) <= max(1, fps / 25)
    assert decide(found, load_gate_set()).verdict is Verdict.PASS
    # And a real offset is still seen from there: the sound 200 ms late.
    late = result(of(times, seen[:][nearest]), np.concatenate([np.zeros(3200, np.float32), samples]), fps)
    assert abs(late.measures["offset_ms"] - found.measures["offset_ms"] - 200) <= 40
    assert late.measures["offset_frames"] == pytest.approx(late.measures["offset_ms"] * fps / 1000, abs=0.06)


def test_a_longer_or_shorter_sound_moves_nothing(seen: LandmarkRecorder, heard: np.ndarray):
    early = of(seen.times[:200], seen[:200])
    for samples in (heard[: 6 * 16000], heard[: 12 * 16000]):
        assert abs(result(early, samples).measures["offset_ms"]) <= 40


def test_nothing_is_valid_before_the_first_picture_or_after_the_last(seen: LandmarkRecorder):
    lips, valid = lip_features(of(seen.times[:100] + 0.51, seen[:100]))
    assert len(lips) == len(valid) == int((99 / 25 + 0.51) * 25) + 1
    assert not valid[:13].any() and valid[13:].all()
    assert np.array_equal(lips[:13], np.repeat(lips[13:14], 13, axis=0))


def test_a_picture_that_stands_for_seconds_says_nothing_of_the_lips(seen: LandmarkRecorder):
    times = np.concatenate([seen.times[:50], seen.times[:50] + 4])
    _, valid = lip_features(of(times, seen[:100]))
    assert valid[:49].all() and not valid[50:99].any() and valid[101:].all()


def test_lip_features_of_blocks_are_those_of_the_whole(
    seen: LandmarkRecorder, monkeypatch: pytest.MonkeyPatch
):
    rows = np.tile(seen[:], (4, 1, 1))
    rows[500:640] = np.nan
    times = np.arange(len(rows)) / 30 + 0.3
    whole, valid = lip_features(of(times, rows))
    monkeypatch.setattr(f, "_BLOCK", 100)
    parts, also = lip_features(of(times, rows))
    assert np.array_equal(valid, also)
    assert np.abs(whole[:] - parts[:]).max() < 1e-5
    pieces = np.concatenate([parts[start : start + 333] for start in range(0, len(parts), 333)])
    assert np.array_equal(pieces, parts[:])


def test_mels_and_loudness_of_slices_are_those_of_the_whole(heard: np.ndarray):
    long = np.tile(heard, 4)
    ear = Heard.of(long).main
    mels = mel_features(ear)
    frames = np.lib.stride_tricks.sliding_window_view(long, 400)[::160]
    power = np.abs(np.fft.rfft(frames * np.hanning(400).astype(np.float32), 512)) ** 2
    logs = np.log(power @ f._filters() + 1e-6).astype(np.float32).astype(np.float64)
    logs -= logs.mean(axis=0)
    expected = (logs / (logs.std() + 1e-3)).clip(-4, 4)
    assert len(mels) == len(expected)
    assert np.abs(mels[:] - expected).max() < 1e-5
    assert np.abs(mels[5000:5100] - expected[5000:5100]).max() < 1e-5
    count = 25 * len(long) // 16000 + 30
    padded = np.pad(long, (0, count * 640 - len(long))).reshape(count, 640)
    level = np.convolve(10 * np.log10((padded**2).mean(axis=1) + 1e-12), np.ones(3) / 3, mode="same")
    assert np.array_equal(voiced(ear, count), level > max(np.percentile(level, 95) - 26, -60.0))


def test_sound_played_backwards_is_not_in_step(seen: LandmarkRecorder, heard: np.ndarray):
    assert decide(result(seen, heard[::-1].copy()), load_gate_set()).verdict is not Verdict.PASS


def test_silence_and_no_face_abstain_with_a_reason(seen: LandmarkRecorder, heard: np.ndarray):
    with pytest.raises(Abstain, match="speech"):
        result(seen, np.full_like(heard, 1e-6))
    with pytest.raises(Abstain, match="no sound"):
        result(seen, heard[:0])
    with pytest.raises(Abstain, match="face"):
        result(of(seen.times, np.full_like(seen[:], np.nan)), heard)


def test_a_short_clip_is_called_too_short(seen: LandmarkRecorder, heard: np.ndarray):
    words = "the clip is too short: 0.8 s, lip sync needs 1.5 s of speech with a face in view"
    for rows, samples in ((20, heard), (400, heard[:12800]), (20, heard[:12800])):
        with pytest.raises(Abstain) as reason:
            result(of(seen.times[:rows], seen[:rows]), samples)
        assert str(reason.value) == words
    # 3 s of sound, and a picture that begins 2 s after it
    with pytest.raises(Abstain, match=r"together for 1\.0 s"):
        result(of(seen.times[:100] + 2, seen[:100]), heard[: 3 * 16000])


def test_lip_features_do_not_follow_the_head(seen: LandmarkRecorder):
    """Moving, turning and scaling the whole face in the picture changes no lip feature."""
    angle = np.linspace(0, 0.3, len(seen))
    rotation = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], -1).reshape(-1, 2, 2)
    moved = np.einsum("nkj,nij->nki", seen[:], rotation) * 1.3 + 40
    before, _ = lip_features(seen)
    after, _ = lip_features(of(seen.times, moved))
    assert np.abs(before[:] - after[:]).max() < 0.05


def test_mirroring_twice_is_no_change():
    assert [MIRROR[index] for index in MIRROR] == list(range(FEATURES // 2))


def test_features_of_nothing_are_empty():
    assert mel_features(np.zeros(100, np.float32))[:].shape == (0, 40)
    assert not voiced(np.zeros(16000, np.float32), 25).any()
    lips, valid = lip_features(LandmarkRecorder(RECORDED, axes=2))
    assert len(lips) == len(valid) == 0

"""Do the lips say what is said? Measured on the pictures, with the face mesh, by nobody the engine knows."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.media.decode import sound
from core.perception.speech import align, transcribe
from core.perception.watch import FaceTracker
from generate.lipsync.articulation import at_16k
from generate.lipsync.hybrid import HybridLipSync, render
from generate.lipsync.models import Prepared
from generate.lipsync.prepare import mouth_sharpness, prepare
from generate.lipsync.speech import CLOSED, asked
from generate.models import Speech

Image = NDArray[np.uint8]
# Inner lip gap in inter-eye distances. One of the seven closures reads up to .026 in some runs of the mesh; open
# vowels must still be three times as wide as the closures.
CLOSED_GAP = 0.03


def gap(landmarks: NDArray[np.float32]) -> float:
    """Inner lip gap in inter-eye distances."""
    eyes = float(np.linalg.norm(landmarks[263, :2] - landmarks[33, :2]))
    return (
        float(np.mean([landmarks[b, 1] - landmarks[a, 1] for a, b in ((13, 14), (82, 87), (312, 317))]))
        / eyes
    )


@pytest.fixture(scope="module")
def shown(prepared: Prepared, speech: Speech) -> list[Image]:
    return list(HybridLipSync().animate(prepared, speech))


@pytest.fixture(scope="module")
def seen(shown: list[Image]) -> list[NDArray[np.float32]]:
    with FaceTracker() as tracker:
        faces = [tracker.track(image, n / 25) for n, image in enumerate(shown)]
    assert all(face is not None for face in faces)
    return [face.landmarks for face in faces if face is not None]


def test_lips_close_on_p_b_m_and_open_on_vowels(seen: list[NDArray[np.float32]], speech: Speech) -> None:
    gaps = np.array([gap(points) for points in seen])
    closures = [p for p in speech.phones if p.symbol in CLOSED]
    vowels = [
        p for p in speech.phones if p.symbol in ("AA", "AE", "AY", "OW", "EY", "AW") and p.t1 - p.t0 > 0.06
    ]
    low = [gaps[max(0, int(p.t0 * 25) - 1) : int(p.t1 * 25) + 2].min() for p in closures]
    high = [gaps[int(p.t0 * 25) : int(p.t1 * 25) + 2].max() for p in vowels]
    assert len(low) >= 5 and len(high) >= 4
    assert np.mean(np.array(low) < CLOSED_GAP) >= 0.9
    assert np.median(high) > 3 * max(np.median(low), 0.005)


def test_lips_are_in_step_with_the_sound(seen: list[NDArray[np.float32]], speech: Speech) -> None:
    """Against phones that the recogniser's aligner hears, not against the voice's own word for it."""
    gaps = np.array([gap(points) for points in seen])
    times = (np.arange(len(gaps)) + 0.5) / 25
    heard = asked(align(at_16k(speech), speech.words), times)[:, 0]
    by_lag = {
        lag: float(np.corrcoef(gaps[5 + lag : len(gaps) - 5 + lag], heard[5:-5])[0, 1])
        for lag in range(-5, 6)
    }
    assert abs(max(by_lag, key=by_lag.__getitem__)) <= 1, by_lag


def test_the_mouth_is_as_sharp_as_the_reference(
    shown: list[Image], seen: list[NDArray[np.float32]], prepared: Prepared
) -> None:
    made = np.median([mouth_sharpness(image, points) for image, points in zip(shown, seen, strict=True)])
    assert 0.75 <= made / np.median(prepared.parts.sharpness) <= 1.15


def test_nothing_jumps(shown: list[Image], presenter_pictures: list[Image]) -> None:
    """From one picture to the next no more changes than in the reference itself."""

    def worst(pictures: list[Image]) -> float:
        return max(float(np.abs(a[::2, ::2].astype(int) - b[::2, ::2]).mean()) for a, b in pairwise(pictures))

    assert worst(shown) < 1.6 * worst(presenter_pictures) + 0.5


def test_a_real_speaker_driven_by_held_back_sound(test_media: Path, tmp_path: Path) -> None:
    """The last quarter of a real clip is driven by its own sound; the engine has seen only the rest."""
    ready = prepare(test_media / "real" / "s001-01.avi", tmp_path, HybridLipSync.engine, learn=0.75)
    parts, fps = ready.parts, float(ready.fps)
    offset = ready.examination.sound_offset_frames or 0
    body = np.arange(int(0.75 * len(parts.points)), len(parts.points))
    start = round((body[0] + offset) / fps * 16_000)
    samples = sound(test_media / "real" / "s001-01.avi")[start:]
    speech = Speech(samples, 16_000, tuple(align(samples, transcribe(samples).words)), "")
    wanted = parts.articulation.predict(speech, fps, len(body))
    for gesture, least in ((0, 0.4), (1, 0.3)):
        r = np.corrcoef(wanted[:, gesture], parts.own[body[: len(wanted)], gesture])[0, 1]
        assert r > least, (gesture, r)
    first = next(iter(render(parts, speech, body, fps)))
    assert first.shape == (ready.height, ready.width, 3)

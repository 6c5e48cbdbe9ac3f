"""How the head, the brows, the lids and the shoulders move while nobody thinks of them: smooth, small, seeded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pose:
    """One moment. Angles in radians, shifts in frame pixels, the rest 0..1 (brow: -1..1)."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0
    blink: float = 0.0
    brow: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    breath: float = 0.0


def wander(times: Array, low: float, high: float, rng: np.random.Generator) -> Array:
    """Noise between ``low`` and ``high`` Hz, unit amplitude at its peaks, from sines (no filter edges)."""
    out = np.zeros_like(times)
    for frequency in np.geomspace(low, high, 7):
        out += (
            np.sin(2 * np.pi * (frequency * rng.uniform(0.9, 1.1) * times + rng.uniform())) / frequency**0.5
        )
    return np.asarray(out / np.abs(out).max())


def _blinks(times: Array, pauses: Sequence[float], rng: np.random.Generator) -> Array:
    """Lid closure: 80 ms down, 140 ms up, every 2.5 to 5 s, drawn to the pauses of speech as people's blinks are."""
    closed = np.zeros_like(times)
    moment = rng.uniform(1.2, 2.2)
    while moment < times[-1] - 0.5:
        near = [p for p in pauses if abs(p - moment) < 0.8]
        at = near[0] if near else moment
        away = times - at
        down = expit((away + 0.055) / 0.013)
        up = expit((0.085 - away) / 0.024)
        closed = np.maximum(closed, down * up * 1.06)
        moment = at + rng.uniform(2.4, 4.6)
    return np.clip(closed, 0, 1)


def poses(times: Array, loudness: Array, pauses: Sequence[float], seed: int) -> list[Pose]:
    """A pose for each of ``times``. ``loudness`` (0..1, smoothed) nods the head a little on stressed words."""
    rng = np.random.default_rng(seed)
    settle = np.clip(times / 0.6, 0, 1) * 0.5 + 0.5
    degrees = np.pi / 180
    yaw = degrees * (2.6 * wander(times, 0.07, 0.45, rng)) * settle
    pitch = degrees * (1.3 * wander(times, 0.09, 0.55, rng) + 1.3 * (loudness - loudness.mean()))
    roll = degrees * (1.1 * wander(times, 0.06, 0.35, rng) + 0.25 * yaw / degrees)
    x, y = 4.0 * wander(times, 0.06, 0.35, rng), 2.0 * wander(times, 0.08, 0.5, rng)
    scale = 1 + 0.006 * wander(times, 0.05, 0.3, rng)
    brow = 0.35 * wander(times, 0.15, 0.7, rng) + 0.55 * (loudness - loudness.mean())
    steps = np.floor(times / 0.55 + 0.3 * np.sin(times)).astype(int)
    jumps = rng.uniform(-1, 1, (steps.max() + 1, 2)) * [0.8, 0.5]
    # The eyes hold the camera while the head turns (vestibulo-ocular reflex): part of the turn is taken back.
    gaze_x = jumps[steps, 0] - 30 * (yaw - yaw.mean())
    gaze_y = jumps[steps, 1] - 22 * (pitch - pitch.mean())
    breath = np.sin(2 * np.pi * (times / 3.9 + 0.04 * np.sin(times / 2.7)))
    blink = _blinks(times, pauses, rng)
    rows = zip(yaw, pitch, roll, x, y, scale, blink, brow, gaze_x, gaze_y, breath, strict=True)
    return [Pose(*(float(value) for value in row)) for row in rows]

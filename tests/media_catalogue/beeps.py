"""The sound of every file here: beeps at known times, each voice at a pitch of its own, and how to find them again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]
MAIN, RIGHT, CENTRE, OTHER = 1000.0, 1600.0, 700.0, 2400.0  # Hz: who speaks
BEEP = 0.06  # seconds
LEVEL = 0.5


def voice(
    times: Sequence[float], seconds: float, rate: int, hertz: float = MAIN, level: float = LEVEL
) -> Sound:
    """Beeps that begin at ``times`` (seconds of this sound), float32 (n,)."""
    sound = np.zeros(round(seconds * rate), np.float32)
    beep = level * np.sin(2 * np.pi * hertz * np.arange(round(BEEP * rate)) / rate)
    for time in times:
        at = round(time * rate)
        if 0 <= at < len(sound):
            part = beep[: len(sound) - at]
            sound[at : at + len(part)] = part
    return sound


def find(sound: Sound, hertz: float, rate: int = 16_000) -> list[float]:
    """Seconds at which beeps of this pitch begin; about 2 ms exact."""
    if len(sound) < rate // 10:
        return []
    phase = np.exp(-2j * np.pi * hertz * np.arange(len(sound)) / rate)
    window = round(0.02 * rate)  # the beep's own band, 50 Hz wide
    sums = np.concatenate([[0], np.cumsum(np.asarray(sound, np.float64) * phase)])
    level = 2 * np.abs(sums[window:] - sums[:-window]) / window  # amplitude over [i, i + window)
    peak = float(level.max())
    if peak < LEVEL / 5:  # the edges of other voices are no beeps
        return []
    above = level > peak / 2
    rises = np.flatnonzero(above[1:] & ~above[:-1]) + 1
    if above[0]:
        rises = np.concatenate([[0], rises])
    # At half the amplitude half the window is filled: the beep begins half a window later.
    times = [(float(i) + (window / 2 if i else 0)) / rate for i in rises]
    kept: list[float] = []
    for time in times:
        if not kept or time - kept[-1] > BEEP / 2:
            kept.append(time)
    return kept


def amplitude(sound: Sound, hertz: float, rate: int = 16_000) -> float:
    """The loudest moment at this pitch: the amplitude over 20 ms."""
    if len(sound) < rate // 10:
        return 0.0
    phase = np.exp(-2j * np.pi * hertz * np.arange(len(sound)) / rate)
    window = round(0.02 * rate)
    sums = np.concatenate([[0], np.cumsum(np.asarray(sound, np.float64) * phase)])
    return float((2 * np.abs(sums[window:] - sums[:-window]) / window).max())


def event_times(end: float, seed: int = 0) -> list[float]:
    """Irregular moments of flash and beep: .35 to .8 s apart, so that only the true offset fits them all."""
    rng = np.random.default_rng(1000 + seed)
    times, now = [], 0.2
    while now < end - 0.1:
        times.append(round(now, 3))
        now += float(rng.uniform(0.35, 0.8))
    return times

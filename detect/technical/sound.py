"""Silence, clipping and dropouts, in a stream; loudness is in ``loudness``."""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from detect.technical.loudness import LoudnessMeter

SLICE = 0.001  # seconds: the envelope's resolution
FULL = 0.985  # of full scale: clipped plateaus ripple a little after a lossy codec
QUIET = 0.001  # -60 dBFS: where nothing is said, a room is still louder than this, or it is digital silence
ABRUPT = 0.05  # level right beside a hole: speech fades into its pauses, a dropout cuts the wave
BESIDE = 4  # slices: a codec smears the cut over a few milliseconds


class SoundMeter:
    """Feed it blocks of float32 (n, channels) of half a second or so; it keeps one peak a millisecond."""

    def __init__(self, rate: int, channels: int) -> None:
        self.loudness = LoudnessMeter(rate, channels)
        self.rate = rate
        self.channels = channels
        self.samples = 0
        self._slice = max(1, round(SLICE * rate))
        self._left = np.zeros((0, channels), np.float32)
        self._peaks = array("f")
        self._clipped = array("i")  # samples at full scale in a plateau, by slice

    def feed(self, block: NDArray[np.float32]) -> None:
        self.samples += len(block)
        self.loudness.feed(block)
        joined = np.concatenate([self._left, block])
        whole = len(joined) // self._slice * self._slice
        level = np.abs(joined[:whole]).max(axis=1)
        full = level >= FULL
        # Two neighbours at full scale: a plateau. A single sample there is an honest peak.
        plateau = full & (np.roll(full, 1) | np.roll(full, -1))
        self._peaks.extend(level.reshape(-1, self._slice).max(axis=1).tolist())
        self._clipped.extend(plateau.reshape(-1, self._slice).sum(axis=1).tolist())
        self._left = joined[whole:]

    @property
    def seconds(self) -> float:
        return self.samples / self.rate

    @property
    def slice_seconds(self) -> float:
        return self._slice / self.rate

    def clipped_by_second(self) -> NDArray[np.float64]:
        """Share of clipped samples in each second."""
        counts = np.frombuffer(self._clipped, np.int32)
        per = max(1, round(1 / self.slice_seconds))
        padded = np.pad(counts, (0, -len(counts) % per))
        return np.asarray(padded.reshape(-1, per).sum(axis=1) / (per * self._slice), np.float64)

    def silences(self, at_least: float) -> list[tuple[float, float]]:
        """(t0, t1) of stretches below -60 dBFS of at least so many seconds."""
        quiet = np.frombuffer(self._peaks, np.float32) < QUIET
        return [(a, b) for a, b in self._runs(quiet) if b - a >= at_least]

    def dropouts(self, shortest: float, longest: float) -> list[tuple[float, float]]:
        """(t0, t1) of holes that cut the wave on both sides: loud, at once nothing, at once loud."""
        peaks = np.frombuffer(self._peaks, np.float32)
        holes = []
        for a, b in self._runs(peaks < QUIET * 2):
            first, last = round(a / self.slice_seconds), round(b / self.slice_seconds)
            before, after = peaks[max(0, first - BESIDE) : first], peaks[last : last + BESIDE]
            cut = len(before) and len(after) and before.max() > ABRUPT and after.max() > ABRUPT
            if cut and shortest <= b - a <= longest:
                holes.append((a, b))
        return holes

    def _runs(self, flags: NDArray[np.bool_]) -> list[tuple[float, float]]:
        edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
        return [
            (float(a) * self.slice_seconds, float(b) * self.slice_seconds) for a, b in edges.reshape(-1, 2)
        ]

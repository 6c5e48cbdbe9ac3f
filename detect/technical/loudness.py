"""Loudness in a stream: ITU-R BS.1770-5 with the gates of EBU R 128, without holding the sound."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pyloudnorm
from numpy.typing import NDArray
from scipy.signal import lfilter, resample_poly

STEP = 0.1  # seconds: gating blocks of 400 ms overlap by 75 %
ABSOLUTE_GATE = -70.0  # LUFS
RELATIVE_GATE = -10.0  # LU
OVERSAMPLING = 4
_OVERLAP = 64  # samples that the oversampling filter sees beyond a block


class LoudnessMeter:
    """Feed it blocks, then ask. The K-weighting filters are pyloudnorm's, run with their state kept."""

    def __init__(self, rate: int, channels: int) -> None:
        self._filters = list(pyloudnorm.Meter(rate)._filters.values())
        self._states = [np.zeros((max(len(f.a), len(f.b)) - 1, channels)) for f in self._filters]
        # BS.1770: left, right and centre count once, surround 1.41 times, the low-frequency channel not at all.
        weights = [1.0, 1.0, 1.0, 0.0, 1.41, 1.41] if channels == 6 else [1.0] * channels
        self._weights = np.array(weights)
        self._step = round(STEP * rate)
        self._left = np.zeros((0, channels))
        self._energies = array("d")
        self._tail = np.zeros((_OVERLAP, channels), np.float32)
        self.peak = 0.0

    def feed(self, block: NDArray[np.float32]) -> None:
        """The next samples, float32 (n, channels)."""
        weighted = block.astype(np.float64)
        for i, kind in enumerate(self._filters):
            weighted, self._states[i] = lfilter(kind.b, kind.a, weighted, axis=0, zi=self._states[i])
            weighted = weighted * kind.passband_gain
        self._left = np.concatenate([self._left, weighted])
        whole = len(self._left) // self._step * self._step
        power = (self._left[:whole] ** 2).reshape(-1, self._step, self._left.shape[1]).mean(axis=1)
        self._energies.extend((power @ self._weights).tolist())
        self._left = self._left[whole:]
        joined = np.concatenate([self._tail, block])
        self.peak = max(self.peak, float(np.abs(resample_poly(joined, OVERSAMPLING, 1, axis=0)).max()))
        self._tail = joined[-_OVERLAP:]

    @property
    def integrated(self) -> float:
        """LUFS of all that was fed; -inf for silence and for less than 0.4 s."""
        steps = np.frombuffer(self._energies, np.float64)
        if len(steps) < 4:
            return float("-inf")
        blocks = np.convolve(steps, np.ones(4) / 4, mode="valid")
        loud = blocks[_lufs(blocks) > ABSOLUTE_GATE]
        if not len(loud):
            return float("-inf")
        gated = loud[_lufs(loud) > _lufs(loud.mean()) + RELATIVE_GATE]
        return float(_lufs(gated.mean())) if len(gated) else float("-inf")

    @property
    def true_peak(self) -> float:
        """dBTP of the loudest channel, 4 times oversampled; -inf for silence."""
        return float(20 * np.log10(self.peak)) if self.peak > 0 else float("-inf")


def _lufs(power: NDArray[np.float64] | np.floating[Any]) -> NDArray[np.float64]:
    return np.asarray(-0.691 + 10 * np.log10(np.maximum(power, 1e-12)))

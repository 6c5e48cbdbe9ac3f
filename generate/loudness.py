"""Bring speech to one loudness: -16 LUFS (EBU R128), true peak at most -1 dBTP (ITU-R BS.1770-4, 4x oversampled)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.heartbeat import beat

TARGET_LUFS = -16.0
PEAK_DBTP = -1.0
_OVERSAMPLE = 4
_BLOCK_SECONDS = 0.4  # BS.1770's gating block: shorter sound has no integrated loudness


def integrated_loudness(samples: NDArray[np.float32], rate: int) -> float:
    """LUFS of mono sound; -inf for silence. Sound shorter than one gating block is padded with silence."""
    import pyloudnorm

    beat()
    short = int(_BLOCK_SECONDS * rate) + 1 - len(samples)
    padded = np.pad(samples, (0, max(0, short))).astype(np.float64)
    if not np.any(padded):
        return float("-inf")
    return float(pyloudnorm.Meter(rate).integrated_loudness(padded))


def true_peak_db(samples: NDArray[np.float32]) -> float:
    """dBTP, measured on 4x oversampled sound; -inf for silence."""
    if not np.any(samples):
        return float("-inf")
    return float(20 * np.log10(_oversampled(samples).max()))


def normalise(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """The same sound at -16 LUFS, its peaks held below -1 dBTP by a look-ahead limiter. Silence stays silence.

    Args:
        samples: float32 (n,) mono. rate: samples a second.
    """
    loudness = integrated_loudness(samples, rate)
    if not np.isfinite(loudness):
        return samples
    loud = samples * np.float32(10 ** ((TARGET_LUFS - loudness) / 20))
    # The limiter takes a little loudness away; the second round gives it back.
    for _ in range(2):
        loud = _limit(loud, rate)
        loud = loud * np.float32(10 ** ((TARGET_LUFS - integrated_loudness(loud, rate)) / 20))
    return _limit(loud, rate)


def _limit(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    from scipy.ndimage import minimum_filter1d

    beat()
    ceiling = 10 ** ((PEAK_DBTP - 0.1) / 20)
    peaks = _oversampled(samples)[: len(samples) * _OVERSAMPLE].reshape(-1, _OVERSAMPLE).max(axis=1)
    if peaks.max() <= ceiling:
        return samples
    reach = max(3, int(0.005 * rate)) | 1
    gain = minimum_filter1d(np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9)), 2 * reach + 1)
    window = np.hanning(reach + 2)[1:-1]
    padded = np.pad(gain, reach // 2, mode="edge")
    smooth = np.convolve(padded, window / window.sum(), mode="valid")
    return (samples * smooth).astype(np.float32)


def _oversampled(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Magnitudes between the samples too."""
    from scipy.signal import resample_poly  # here: relay and web load this file, and do not wait for scipy

    fine: NDArray[np.float32] = np.abs(resample_poly(samples, _OVERSAMPLE, 1))
    return fine

"""Where on the reference's time axis a candidate may begin: likely offsets by speech, mouth and picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from provenance.fingerprint.models import SPEECH_RATE, Fingerprint
from provenance.fingerprint.sound import bits_of
from provenance.fingerprint.watch import NO_FACE

Floats = npt.NDArray[np.float32]
# The candidate may begin this much before the reference or end after it: encoder delay.
MARGIN = 0.15


def offsets(reference: Fingerprint, candidate: Fingerprint, *, most: int = 3) -> list[float]:
    """Offsets in seconds, likely ones first: 0, then the peaks of the correlations. At most ``1 + 3 * most``."""
    found = [0.0]
    for series in (_speech, _mouth, _picture):
        for offset in _peaks(series(reference), series(candidate), most):
            if all(abs(offset - other) > 0.013 for other in found):
                found.append(offset)
    return found


def _speech(print_: Fingerprint) -> Floats:
    """(hops, 24) signs, 0 where it is quiet."""
    loud = np.percentile(print_.level, 95) if len(print_.level) else 0
    signs = bits_of(print_.speech).astype(np.float32)
    signs[print_.level.astype(np.float32) < max(loud - 50, 80)] = 0
    return signs


def _mouth(print_: Fingerprint) -> Floats:
    """(hops, 1) mouth opening at the hops' rate, its slow part taken out."""
    found = print_.motion[:, 0] != NO_FACE
    if found.sum() < SPEECH_RATE // 2:
        return np.zeros((0, 1), np.float32)
    at = np.arange(int(print_.duration * SPEECH_RATE)) / SPEECH_RATE
    opening = np.interp(at, print_.frame_ms[found] / 1000, print_.motion[found, 0])
    slow = np.convolve(np.pad(opening, 20, mode="edge"), np.full(41, 1 / 41), mode="valid")
    series: Floats = np.subtract(opening, slow, dtype=np.float32)[:, None]
    return series


def _picture(print_: Fingerprint) -> Floats:
    """(hops, 704) is too much: eight fixed sums of the blocks, at the hops' rate, means taken out."""
    at = np.arange(int(print_.duration * SPEECH_RATE)) / SPEECH_RATE
    if not len(at) or not len(print_.picture_ms):
        return np.zeros((0, 8), np.float32)
    weights = np.random.default_rng(1).normal(size=(print_.pictures.shape[1], 8))
    blocks = (print_.pictures[start : start + 2048] for start in range(0, len(print_.pictures), 2048))
    sums = np.concatenate([block.astype(np.float64) @ weights for block in blocks])
    series = np.stack([np.interp(at, print_.picture_ms / 1000, column) for column in sums.T], axis=1)
    level: Floats = np.asarray(series - series.mean(axis=0), np.float32)
    return level


def _peaks(reference: Floats, candidate: Floats, most: int) -> list[float]:
    """Offsets of the highest normalised correlations of two series (hops, columns)."""
    from scipy.signal import fftconvolve  # here: relay and web load this file, and do not wait for scipy

    if len(reference) < SPEECH_RATE or len(candidate) < SPEECH_RATE:
        return []
    pad = round(MARGIN * SPEECH_RATE)
    if len(candidate) > len(reference) + 2 * pad:
        candidate = candidate[: len(reference)]
    padded = np.pad(reference, ((pad, pad), (0, 0)))
    score = np.zeros(len(padded) - len(candidate) + 1)
    energy = np.zeros_like(score)
    ones = np.ones(len(candidate))
    for column in range(reference.shape[1]):
        score += fftconvolve(padded[:, column], candidate[::-1, column], mode="valid")
        energy += fftconvolve(padded[:, column] ** 2, ones, mode="valid")
    score /= np.sqrt(np.maximum(energy, energy.max() * 1e-3 + 1e-9))
    found: list[float] = []
    for _ in range(most):
        at = int(score.argmax())
        found.append((at - pad) / SPEECH_RATE)
        score[max(at - 4, 0) : at + 5] = -np.inf
        if not np.isfinite(score).any():
            break
    return found

"""What the sync network sees: lip geometry at 25 Hz and log-mels at 100 Hz.

The lips are taken out of the head's pose (a similarity on the eye region), so that a nod is no lip movement; what
remains is a speaker's own mouth, from which the clip's median is taken. Both are normalised within the clip.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.perception.models import FaceTrack

RATE = 25  # lip frames a second; every video is resampled to it
MELS = 40
MEL_RATE = 100
SOUND_RATE = 16_000
_WINDOW, _HOP = 400, 160
_MEL_LOW, _MEL_HIGH = 55.0, 7600.0

# MediaPipe mesh indices: outer and inner lip contours, then chin and jaw line.
LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
)  # fmt: skip
JAW = (152, 148, 176, 149, 150, 377, 400, 378, 379, 18, 200, 199, 175, 206, 426, 205, 425, 2, 164)
# Corners of the eyes and the bridge of the nose: they hardly move in speech.
STABLE = (33, 133, 362, 263, 168, 6, 197, 195, 127, 356, 130, 359)
POINTS = LIPS + JAW
_PAIRS = {
    61: 291, 146: 375, 91: 321, 181: 405, 84: 314, 185: 409, 40: 270, 39: 269, 37: 267, 78: 308, 95: 324, 88: 318,
    178: 402, 87: 317, 191: 415, 80: 310, 81: 311, 82: 312, 148: 377, 176: 400, 149: 378, 150: 379, 206: 426, 205: 425,
}  # fmt: skip
# Position in POINTS of each point's mirror image; points on the middle line are their own.
MIRROR = tuple(
    POINTS.index({**_PAIRS, **{right: left for left, right in _PAIRS.items()}}.get(point, point))
    for point in POINTS
)
FEATURES = 2 * len(POINTS)

Array = NDArray[np.float32]


def lip_features(track: FaceTrack) -> tuple[Array, NDArray[np.bool_]]:
    """Lip geometry at 25 Hz: float32 (n, FEATURES) in inter-eye distances around the clip's median, and bool (n,)
    where a face was seen. Gaps are held constant, and are not valid."""
    if len(track.times) < 2 or not track.found.any():
        return np.zeros((0, FEATURES), np.float32), np.zeros(0, bool)
    found = np.flatnonzero(track.found)
    points = track.landmarks[found][:, :, :2].astype(np.float64)
    normal = _out_of_pose(points)
    start, end = float(track.times[0]), float(track.times[-1])
    grid = start + np.arange(int((end - start) * RATE) + 1) / RATE
    times = track.times[found]
    flat = normal.reshape(len(found), -1)
    lips = np.stack([np.interp(grid, times, column) for column in flat.T], axis=1)
    nearest = np.clip(np.searchsorted(track.times, grid), 0, len(track.times) - 1)
    valid = track.found[nearest]
    lips -= np.median(lips, axis=0)
    spread = np.median(np.abs(lips), axis=0).mean() + 1e-3
    # The scale follows the clip's own movement only in part: a still mouth must not become a talking one.
    return (lips / max(float(spread), 0.004) * 0.5).clip(-6, 6).astype(np.float32), valid


def _out_of_pose(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, m, 2) lips and jaw after the similarity that lays the stable points onto their mean (Umeyama 1991)."""
    stable = points[:, STABLE]
    centre = stable.mean(axis=1, keepdims=True)
    scale = np.linalg.norm(points[:, 33] - points[:, 263], axis=1)[:, None, None] + 1e-6
    shape = (stable - centre) / scale
    mean = shape[len(shape) // 2]
    # Upright: the line between the outer eye corners is level, however the head was held.
    along = mean[STABLE.index(263)] - mean[STABLE.index(33)]
    cosine, sine = along / (np.linalg.norm(along) + 1e-9)
    mean = mean @ np.array([[cosine, -sine], [sine, cosine]])
    turned = np.einsum("nki,kj->nij", shape, mean)
    across = turned[:, 0, 0] + turned[:, 1, 1]
    turn = turned[:, 0, 1] - turned[:, 1, 0]
    length = np.hypot(across, turn) + 1e-9
    across, turn = across / length, turn / length
    rotation = np.stack([np.stack([across, turn], -1), np.stack([-turn, across], -1)], axis=1)
    lips = (points[:, POINTS] - centre) / scale
    out: NDArray[np.float64] = np.einsum("nki,nij->nkj", lips, rotation)
    return out


def mel_features(sound: Array) -> Array:
    """Log-mels at 100 Hz, float32 (n, 40), zero mean and unit spread within the clip. ``sound``: 16 kHz mono."""
    if len(sound) < _WINDOW:
        return np.zeros((0, MELS), np.float32)
    count = 1 + (len(sound) - _WINDOW) // _HOP
    blocks = []
    window = np.hanning(_WINDOW).astype(np.float32)
    for first in range(0, count, 4096):  # bounded memory for an hour of sound
        last = min(count, first + 4096)
        part = sound[first * _HOP : (last - 1) * _HOP + _WINDOW]
        frames = np.lib.stride_tricks.sliding_window_view(part, _WINDOW)[::_HOP]
        power = np.abs(np.fft.rfft(frames * window, 512)) ** 2
        blocks.append(np.log(power @ _filters() + 1e-6).astype(np.float32))
    mels = np.concatenate(blocks)
    mels -= mels.mean(axis=0)
    scaled: Array = (mels / (mels.std() + 1e-3)).clip(-4, 4).astype(np.float32)
    return scaled


def voiced(sound: Array, count: int) -> NDArray[np.bool_]:
    """bool (count,) at 25 Hz: louder than 26 dB below the clip's loud parts, and than -60 dBFS."""
    hop = SOUND_RATE // RATE
    padded = np.pad(sound, (0, max(0, count * hop - len(sound))))[: count * hop]
    level = 10 * np.log10((padded.reshape(count, hop) ** 2).mean(axis=1) + 1e-12)
    smooth = np.convolve(level, np.ones(3) / 3, mode="same") if count >= 3 else level
    loud = np.percentile(smooth, 95) if count else 0.0
    quiet: NDArray[np.bool_] = (smooth > max(loud - 26.0, -60.0)) & (smooth > -60.0)
    return quiet


@lru_cache(maxsize=1)
def _filters() -> Array:
    """Triangular filters on the mel scale (HTK formula), float32 (257, 40)."""

    def mel(hertz: Any) -> Any:
        return 2595 * np.log10(1 + np.asarray(hertz) / 700)

    edges = 700 * (10 ** (np.linspace(mel(_MEL_LOW), mel(_MEL_HIGH), MELS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(512, 1 / SOUND_RATE)
    rise = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    filters: Array = np.maximum(0, np.minimum(rise, fall)).astype(np.float32)
    return filters

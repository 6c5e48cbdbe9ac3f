"""What the sync network sees: lip geometry at 25 Hz and log-mels at 100 Hz.

The lips are taken out of the head's pose (a similarity on the eye region), so that a nod is no lip movement; what
remains is a speaker's own mouth, from which the clip's median is taken. Both are normalised within the clip, and lie
on the presentation's time from its zero: a picture that starts later or earlier than the sound moves nothing.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.media.heard import Listening
from core.perception.record import LandmarkRecorder
from core.rows import Rows, Sliced, in_blocks

RATE = 25  # lip frames a second; every video is resampled to it
MELS = 40
MEL_RATE = 100
SOUND_RATE = 16_000
_WINDOW, _HOP = 400, 160
_MEL_LOW, _MEL_HIGH = 55.0, 7600.0
_BLOCK = 4096  # rows at a time: bounded memory for hours

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

# What is recorded of each frame, in this order.
RECORDED = STABLE + POINTS
HELD = 0.25  # seconds: where pictures follow each other more slowly, the lips in between are not known

Array = NDArray[np.float32]


class Lips:
    """Lip geometry at 25 Hz of the presentation's time: row k is at k / RATE seconds, float32 (n, FEATURES).

    Read in slices, ``lips[a:b]``. In inter-eye distances around the clip's median; rows before the first picture hold
    its first one.
    """

    def __init__(self, first: int, rows: Rows) -> None:
        """``rows``: what is seen at grid row ``first`` and after it, out of the head's pose."""
        self._first = first
        self._rows = rows
        middles, spreads = [], []
        for start in range(0, FEATURES, 8):  # a few columns at a time: a median needs a whole column
            columns = np.concatenate([block[:, start : start + 8] for block in in_blocks(rows)])
            middle = np.median(columns, axis=0)
            middles.append(middle)
            spreads.append(np.median(np.abs(columns - middle), axis=0))
        self._middle = np.concatenate(middles)
        # The scale follows the clip's own movement only in part: a still mouth must not become a talking one.
        self._spread = max(float(np.concatenate(spreads).mean() + 1e-3), 0.004)

    def __len__(self) -> int:
        return self._first + len(self._rows)

    def __getitem__(self, key: slice, /) -> Array:
        start, stop, _ = key.indices(len(self))
        seen = self._rows[max(0, start - self._first) : max(0, stop - self._first, 1)]
        before = np.repeat(seen[:1], max(0, min(stop, self._first) - start), axis=0)
        if stop <= self._first:
            seen = seen[:0]
        lips = np.concatenate([before, seen]) - self._middle
        scaled: Array = (lips / self._spread * 0.5).clip(-6, 6).astype(np.float32)
        return scaled


def lip_features(seen: LandmarkRecorder) -> tuple[Sliced, NDArray[np.bool_]]:
    """Lip geometry at k / RATE seconds of the presentation (:class:`Lips`), and bool (n,) where a face was seen.

    Nothing is valid before the first picture or after the last one. Gaps are bridged, and are not valid.

    Args:
        seen: the points ``RECORDED`` of every frame.
    """
    times = seen.times
    found = np.flatnonzero(seen.found)
    if len(times) < 2 or not len(found):
        return np.zeros((0, FEATURES), np.float32), np.zeros(0, bool)
    first = math.ceil(times[0] * RATE - 1e-9)
    count = int(times[-1] * RATE) + 1
    if count <= first:
        return np.zeros((0, FEATURES), np.float32), np.zeros(0, bool)
    grid = np.arange(first, count) / RATE
    middle = int(found[len(found) // 2])
    upright = _upright(seen[middle : middle + 1].astype(np.float64))
    rows = Rows((FEATURES,), np.float64)
    known = times[found]
    for start in range(0, len(grid), _BLOCK):
        asked = grid[start : start + _BLOCK]
        a = max(0, int(np.searchsorted(known, asked[0], side="right")) - 1)
        b = min(len(known), int(np.searchsorted(known, asked[-1])) + 1)
        kept = seen[int(found[a]) : int(found[b - 1]) + 1][found[a:b] - found[a], :, :2]
        flat = _out_of_pose(kept.astype(np.float64), upright).reshape(b - a, -1)
        rows.append(np.stack([np.interp(asked, known[a:b], column) for column in flat.T], axis=1))
    after = np.clip(np.searchsorted(times, grid), 0, len(times) - 1)
    valid = np.zeros(count, bool)
    valid[first:] = seen.found[after] & (times[after] - times[np.maximum(after - 1, 0)] <= HELD)
    return Lips(first, rows), valid


def _upright(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(s, 2) the stable points of (1, m, 2), the outer eye corners level, however the head was held."""
    shape = _shape(points)[0][0]
    along = shape[STABLE.index(263)] - shape[STABLE.index(33)]
    cosine, sine = along / (np.linalg.norm(along) + 1e-9)
    turned: NDArray[np.float64] = shape @ np.array([[cosine, -sine], [sine, cosine]])
    return turned


def _shape(
    points: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Stable points (n, s, 2) in inter-eye distances around their centre; that centre and distance."""
    stable = points[:, : len(STABLE)]
    centre = stable.mean(axis=1, keepdims=True)
    apart = stable[:, STABLE.index(33)] - stable[:, STABLE.index(263)]
    scale = np.linalg.norm(apart, axis=1)[:, None, None] + 1e-6
    return (stable - centre) / scale, centre, scale


def _out_of_pose(points: NDArray[np.float64], upright: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, m, 2) lips and jaw after the similarity that lays the stable points onto ``upright`` (Umeyama 1991)."""
    shape, centre, scale = _shape(points)
    turned = np.einsum("nki,kj->nij", shape, upright)
    across = turned[:, 0, 0] + turned[:, 1, 1]
    turn = turned[:, 0, 1] - turned[:, 1, 0]
    length = np.hypot(across, turn) + 1e-9
    across, turn = across / length, turn / length
    rotation = np.stack([np.stack([across, turn], -1), np.stack([-turn, across], -1)], axis=1)
    lips = (points[:, len(STABLE) :] - centre) / scale
    out: NDArray[np.float64] = np.einsum("nki,nij->nkj", lips, rotation)
    return out


class Mels:
    """Log-mels at 100 Hz of the presentation's time: row m is at m / MEL_RATE seconds, float32 (n, MELS).

    Read in slices, ``mels[a:b]``, and made then; of zero mean in each band and unit spread within the clip.
    """

    def __init__(self, sound: Listening) -> None:
        self._sound = sound
        self._count = 1 + (len(sound) - _WINDOW) // _HOP if len(sound) >= _WINDOW else 0
        self._mean, self._spread = np.zeros(MELS, np.float32), np.float32(1)
        total, squares = np.zeros(MELS), np.zeros(MELS)
        for start in range(0, self._count, _BLOCK):
            block = self._logs(start, min(self._count, start + _BLOCK)).astype(np.float64)
            total += block.sum(axis=0)
            squares += (block**2).sum(axis=0)
        if self._count:
            mean = total / self._count
            self._mean = mean.astype(np.float32)
            self._spread = np.float32(
                np.sqrt(max(0.0, float((squares / self._count - mean**2).mean()))) + 1e-3
            )

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, key: slice, /) -> Array:
        start, stop, _ = key.indices(self._count)
        scaled: Array = ((self._logs(start, stop) - self._mean) / self._spread).clip(-4, 4)
        return scaled

    def _logs(self, start: int, stop: int) -> Array:
        if stop <= start:
            return np.zeros((0, MELS), np.float32)
        part = self._sound[start * _HOP : (stop - 1) * _HOP + _WINDOW]
        frames = np.lib.stride_tricks.sliding_window_view(part, _WINDOW)[::_HOP]
        power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW).astype(np.float32), 512)) ** 2
        logs: Array = np.log(power @ _filters() + 1e-6).astype(np.float32)
        return logs


def mel_features(sound: Listening) -> Mels:
    """Log-mels at 100 Hz, see :class:`Mels`. ``sound``: 16 kHz mono, sample n at n / 16000 s of the presentation."""
    return Mels(sound)


def voiced(sound: Listening, count: int) -> NDArray[np.bool_]:
    """bool (count,) at 25 Hz: louder than 26 dB below the clip's loud parts, and than -60 dBFS."""
    hop = SOUND_RATE // RATE
    level = np.full(count, -120.0, np.float32)
    for start in range(0, count, _BLOCK):
        part = sound[start * hop : min(count, start + _BLOCK) * hop]
        part = np.pad(part, (0, -len(part) % hop)).reshape(-1, hop)
        level[start : start + len(part)] = 10 * np.log10((part**2).mean(axis=1) + 1e-12)
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

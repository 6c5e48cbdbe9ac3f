"""What one ear has that another does not explain, and whether it is a voice.

A short filter's prediction from the other ear is taken out (as an echo canceller does), then what rises and falls with
the other's power: the echo of a room, the noise of a codec.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.heartbeat import beat
from core.media.heard import RATE, Ear
from core.media.models import Samples

WINDOW = 10.0  # seconds in which one filter holds: longer than a sentence, shorter than a scene
MARGIN = 1.0  # seconds read before and after, so that filter, echo and detector do not begin in the middle
SIZE, HOP = 512, 128  # samples of the spectra: 32 ms each 8 ms
TAPS = range(-2, 13)  # frames of the one ear that explain one of the other: 16 ms early to 96 ms late
LATEST = 1.0  # seconds by which a channel may be late
CLEAR = 20.0  # times the usual height: a peak of the correlation that is a delay
TAILS = (0.08, 0.25, 0.7)  # seconds until an echo has lost 60 dB: short ones, a room, a hall
OVER = 3.0  # times the power that is explained; less lets echoes through, more swallows quiet voices
FRAME = 512  # samples of one answer of the voice detector
VOICE = 0.5  # its probability
ENOUGH = 0.45  # seconds of voice in a window that are looked into

Spectra = NDArray[np.complex64]


def windows(length: int) -> Iterator[tuple[int, int]]:
    """First sample and end of each window; the last is up to half as long again, or shorter."""
    step = int(WINDOW * RATE)
    starts = list(range(0, max(1, length - step // 2), step))
    yield from zip(starts, [*starts[1:], length], strict=True)


def remains(base: Ear, ear: Ear, begin: int, end: int, late: bool = False) -> Samples:
    """Samples ``begin`` to ``end`` of ``ear``, without what a filter makes of ``base`` in each window."""
    parts = [Remains(base, ear, begin + a, begin + b, late=late).sound for a, b in windows(end - begin)]
    return np.concatenate(parts)


class Remains:
    """What one ear has in a window that another does not explain."""

    def __init__(self, base: Ear, ear: Ear, start: int, stop: int, *, late: bool = False):
        """``late``: the ear may hear the same up to LATEST seconds before or after the base."""
        beat()
        margin = int(MARGIN * RATE)
        first, end = max(0, start - margin), min(len(base), stop + margin)
        heard, explaining = ear[first:end], base[first:end]
        self._whole = heard
        if late:
            lag = _lag(explaining, heard)
            explaining = base[max(0, first - lag) : max(0, end - lag)]
            explaining = np.pad(explaining, (max(0, lag - first), 0))
            explaining = np.pad(explaining, (0, len(heard) - len(explaining)))
        self._base = spectra(explaining)
        self._size = end - first
        self._inside = slice(start - first, stop - first)
        self._left = _without(self._base, spectra(heard))
        self.linear = _sound(self._left, self._size)  # with the margins

    @property
    def sound(self) -> Samples:
        return self.linear[self._inside]

    @property
    def level(self) -> float:
        """RMS of the loudest half second, dBFS."""
        return loudest(self.sound)

    @property
    def explained(self) -> float:
        """dB by which the filter's prediction lowers the ear."""
        return loudest(self._whole[self._inside]) - self.level

    def unexplained(self) -> Samples:
        """``linear`` less what rises and falls with the power of the other: echoes, the noise of a codec."""
        return _sound(self._left * _gains(self._base, self._left), self._size)

    def speaks(self, sound: Samples, floor: float) -> bool:
        first, end = self._inside.start // FRAME, -(-self._inside.stop // FRAME)
        if (
            loudest(sound[self._inside]) < floor - 5
        ):  # half a second may be softer than the second that was measured
            return False
        voiced = _voice(levelled(sound))[first:end] > VOICE
        return bool(voiced.sum() * FRAME / RATE >= ENOUGH)


def _lag(base: Samples, ear: Samples) -> int:
    """Samples by which ``ear`` is later than ``base``, by phase alone; 0 where that is no clear answer."""
    size = 1 << (len(base) + len(ear)).bit_length()
    cross = np.fft.rfft(ear, size) * np.conj(np.fft.rfft(base, size))
    peaks = np.abs(np.fft.irfft(cross / (np.abs(cross) + 1e-9), size))
    most = int(LATEST * RATE)
    near = np.concatenate([peaks[-most:], peaks[: most + 1]])
    best = int(near.argmax())
    return best - most if near[best] > CLEAR * float(np.sqrt(np.mean(near**2))) else 0


def _without(base: Spectra, ear: Spectra) -> Spectra:
    """``ear`` less its least-squares prediction, bin by bin, from TAPS frames of ``base``."""
    taps = np.stack([_shifted(base, k) for k in TAPS], axis=2).transpose(1, 0, 2)
    wanted = ear.T[:, :, None]
    adjoint = taps.conj().transpose(0, 2, 1)
    gram = adjoint @ taps
    ridge = 1e-4 * np.trace(gram, axis1=1, axis2=2).real / len(TAPS) + 1e-9
    weights = np.linalg.solve(gram + ridge[:, None, None] * np.eye(len(TAPS)), adjoint @ wanted)
    return np.asarray((wanted - taps @ weights)[:, :, 0].T, np.complex64)


def _shifted(spectra: Spectra, frames: int) -> Spectra:
    out = np.zeros_like(spectra)
    if frames >= 0:
        out[frames:] = spectra[: len(spectra) - frames]
    else:
        out[:frames] = spectra[-frames:]
    return out


def _gains(base: Spectra, left: Spectra) -> NDArray[np.float32]:
    """0..1 for each frame and bin: the share of the power that the power of ``base`` does not explain.

    In each band the power is a sum of the base's at about this moment and of its tails. The weights minimise the
    Itakura-Saito divergence by multiplicative steps: like a median of ratios, it does not bend to a few loud cells.
    """
    from scipy.ndimage import maximum_filter1d, uniform_filter1d
    from scipy.signal import lfilter

    power = _banded(base)
    parts = [maximum_filter1d(power, 9, axis=0)]
    for seconds in TAILS:
        keep = np.exp(-6.9 * HOP / RATE / seconds)
        parts.append(lfilter([1 - keep], [1, -keep], power, axis=0))
    explaining = np.stack(parts, axis=2).transpose(1, 0, 2) + 1e-12  # (bands, frames, parts)
    seen = uniform_filter1d(_banded(left), 5, axis=0).T + 1e-12
    weights = np.repeat(
        (seen.mean(axis=1) / explaining.mean(axis=(1, 2)) / len(parts))[:, None], len(parts), axis=1
    )
    for _ in range(15):
        guess = np.einsum("btk,bk->bt", explaining, weights) + 1e-12
        up = np.einsum("btk,bt->bk", explaining, seen / guess**2)
        down = np.einsum("btk,bt->bk", explaining, 1 / guess)
        weights *= np.sqrt(up / (down + 1e-12))
    guess = np.einsum("btk,bk->bt", explaining, weights)
    gain = np.clip(1 - OVER * guess / seen, 0, 1).T
    edges = _edges()
    out = np.zeros(left.shape, np.float32)
    out[:, edges[0] : edges[-1]] = np.repeat(gain, np.diff(edges), axis=1)
    return out


def _banded(spectra: Spectra) -> NDArray[np.float64]:
    edges = _edges()
    power = np.square(np.abs(spectra[:, : edges[-1]]), dtype=np.float64)
    return np.asarray(np.add.reduceat(power, edges[:-1], axis=1))


@lru_cache(maxsize=1)
def _edges() -> NDArray[np.int64]:
    """Bands from 60 Hz to 8 kHz, each wider than the one below."""
    edges: NDArray[np.int64] = np.unique(np.round(np.geomspace(2, SIZE // 2, 25)).astype(np.int64))
    return edges


@lru_cache(maxsize=1)
def _taper() -> NDArray[np.float32]:
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(SIZE) / SIZE)
    return np.asarray(np.sqrt(hann), np.float32)


def spectra(sound: Samples) -> Spectra:
    """complex64 (frames, bins)."""
    padded = np.pad(sound, (SIZE, SIZE + -len(sound) % HOP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, SIZE)[::HOP]
    return np.asarray(np.fft.rfft(frames * _taper(), axis=1), np.complex64)


def _sound(spectra: Spectra, size: int) -> Samples:
    frames = np.fft.irfft(spectra, axis=1).astype(np.float32) * _taper() * np.float32(2 * HOP / SIZE)
    out = np.zeros((len(frames) - 1) * HOP + SIZE, np.float32)
    for i in range(SIZE // HOP):
        part = frames[i :: SIZE // HOP]
        out[i * HOP : i * HOP + part.size] += part.reshape(-1)
    return out[SIZE : SIZE + size]


def loudest(sound: Samples) -> float:
    """RMS of the loudest half second, dBFS."""
    if not len(sound):
        return -120.0
    parts = np.array_split(sound, max(1, round(2 * len(sound) / RATE)))
    return max(float(10 * np.log10(np.square(part, dtype=np.float64).mean() + 1e-12)) for part in parts)


def levelled(sound: Samples) -> Samples:
    """The sound with its loudest half second at -20 dBFS, as recogniser and detector of voice like it."""
    gain = 10 ** (min(80.0, -20.0 - loudest(sound)) / 20)
    return np.asarray(np.clip(sound * np.float32(gain), -1, 1), np.float32)


def _voice(sound: Samples) -> NDArray[np.float32]:
    """Probability of voice for each FRAME samples (Silero, as the recogniser uses it)."""
    padded = np.pad(sound, (0, -len(sound) % FRAME))
    return np.asarray(_detector()(padded), np.float32).reshape(-1)


@lru_cache(maxsize=1)
def _detector() -> Any:
    from faster_whisper.vad import get_vad_model

    return get_vad_model()

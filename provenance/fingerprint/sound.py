"""Speech hash: the sign of how the spectrum's slope changes in time, and the loudness.

After Haitsma and Kalker, "A highly robust audio fingerprinting system", ISMIR 2002, at a coarser rate: 24 bits
every 25 ms from 25 bands between 200 and 4000 Hz. It survives AAC, gain and resampling; other words give half
of the bits wrong.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.media.heard import Listening
from provenance.fingerprint.models import SPEECH_BITS, SPEECH_RATE

RATE = 16_000
HOP = RATE // SPEECH_RATE
WINDOW = 2048
LOWEST, HIGHEST = 200.0, 4000.0
SILENCE_DB = -100.0
AUDIBLE = 80  # half decibels over -100 dBFS: -60 dBFS, below which nothing is heard
_BLOCK = 2000  # hops at a time: bounded memory for hours

Floats = npt.NDArray[np.float32]


def speech_hash(sound: Listening) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]]:
    """(k,) 24-bit words and (k,) loudness in half decibels over -100 dBFS, 40 a second.

    Args:
        sound: mono at 16 kHz in -1..1, read in slices; empty: no hops at all.
    """
    count = len(sound) // HOP
    words, level = np.zeros(count, np.uint32), np.zeros(count, np.uint8)
    bands = _bands()
    window = np.hanning(WINDOW).astype(np.float32)
    weights = (1 << np.arange(SPEECH_BITS)).astype(np.uint32)
    for start in range(0, count, _BLOCK):
        stop = min(start + _BLOCK, count)
        before = max(0, start - 2)  # the change is to 50 ms back: two hops
        first = before * HOP + HOP // 2 - WINDOW // 2
        part = _padded(sound, first, first + (stop - before - 1) * HOP + WINDOW)
        at = (np.arange(stop - before) * HOP)[:, None] + np.arange(WINDOW)[None]
        power = np.abs(np.fft.rfft(part[at] * window, axis=1)) ** 2
        slope = np.diff(np.log(power @ bands.T + 1e-4).astype(np.float32), axis=1)
        # The first two hops have nothing before them: no change.
        change = slope[2:] - slope[:-2] if start else np.vstack([0 * slope[:2], slope[2:] - slope[:-2]])
        words[start:stop] = ((change > 0) @ weights)[: stop - start]
        blocks = sound[start * HOP : stop * HOP].reshape(-1, HOP).astype(np.float64)
        decibels = 10 * np.log10(np.mean(blocks**2, axis=1) + 10 ** (SILENCE_DB / 10))
        level[start:stop] = np.clip(np.rint((decibels - SILENCE_DB) * 2), 0, 255)
    return words, level


def audible_until(level: npt.NDArray[np.uint8]) -> float:
    """Seconds at which the last hop above -60 dBFS ends; 0 where there is none."""
    loud = np.flatnonzero(level > AUDIBLE)
    return float(loud[-1] + 1) / SPEECH_RATE if len(loud) else 0.0


def _padded(sound: Listening, start: int, stop: int) -> Floats:
    """Samples ``start`` to ``stop``; silence where there are none."""
    part = np.asarray(sound[max(0, start) : stop], np.float32)
    return np.pad(part, (max(0, -start), stop - max(0, start) - len(part)))


def _bands() -> npt.NDArray[np.float32]:
    """(25, 1025): which spectrum line belongs to which band; logarithmic edges."""
    edges = np.geomspace(LOWEST, HIGHEST, SPEECH_BITS + 2)
    lines = np.fft.rfftfreq(WINDOW, 1 / RATE)
    return ((lines[None] >= edges[:-1, None]) & (lines[None] < edges[1:, None])).astype(np.float32)


def bits_of(words: npt.NDArray[np.uint32]) -> npt.NDArray[np.int8]:
    """(k, 24) of +1 and -1."""
    on = (words[:, None] >> np.arange(SPEECH_BITS, dtype=np.uint32)) & 1
    return (on.astype(np.int8) * 2 - 1).astype(np.int8)

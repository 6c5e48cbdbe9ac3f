"""Speech as the lips see it: at each picture, what the phones around it ask for, and how the sound is.

Phones ask through dominance functions: each has a target for each gesture and a weight that falls off with the
distance from its middle, so neighbours colour one another (Cohen and Massaro, "Modeling coarticulation in synthetic
visual speech", 1993).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.perception.models import Phone
from generate.lipsync.targets import TARGETS

Array = NDArray[np.float64]

CLOSED = frozenset({"P", "B", "M"})
TUCKED = frozenset({"F", "V"})
# The lips move before the sound: they reach a vowel's target near its middle but leave for the next one early.
LEAD_SECONDS = 0.02

CLASSES: tuple[frozenset[str], ...] = tuple(
    frozenset(group.split())
    for group in (
        "P B M", "F V", "W", "UW UH", "OW OY AO", "R ER", "SH ZH CH JH", "S Z", "TH DH", "T D N L", "K G NG HH",
        "IY Y", "IH EY EH", "AE AY", "AA AW", "AH", "SIL",
    )
)  # fmt: skip


def asked(phones: Sequence[Phone], times: Array) -> Array:
    """(n, 8) gestures as z-scores at ``times`` (n,) seconds, by dominance."""
    rest = np.array(TARGETS["SIL"])
    if not phones:
        return np.tile(rest[:8], (len(times), 1))
    table = np.array([TARGETS.get(phone.symbol, TARGETS["AH"]) for phone in phones])
    middle = np.array([(phone.t0 + phone.t1) / 2 for phone in phones]) - LEAD_SECONDS
    half = np.array([max(phone.t1 - phone.t0, 0.03) / 2 for phone in phones])
    out = np.empty((len(times), 8))
    # A phone 0.6 s away has nothing to say: work on the near ones only, so a long script costs linear time.
    first = np.searchsorted([phone.t1 for phone in phones], times - 0.6)
    last = np.searchsorted([phone.t0 for phone in phones], times + 0.6)
    for row, (time, a, b) in enumerate(zip(times, first, last, strict=True)):
        begin = min(a, len(phones) - 1)
        near = slice(begin, max(b, begin + 1))
        fall = np.exp(-((np.abs(time - middle[near]) / (half[near] + 0.035)) ** 1.5)) + 1e-9
        for columns, firmness in ((_OPENING, 8), (_WIDTHS, 9)):
            weight = fall * table[near, firmness]
            out[row, columns] = weight @ table[near][:, columns] / weight.sum()
    return out


_OPENING, _WIDTHS = [0, 2, 3, 4, 5], [1, 6, 7]  # gestures that go with the opening, and with the corners
_MARKERS = (
    CLOSED,
    TUCKED,
    frozenset({"SIL"}),
    frozenset(["AA", "AE", "AW", "AY", "AH", "EH", "AO", "EY"]),
    frozenset(["UW", "W", "OW", "UH", "AO"]),
    frozenset(["S", "Z", "SH", "CH", "JH"]),
)


def nearness(phones: Sequence[Phone], times: Array) -> Array:
    """(n, 12) how near the next phone of each of six kinds is, at two scales (60 and 200 ms); 1 is inside one."""
    out = np.zeros((len(times), 2 * len(_MARKERS)))
    for number, kind in enumerate(_MARKERS):
        spans = np.array([(p.t0, p.t1) for p in phones if p.symbol in kind]).reshape(-1, 2)
        if not len(spans):
            continue
        after = np.clip(np.searchsorted(spans[:, 0], times), 0, len(spans) - 1)
        before = np.clip(after - 1, 0, len(spans) - 1)
        away = np.minimum(np.maximum(spans[after, 0] - times, 0), np.maximum(times - spans[before, 1], 0))
        away = np.where(np.searchsorted(spans[:, 0], times) == 0, np.maximum(spans[0, 0] - times, 0), away)
        last = np.searchsorted(spans[:, 0], times) == len(spans)
        away = np.where(last, np.maximum(times - spans[-1, 1], 0), away)
        out[:, 2 * number] = np.exp(-away / 0.06)
        out[:, 2 * number + 1] = np.exp(-away / 0.2)
    return out


def classes(phones: Sequence[Phone], times: Array) -> Array:
    """(n, 17) how much of the 80 ms around each time belongs to each class of phones."""
    out = np.zeros((len(times), len(CLASSES)))
    if not phones:
        return out
    kind = {symbol: number for number, group in enumerate(CLASSES) for symbol in group}
    for phone in phones:
        a, b = np.searchsorted(times, [phone.t0 - 0.04, phone.t1 + 0.04])
        near = times[a:b]
        overlap = np.minimum(near + 0.04, phone.t1) - np.maximum(near - 0.04, phone.t0)
        out[a:b, kind.get(phone.symbol, 15)] += np.clip(overlap, 0, None) / 0.08
    return out


def held(phones: Sequence[Phone], times: Array, symbols: frozenset[str]) -> Array:
    """(n,) 0..1: how surely one of ``symbols`` is being made at each time; 1 in the phone, short ramps beside it."""
    out = np.zeros(len(times))
    for phone in phones:
        if phone.symbol in symbols:
            a, b = np.searchsorted(times, [phone.t0 - 0.08, phone.t1 + 0.08])
            near = times[a:b]
            outside = np.maximum(phone.t0 - near, near - phone.t1)
            out[a:b] = np.maximum(out[a:b], np.clip(1 - np.maximum(outside, 0) / 0.06, 0, 1))
            if len(near):  # the picture nearest to the middle is a full closure, however short the phone
                out[a + int(np.argmin(np.abs(near - (phone.t0 + phone.t1) / 2)))] = 1.0
    return out


BANDS = 24
_WINDOW, _HOP = 400, 160  # 25 ms and 10 ms at 16 kHz


def sound_features(samples: NDArray[np.float32], times: Array) -> Array:
    """(n, 25) log energies of 24 mel bands (speaker level removed) and loudness, at ``times``.

    Args:
        samples: float32 mono at 16 kHz.
    """
    padded = np.pad(samples.astype(np.float64), (_WINDOW // 2, _WINDOW // 2 + _HOP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    bank = _mel_bank()
    bands = np.empty((len(frames), BANDS))
    for start in range(0, len(frames), 3000):  # half a minute at a time
        part = np.abs(np.fft.rfft(frames[start : start + 3000] * np.hanning(_WINDOW), 512)) ** 2
        bands[start : start + 3000] = part @ bank.T
    level = bands.mean() + 1e-12
    logs = np.log(bands / level + 1e-4)
    loud = np.log(bands.sum(axis=1, keepdims=True) / (level * BANDS) + 1e-4)
    logs = np.concatenate([logs - logs.mean(axis=0), loud], axis=1)
    clock = np.arange(len(frames)) * _HOP / 16_000
    out: Array = np.stack([np.interp(times, clock, column) for column in logs.T], axis=1)
    return out


def _mel_bank() -> Array:
    def mel(hz: float) -> float:
        return float(2595 * np.log10(1 + hz / 700))

    points = 700 * (10 ** (np.linspace(mel(80), mel(7600), BANDS + 2) / 2595) - 1)
    freq = np.fft.rfftfreq(512, 1 / 16_000)
    rise = (freq - points[:-2, None]) / (points[1:-1] - points[:-2])[:, None]
    fall = (points[2:, None] - freq) / (points[2:] - points[1:-1])[:, None]
    bank: Array = np.clip(np.minimum(rise, fall), 0, None)
    return bank

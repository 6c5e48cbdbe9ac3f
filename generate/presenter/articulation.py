"""From timed phones to the mouth's movements: targets for each phone, blended as the mouth blends them.

Dominance blending after Cohen and Massaro (Modeling coarticulation in synthetic visual speech, 1993), with closures
enforced: a p, b or m without closed lips is what a viewer notices first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from core.perception.models import Phone

CHANNELS = ("open", "wide", "round", "press", "tuck", "tongue", "teeth")
# open: gap of the lips; wide: corners outward; round: corners inward, lips forward; press: lips rolled together;
# tuck: lower lip under the upper teeth; tongue: its tip between or behind the teeth; teeth: jaw shut, lips apart.
# One row a phone, or two where it glides. All 0..1 (open: of the widest that this face opens).
_REST = (0.0, 0.05, 0.0, 0.0, 0.0, 0.0, 0.0)
TARGETS: dict[str, tuple[tuple[float, ...], ...]] = {
    "SIL": (_REST,),
    "AA": ((0.92, 0.10, 0.00, 0, 0, 0, 0),),
    "AE": ((0.85, 0.45, 0.00, 0, 0, 0, 0),),
    "AH": ((0.55, 0.12, 0.00, 0, 0, 0, 0),),
    "AO": ((0.78, 0.00, 0.50, 0, 0, 0, 0),),
    "AW": ((0.90, 0.15, 0.00, 0, 0, 0, 0), (0.36, 0.00, 0.80, 0, 0, 0, 0)),
    "AY": ((0.90, 0.20, 0.00, 0, 0, 0, 0), (0.36, 0.50, 0.00, 0, 0, 0, 0.1)),
    "EH": ((0.66, 0.40, 0.00, 0, 0, 0, 0),),
    "ER": ((0.36, 0.00, 0.45, 0, 0, 0.2, 0.1),),
    "EY": ((0.60, 0.45, 0.00, 0, 0, 0, 0), (0.34, 0.60, 0.00, 0, 0, 0, 0.2)),
    "IH": ((0.42, 0.40, 0.00, 0, 0, 0, 0),),
    "IY": ((0.34, 0.75, 0.00, 0, 0, 0, 0.2),),
    "OW": ((0.62, 0.00, 0.65, 0, 0, 0, 0), (0.30, 0.00, 0.95, 0, 0, 0, 0)),
    "OY": ((0.66, 0.00, 0.75, 0, 0, 0, 0), (0.36, 0.50, 0.00, 0, 0, 0, 0.1)),
    "UH": ((0.38, 0.00, 0.55, 0, 0, 0, 0),),
    "UW": ((0.24, 0.00, 1.00, 0, 0, 0, 0),),
    "P": ((0.0, 0.05, 0.05, 1.0, 0, 0, 0),),
    "B": ((0.0, 0.05, 0.05, 0.9, 0, 0, 0),),
    "M": ((0.0, 0.05, 0.00, 0.9, 0, 0, 0),),
    "F": ((0.12, 0.20, 0.00, 0, 1.0, 0, 0.3),),
    "V": ((0.14, 0.20, 0.00, 0, 0.9, 0, 0.3),),
    "W": ((0.12, 0.00, 1.00, 0, 0, 0, 0),),
    "R": ((0.24, 0.00, 0.60, 0, 0, 0.1, 0.1),),
    "Y": ((0.28, 0.50, 0.00, 0, 0, 0, 0.2),),
    "L": ((0.38, 0.20, 0.00, 0, 0, 0.9, 0),),
    "TH": ((0.28, 0.20, 0.00, 0, 0, 1.0, 0.3),),
    "DH": ((0.28, 0.20, 0.00, 0, 0, 1.0, 0.3),),
    "S": ((0.22, 0.45, 0.00, 0, 0, 0, 1.0),),
    "Z": ((0.22, 0.40, 0.00, 0, 0, 0, 1.0),),
    "SH": ((0.30, 0.00, 0.65, 0, 0, 0, 1.0),),
    "ZH": ((0.28, 0.00, 0.60, 0, 0, 0, 1.0),),
    "CH": ((0.28, 0.00, 0.60, 0, 0, 0, 0.9),),
    "JH": ((0.28, 0.00, 0.55, 0, 0, 0, 0.9),),
    "T": ((0.26, 0.30, 0.00, 0, 0, 0.5, 0.5),),
    "D": ((0.26, 0.25, 0.00, 0, 0, 0.5, 0.5),),
    "N": ((0.30, 0.25, 0.00, 0, 0, 0.6, 0.3),),
    "K": ((0.38, 0.20, 0.00, 0, 0, 0, 0),),
    "G": ((0.38, 0.20, 0.00, 0, 0, 0, 0),),
    "NG": ((0.38, 0.25, 0.00, 0, 0, 0, 0),),
    "HH": ((0.42, 0.15, 0.00, 0, 0, 0, 0),),
}
# How firmly a phone holds a channel against its neighbours: vowels own the opening, lips own the rounding.
_FIRM_OPEN = {"P": 3, "B": 3, "M": 3, "F": 2, "V": 2, "S": 1.5, "Z": 1.5, "SH": 1.5, "SIL": 0.9}
_FIRM_ROUND = {"W": 2.0, "UW": 2.0, "OW": 1.6, "OY": 1.4, "SH": 1.2, "R": 0.8, "AO": 1.2, "CH": 1.0}
_WEAK = {"HH": 0.25, "K": 0.5, "G": 0.5, "NG": 0.5, "T": 0.55, "D": 0.55, "N": 0.55, "AH": 0.8, "L": 0.7}
_RATE = 400  # steps a second on which the blend is computed


@dataclass(frozen=True)
class Mouth:
    """The mouth at one moment; every field 0..1."""

    open: float = 0.0
    wide: float = 0.05
    round: float = 0.0
    press: float = 0.0
    tuck: float = 0.0
    tongue: float = 0.0
    teeth: float = 0.0


def _anchors(phone: Phone) -> list[tuple[float, float, tuple[float, ...]]]:
    """(centre, half length, target) of each part of a phone, seconds."""
    rows = TARGETS.get(phone.symbol, TARGETS["AH"])
    length = phone.t1 - phone.t0
    if len(rows) == 1:
        return [(phone.t0 + 0.5 * length, 0.5 * length, rows[0])]
    return [
        (phone.t0 + 0.30 * length, 0.30 * length, rows[0]),
        (phone.t0 + 0.82 * length, 0.18 * length, rows[1]),
    ]


def movements(phones: Sequence[Phone], times: NDArray[np.float64]) -> list[Mouth]:
    """The mouth at each of ``times`` (seconds, ascending)."""
    end = max(float(times[-1]), phones[-1].t1) + 0.1
    t = np.arange(0, end, 1 / _RATE)
    total = np.full((len(CHANNELS), len(t)), 1e-6)
    blend = np.zeros_like(total)
    closed = np.zeros(len(t))
    tucked = np.zeros(len(t))
    for phone in phones:
        for centre, half, target in _anchors(phone):
            weak = _WEAK.get(phone.symbol, 1.0)
            for c, name in enumerate(CHANNELS):
                firm = weak
                reach = 0.035 if name in ("open", "press", "tuck", "teeth", "tongue") else 0.065
                if name == "open":
                    firm *= _FIRM_OPEN.get(phone.symbol, 1.0)
                if name in ("round", "wide"):
                    firm *= _FIRM_ROUND.get(phone.symbol, 0.6)
                away = np.maximum(np.abs(t - centre) - 0.55 * half, 0) / reach
                weight = firm * np.exp(-(away**1.4))
                total[c] += weight
                blend[c] += weight * target[c]
        middle, hold = 0.5 * (phone.t0 + phone.t1), max(0.5 * (phone.t1 - phone.t0), 0.026)
        bump = expit((hold + 0.006 - np.abs(t - middle)) / 0.008)
        if phone.symbol in ("P", "B", "M"):
            closed = np.maximum(closed, bump)
        if phone.symbol in ("F", "V"):
            tucked = np.maximum(tucked, bump)
    values = blend / total
    for c in range(len(CHANNELS)):
        values[c] = _smooth(values[c], 0.018)
    by_name = dict(zip(CHANNELS, values, strict=True))
    opened = by_name["open"] * (1 - closed) + 0.0 * closed
    opened = opened * (1 - tucked) + np.minimum(opened, 0.16) * tucked
    by_name["open"] = _smooth(opened, 0.010)
    by_name["press"] = by_name["press"] * closed
    by_name["tuck"] = np.maximum(by_name["tuck"], tucked * 0.9)
    rows = {name: np.clip(np.interp(times, t, value), 0, 1) for name, value in by_name.items()}
    return [Mouth(**{name: float(rows[name][i]) for name in CHANNELS}) for i in range(len(times))]


def expected_aperture(phones: Sequence[Phone], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the phones alone say about the opening: each one's own target, no blending but 40 ms of smoothing.

    The measure of lip sync in the card compares the rendered lips with this, not with :func:`movements`.
    """
    t = np.arange(0, float(times[-1]) + 0.1, 1 / _RATE)
    raw = np.zeros(len(t))
    for phone in phones:
        rows = TARGETS.get(phone.symbol, TARGETS["AH"])
        inside = (t >= phone.t0) & (t < phone.t1)
        share = np.clip((t[inside] - phone.t0) / (phone.t1 - phone.t0), 0, 1)
        raw[inside] = rows[0][0] + (rows[-1][0] - rows[0][0]) * share
    return np.asarray(np.interp(times, t, _smooth(raw, 0.040)))


def _smooth(values: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    reach = int(4 * sigma * _RATE)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (sigma * _RATE)) ** 2)
    padded = np.pad(values, reach, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")

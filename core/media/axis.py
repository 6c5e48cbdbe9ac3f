"""The time axis of a file: when each of its frames is shown, exactly, and how loud it is meanwhile.

For people who step through a video by frames: a player in a browser knows its time alone, and a frame number that is
guessed from a rate is wrong wherever the clock is uneven.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from core.media.models import FrameTimes
from core.media.reading import read
from core.settings import MediaSettings

BINS = 600
"""Loudness is told in so many equal parts of the video."""


@dataclass(frozen=True)
class Axis:
    """One file's. ``peaks``: the largest sample of each part, 0 to 100; empty without sound."""

    frames: FrameTimes
    duration: float
    peaks: tuple[int, ...]


def axis_of(path: Path, limits: MediaSettings | None = None) -> Axis:
    """Walks the packets and hears the sound; no picture but the first is decoded.

    Raises:
        MediaError: as :func:`core.media.probe.probe`.
    """
    with read(path, limits, want="TH") as reading:
        reading.finish()
        assert reading.times is not None
        duration = float(reading.presentation.duration)
        heard = reading.heard.main if reading.heard is not None else None
        peaks: tuple[int, ...] = ()
        if heard is not None and len(heard):
            # From time zero to the end of the video: what is longer than its sound is silent there.
            edges = np.linspace(0, max(len(heard), round(duration * len(heard) / heard.seconds)), BINS + 1)
            parts = (heard[int(a) : max(int(a) + 1, int(b))] for a, b in pairwise(edges))
            peaks = tuple(round(100 * float(np.abs(part).max(initial=0.0))) for part in parts)
        return Axis(reading.times, duration, peaks)

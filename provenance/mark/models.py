"""What a mark reader answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
import numpy.typing as npt


class SeenFrame(Protocol):
    """What the reader needs of a decoded frame: its time in seconds and its (H, W, 3) uint8 BGR image."""

    @property
    def time(self) -> Fraction: ...

    @property
    def image(self) -> npt.NDArray[np.uint8]: ...


@dataclass(frozen=True)
class SecondReading:
    """One second of the video against the mark that was found (or expected).

    Attributes:
        t0, t1: seconds.
        correlation: -1 to 1, of the second's folded picture with the whole tile.
        z: the same in standard deviations of all other shifts (about 0 without the mark).
        agrees: the second carries this mark.
    """

    t0: float
    t1: float
    correlation: float
    z: float
    agrees: bool


@dataclass(frozen=True)
class MarkReading:
    """The reader's answer for a whole video.

    Attributes:
        present: a mark of this key was read (and, with an expected id, it is that one).
        mark_id: the id, None when absent. Whether it exists is for the registry to say.
        p_false: upper bound of the chance that a video without this mark gives this answer; 1.0 when absent.
        correlation: -1 to 1, over the whole video.
        seconds: one entry a second that was seen; bounded (see MarkReader).
        decodes: codewords tried against the CRC.
        scale: horizontal and vertical size of the picture relative to the marked original, short side alike.
        mirrored: the picture was flipped left to right.
    """

    present: bool
    mark_id: int | None
    p_false: float
    correlation: float
    seconds: tuple[SecondReading, ...] = ()
    decodes: int = 0
    scale: tuple[float, float] = (1.0, 1.0)
    mirrored: bool = False

    def without_mark(self) -> Iterable[tuple[float, float]]:
        """(t0, t1) of each second that does not carry the mark; nothing when no mark was read."""
        return [(s.t0, s.t1) for s in self.seconds if not s.agrees] if self.present else []

"""Read the mark back: a watcher that sees each frame once, and a blind helper over a file."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from provenance.mark import search
from provenance.mark.code import (
    CRC_BITS,
    check_id,
    check_key,
    codeword,
    decode,
    encode,
    payload_id,
)
from provenance.mark.models import MarkReading, SecondReading, SeenFrame

Floats = npt.NDArray[np.float32]

# Frames looked at in each second; the pattern stands still, more adds little.
LOOKS = 6
# Seconds of whitened picture kept until the mark is found (0.5 MB each at 16:9).
KEPT = 32
# Codewords tried against the CRC in one reading: 4 x 2^-32 < 1e-9.
MAX_DECODES = 4
# Sync peak, in standard deviations, that is worth a decode at once, a decode at the end, and a look for the
# expected codeword. A codeword decodes from about 11 on; unmarked pictures stay below 6.
STRONG, WEAK, EXPECTED_SYNC = 10.5, 8.0, 6.5
# How far the data part must stand out, in standard deviations: for the expected codeword (p = 1e-9), and for
# one that the decoder chose (the best of 2^72 codewords reaches 8.9 on noise: rate distortion at rate 1/3).
EXPECTED_Z, DECODED_Z = 6.0, 9.6
# The expected codeword against the likeliest one; another id with a valid CRC stays below 0.65.
NEARLY_BEST = 0.8
# A second carries the mark from here on, in standard deviations.
SECOND_Z = 5.0
# Seconds after which the reader looks for the mark; True: at every scale.
LOOK_AFTER = {1: False, 2: False, 4: False, 8: True, 16: False, 32: True}
MAX_SECONDS = 4 * 3600 + 60


class MarkReader:
    """Looks for the mark of a key in the frames it sees.

    Memory is bounded: 32 seconds of picture at 360p until the mark is found, one number a second after.
    A second that holds another mark than the first one found reads as not marked.

    Args:
        key: the secret that placed the chips.
        expected_id: the id to confirm; one correlation then decides instead of decoding.
    """

    def __init__(self, key: bytes, expected_id: int | None = None):
        self._key = check_key(key)
        self._expected = None if expected_id is None else check_id(expected_id)
        self._size: tuple[int, int] | None = None
        self._sum: Floats | None = None
        self._looks = 0
        self._second = -1
        self._next_look = Fraction(-1)
        self._kept: deque[tuple[int, npt.NDArray[np.float16]]] = deque(maxlen=KEPT)
        self._closed = 0
        self._decodes = 0
        self._tests = 0
        self._found: tuple[int, search.Geometry, float] | None = None
        self._folded = np.zeros((search.SIDE, search.SIDE), np.float32)
        self._seconds: list[SecondReading] = []

    def see(self, frame: SeenFrame, face: Any = None) -> None:
        """Take in one frame. Frames come in order of time; ``face`` is not used."""
        height, width = frame.image.shape[:2]
        if self._size is None:
            self._size = (width, height)
        if self._size != (width, height) or frame.time < self._next_look:
            return
        second = int(frame.time)
        if second != self._second:
            self._close_second()
            self._second = second
        white = search.whiten(frame.image)
        self._sum = white if self._sum is None else self._sum + white
        self._looks += 1
        self._next_look = frame.time + Fraction(9, 10 * LOOKS)

    @property
    def decodes(self) -> int:
        """Codewords tried against the CRC so far."""
        return self._decodes

    def reading(self) -> MarkReading:
        """What was found in everything seen so far."""
        self._close_second()
        if self._found is None and self._kept:
            self._look(everywhere=True, at_least=WEAK if self._expected is None else EXPECTED_SYNC)
        if self._found is None:
            return MarkReading(False, None, 1.0, 0.0, decodes=self._decodes)
        mark_id, geometry, p_false = self._found
        tile = search.shifted(search.level(self._folded), geometry)
        correlation, _ = search.tile_strength(tile, mark_id, self._key)
        return MarkReading(
            True,
            mark_id,
            p_false,
            correlation,
            tuple(self._seconds),
            self._decodes,
            (geometry.sx, geometry.sy),
            geometry.mirrored,
        )

    def _close_second(self) -> None:
        if self._sum is None:
            return
        picture = self._sum / max(np.sqrt(self._looks), 1.0)
        self._sum, self._looks = None, 0
        self._closed += 1
        if self._found is not None:
            self._weigh(self._second, picture)
            return
        self._kept.append((self._second, picture.astype(np.float16)))
        everywhere = LOOK_AFTER.get(self._closed)
        if everywhere is None and self._closed % KEPT == 0:
            everywhere = self._closed % (8 * KEPT) == 0
        if everywhere is not None:
            self._look(everywhere=everywhere, at_least=STRONG)

    def _look(self, *, everywhere: bool, at_least: float) -> None:
        assert self._size is not None
        white = np.zeros(self._kept[0][1].shape, np.float32)
        for _, second in self._kept:
            white += second
        picture = search.Picture(white)
        nominal = search.nominal_scale(*self._size)
        for geometry in search.find(picture, self._key, nominal, everywhere=False):
            self.consider(picture, geometry, at_least)
        if self._found is None and everywhere:
            for geometry in search.find(picture, self._key, nominal, everywhere=True):
                self.consider(picture, geometry, at_least)
        if self._found is not None:
            for number, second in self._kept:
                self._weigh(number, second.astype(np.float32))
            self._kept.clear()

    def consider(self, picture: search.Picture, geometry: search.Geometry, at_least: float) -> None:
        """Confirm the expected id, or decode one, at this geometry; nothing when its sync peak is too low."""
        if self._found is not None or geometry.z < at_least:
            return
        geometry = search.settle(picture, self._key, geometry)
        soft = search.soft_bits(search.aligned(picture, geometry), self._key)
        if self._expected is not None:
            self._tests += 1
            mark_id, coded = self._expected, codeword(self._expected, self._key)
            # Ids that resemble each other share a part of their codewords: the best one must be (nearly) ours.
            if float(soft @ coded) < NEARLY_BEST * float(soft @ encode(decode(soft))):
                return
        else:
            if self._decodes >= MAX_DECODES:
                return
            self._decodes += 1
            bits = decode(soft)
            decoded = payload_id(bits, self._key)
            if decoded is None:
                return
            mark_id, coded = decoded, encode(bits)
        # Where a mark is, the data part stands out as the sync part does: a lucky CRC alone is not enough.
        z = float(soft @ coded) / max(float(np.sqrt(np.sum(soft**2))), 1e-12)
        if z < (DECODED_Z if self._expected is None else EXPECTED_Z):
            return
        p_false = self._decodes * 2.0**-CRC_BITS if self._expected is None else self._tests * float(ndtr(-z))
        self._found = (mark_id, geometry, min(p_false, 1.0))

    def _weigh(self, number: int, white: Floats) -> None:
        assert self._found is not None
        mark_id, geometry, _ = self._found
        folded = search.fold(white, geometry.sx, geometry.sy)
        self._folded += folded
        tile = search.shifted(search.level(folded), geometry)
        correlation, z = search.tile_strength(tile, mark_id, self._key)
        if len(self._seconds) < MAX_SECONDS:
            self._seconds.append(SecondReading(number, number + 1.0, correlation, z, z >= SECOND_Z))


def read_mark(path: Path, key: bytes | None = None, expected_id: int | None = None) -> MarkReading:
    """Read the mark of a file, decoding in the confined child.

    Args:
        key: the mark key; None: this installation's (``derived_key("mark")``).

    Raises:
        MediaError: the file cannot be read or breaks a limit.
    """
    from core.media.decode import frames
    from core.secrets import derived_key

    reader = MarkReader(key or derived_key("mark"), expected_id)
    for frame in frames(path):
        reader.see(frame)
    return reader.reading()

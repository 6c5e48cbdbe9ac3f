"""The boxes of an MP4 (ISO 14496-12 4.2), walked with bounds. Pure Python over plain reads: no libav here."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_MOST_BOXES = 10_000


@dataclass(frozen=True, slots=True)
class Box:
    """A top-level box: ``start`` and ``end`` are offsets of its payload in the file."""

    kind: str
    start: int
    end: int


class BrokenBoxes(ValueError):
    """The file is no sequence of boxes."""


def top_level(file: BinaryIO) -> Iterator[Box]:
    """The top-level boxes in order; the last may claim to end after the file does.

    Raises BrokenBoxes for sizes below a header, or more than 10,000 boxes.
    """
    size = os.fstat(file.fileno()).st_size
    position = 0
    for _ in range(_MOST_BOXES):
        if position == size:
            return
        file.seek(position)
        header = file.read(16)
        if len(header) < 8:
            raise BrokenBoxes("a header is cut off")
        length, kind = struct.unpack(">I4s", header[:8])
        start = position + 8
        if length == 1:
            if len(header) < 16:
                raise BrokenBoxes("a header is cut off")
            length, start = struct.unpack(">Q", header[8:16])[0], position + 16
        elif length == 0:
            length = size - position  # to the end of the file
        if position + length < start:
            raise BrokenBoxes("a box is smaller than its header")
        yield Box(kind.decode("latin-1"), start, position + length)
        position += length
        if position > size:
            return
    raise BrokenBoxes("too many boxes")


def is_truncated(path: Path) -> bool:
    """True for an MP4 whose boxes reach beyond the end of the file, or that lost its ``moov``."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(8)
        if head[4:8] != b"ftyp":
            return False
        try:
            boxes = list(top_level(file))
        except BrokenBoxes:
            return True
    return boxes[-1].end > size or "moov" not in {box.kind for box in boxes}


def digest_range(file: BinaryIO, start: int, end: int) -> str:
    """SHA-256 of file[start:end], read in blocks."""
    digest = hashlib.sha256()
    file.seek(start)
    left = end - start
    while left > 0:
        block = file.read(min(left, 1 << 20))
        if not block:
            raise BrokenBoxes("the file ends inside a box")
        digest.update(block)
        left -= len(block)
    return digest.hexdigest()

"""The boxes of an MP4 (ISO 14496-12 4.2), walked with bounds. Pure Python over plain reads: no libav here."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from core.heartbeat import beat

_MOST_BOXES = 10_000
_LARGEST_MOOV = 256 << 20


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
    """True for an MP4 that lost its ``moov``, or of which a box reaches beyond the end of the file.

    Some writers leave rubbish between boxes; from there on only libav can tell.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if file.read(8)[4:8] != b"ftyp":
            return False
        kinds = set()
        try:
            for box in top_level(file):
                if not (box.kind.isascii() and box.kind.isprintable()):
                    break
                kinds.add(box.kind)
                if box.end > size:
                    return True
        except BrokenBoxes:
            return True
    return "moov" not in kinds


def declared_seconds(path: Path) -> float | None:
    """Seconds that the movie header of an MP4 claims (``mvhd``, ISO 14496-12 8.2.2); None where there is none, or
    where the duration is all ones: it cannot be told."""
    try:
        with path.open("rb") as file:
            for box in top_level(file):
                if box.kind != "moov":
                    continue
                file.seek(box.start)
                head = file.read(min(box.end - box.start, 40))
                if head[4:8] != b"mvhd" or len(head) < 40:
                    return None
                # FullBox: version and flags, then two dates, the scale, the duration; wide dates in version 1.
                wide = head[8] == 1
                scale, length = (
                    struct.unpack_from(">IQ", head, 28) if wide else struct.unpack_from(">II", head, 20)
                )
                unknown = length == (2**64 - 1 if wide else 2**32 - 1)
                return None if unknown or not scale else length / scale
    except (OSError, BrokenBoxes, struct.error):
        return None
    return None


def media_digests(file: BinaryIO) -> dict[str, str]:
    """SHA-256 of the payloads of ``ftyp``, ``moov`` and ``mdat``; the second of a kind is ``mdat#2``.

    In ``moov`` the chunk offsets (``stco``, ``co64``) are first counted from the start of the media data: a box
    that is put before it, as a credential is, moves all of them and changes nothing else.

    Raises BrokenBoxes when the file is not a whole MP4.
    """
    size = os.fstat(file.fileno()).st_size
    boxes = list(top_level(file))
    if not boxes or boxes[-1].end > size:
        raise BrokenBoxes("the file ends inside a box")
    media = [box for box in boxes if box.kind == "mdat"]
    digests: dict[str, str] = {}
    counts: dict[str, int] = {}
    for box in boxes:
        if box.kind not in ("ftyp", "moov", "mdat"):
            continue
        counts[box.kind] = counts.get(box.kind, 0) + 1
        name = box.kind if counts[box.kind] == 1 else f"{box.kind}#{counts[box.kind]}"
        if box.kind == "moov":
            digests[name] = hashlib.sha256(_with_relative_offsets(file, box, media)).hexdigest()
        else:
            digests[name] = digest_range(file, box.start, box.end)
    return digests


def _with_relative_offsets(file: BinaryIO, moov: Box, media: list[Box]) -> bytes:
    if moov.end - moov.start > _LARGEST_MOOV:
        raise BrokenBoxes("the index is larger than any real one")
    file.seek(moov.start)
    payload = bytearray(file.read(moov.end - moov.start))
    for kind, start, end in _offset_tables(payload, 0, len(payload), 0):
        number = np.dtype(">u4" if kind == b"stco" else ">u8")
        # FullBox: version and flags, then the count, then the offsets (ISO 14496-12 8.7.5).
        count = min(
            (end - start - 8) // number.itemsize, int.from_bytes(payload[start + 4 : start + 8], "big")
        )
        table = np.frombuffer(payload, number, max(0, count), start + 8)
        relative, before = table.astype(np.uint64), 0
        for box in media:
            inside = (table >= box.start) & (table < box.end)
            relative[inside] = table[inside] - np.uint64(box.start) + np.uint64(before)
            before += box.end - box.start
        payload[start + 8 : start + 8 + table.nbytes] = relative.astype(number).tobytes()
    return bytes(payload)


def _offset_tables(payload: bytearray, start: int, end: int, depth: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end) of the payload of each chunk offset table below moov."""
    position, seen = start, 0
    while position + 8 <= end and seen < _MOST_BOXES:
        length, kind = struct.unpack_from(">I4s", payload, position)
        if length < 8 or position + length > end:
            raise BrokenBoxes("a box reaches beyond its parent")
        if kind in (b"stco", b"co64") and length >= 16:
            yield kind, position + 8, position + length
        elif kind in (b"trak", b"mdia", b"minf", b"stbl") and depth < 4:
            yield from _offset_tables(payload, position + 8, position + length, depth + 1)
        position, seen = position + length, seen + 1


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
        beat()
        left -= len(block)
    return digest.hexdigest()

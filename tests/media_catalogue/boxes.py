"""Surgery on the index of an MP4 file: what PyAV cannot write. The index must be at the end, so nothing else moves."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"tref", b"udta")


def boxes(data: bytes | bytearray, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, begin, end) of the boxes that lie side by side."""
    at = start
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        if size == 1:
            size = struct.unpack_from(">Q", data, at + 8)[0]
        size = size or end - at
        yield kind, at, at + size
        at += size


def find(data: bytes | bytearray, *path: bytes, start: int = 0, end: int | None = None) -> tuple[int, int]:
    """(begin, end) of a box by its path."""
    end = len(data) if end is None else end
    for kind, begin, stop in boxes(data, start, end):
        if kind == path[0]:
            if len(path) == 1:
                return begin, stop
            skip = 8 if kind in CONTAINERS else 16 if kind == b"stsd" else 8
            return find(data, *path[1:], start=begin + skip, end=stop)
    raise KeyError(path)


def tracks(data: bytes | bytearray) -> list[tuple[int, int]]:
    begin, end = find(data, b"moov")
    return [(a, b) for kind, a, b in boxes(data, begin + 8, end) if kind == b"trak"]


def edit(path: Path, change: Callable[[bytearray], None]) -> None:
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


def timescale(data: bytearray, track: int) -> int:
    at, _ = find(data, b"mdia", b"mdhd", start=tracks(data)[track][0] + 8, end=tracks(data)[track][1])
    return int(struct.unpack_from(">I", data, at + 20 + (8 if data[at + 8] else 0))[0])


def cut(data: bytearray, track: int, seconds: float, tail: float = 0.0) -> None:
    """Let the track's last edit begin ``seconds`` of media later and end ``tail`` seconds earlier."""
    begin, end = tracks(data)[track]
    at, _ = find(data, b"edts", b"elst", start=begin + 8, end=end)
    assert data[at + 8] == 0, "version 0"
    count = struct.unpack_from(">I", data, at + 12)[0]
    entry = at + 16 + 12 * (count - 1)
    duration, media = struct.unpack_from(">Ii", data, entry)
    duration -= round((seconds + tail) * 1000)  # libav's movie clock runs in milliseconds
    struct.pack_into(">Ii", data, entry, duration, media + round(seconds * timescale(data, track)))


def declare(data: bytearray, seconds: float) -> None:
    """Every header (movie, track, media) claims this length; edits and sample tables stay."""
    at, _ = find(data, b"moov", b"mvhd")
    struct.pack_into(">I", data, at + 24, round(seconds * struct.unpack_from(">I", data, at + 20)[0]))
    for number, (begin, end) in enumerate(tracks(data)):
        header, _ = find(data, b"tkhd", start=begin + 8, end=end)
        struct.pack_into(">I", data, header + 28, round(seconds * 1000))
        media, _ = find(data, b"mdia", b"mdhd", start=begin + 8, end=end)
        struct.pack_into(">I", data, media + 24, round(seconds * timescale(data, number)))


def flag(data: bytearray, track: int, enabled: bool) -> None:
    """The track's enabled flag."""
    begin, end = tracks(data)[track]
    at, _ = find(data, b"tkhd", start=begin + 8, end=end)
    data[at + 11] = 3 if enabled else 0


def rename(data: bytearray, old: bytes, new: bytes) -> None:
    """A box that no reader knows any more: the same bytes under another name."""
    at = data.index(old)
    data[at : at + 4] = new


def add_to_track(data: bytearray, track: int, box: bytes) -> None:
    """One more box at the end of a track; the boxes around it grow."""
    begin, end = tracks(data)[track]
    moov, _ = find(data, b"moov")
    assert find(data, b"mdat")[0] < moov, "the index is at the end"
    for at in (begin, moov):
        struct.pack_into(">I", data, at, struct.unpack_from(">I", data, at)[0] + len(box))
    data[end:end] = box


def track_id(data: bytearray, track: int) -> int:
    begin, end = tracks(data)[track]
    at, _ = find(data, b"tkhd", start=begin + 8, end=end)
    return int(struct.unpack_from(">I", data, at + 20)[0])

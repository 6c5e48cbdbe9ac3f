"""Surgery on MPEG transport streams: payloads and clocks of single packets."""

from __future__ import annotations

from collections.abc import Callable

SIZE = 188


def pes_starts(data: bytes | bytearray, pid: int) -> list[int]:
    """Where each PES packet of this PID begins: the offset of its first transport packet."""
    return [
        at for at in range(0, len(data) - SIZE + 1, SIZE) if _pid(data, at) == pid and data[at + 1] & 0x40
    ]


def pid_of(number: int) -> int:
    """libav's muxer numbers its tracks from 0x100."""
    return 0x100 + number


def _pid(data: bytes | bytearray, at: int) -> int:
    return (data[at + 1] & 0x1F) << 8 | data[at + 2]


def payload(data: bytes | bytearray, at: int) -> int:
    """Where the payload of the transport packet at ``at`` begins."""
    return at + 4 + (1 + data[at + 4] if data[at + 3] & 0x20 else 0)


def pes_body(data: bytes | bytearray, at: int) -> int:
    """Where the PES packet's own payload begins."""
    start = payload(data, at)
    return start + 9 + data[start + 8]


def overwrite(data: bytearray, pid: int, index: int, fill: Callable[[int], bytes]) -> None:
    """Other bytes in place of all that the PES packet of this index carries; headers stay."""
    starts = pes_starts(data, pid)
    end = starts[index + 1] if index + 1 < len(starts) else len(data)
    for at in range(starts[index], end, SIZE):
        if _pid(data, at) != pid:
            continue
        begin = pes_body(data, at) if at == starts[index] else payload(data, at)
        if begin < at + SIZE:
            data[begin : at + SIZE] = fill(at + SIZE - begin)


def move(data: bytearray, at: int, seconds: float) -> None:
    """Move the clock (PTS, and DTS where there is one) of the PES packet at ``at``."""
    start = payload(data, at)
    flags = data[start + 7]
    for place, present in ((start + 9, flags & 0x80), (start + 14, flags & 0x40 and flags & 0x80)):
        if present:
            ticks = clock(data, place) + round(seconds * 90_000)
            head = data[place] & 0xF0
            data[place] = head | (ticks >> 29 & 0xE) | 1
            data[place + 1] = ticks >> 22 & 0xFF
            data[place + 2] = (ticks >> 14 & 0xFE) | 1
            data[place + 3] = ticks >> 7 & 0xFF
            data[place + 4] = (ticks << 1 & 0xFE) | 1


def clock(data: bytes | bytearray, place: int) -> int:
    b = data[place : place + 5]
    return (b[0] >> 1 & 7) << 30 | b[1] << 22 | b[2] >> 1 << 15 | b[3] << 7 | b[4] >> 1


def seconds_at(data: bytes | bytearray, pid: int, at: int) -> float:
    """The clock of the last PES packet of this PID before ``at``, seconds from the PID's first."""
    places = [payload(data, start) + 9 for start in pes_starts(data, pid) if start < at]
    return (clock(data, places[-1]) - clock(data, places[0])) / 90_000 if places else 0.0

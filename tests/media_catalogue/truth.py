"""What is true of a file by construction. A field that is None is not claimed for that file.

All times are seconds of the presentation: zero is the earlier of the first presented picture and the first presented
sound. Where it is debatable what a player presents, this catalogue follows the container's own flags and edit lists
as FFmpeg's demuxer applies them and browsers show them; HTML's rule for pixel aspect (one dimension is increased:
an aspect above 1 widens, one below 1 heightens); and for AVI, which stores no presentation times, the n-th picture in
presentation order at n / rate from the track's start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

BGR = tuple[int, int, int]
Span = tuple[float, float]


@dataclass(frozen=True)
class SeenTruth:
    """The picture track: every presented picture by the counter it carries, and its time.

    Attributes:
        hurt: spans in which pictures may be wrong or absent, because the file is damaged there.
        absent: how many of ``counters`` may be missing at most (in ``hurt``).
        end: when the last picture ends (None: not claimed).
        clock_tolerance: how far one picture's time may lie from the others' (containers round to 1 ms).
    """

    number: int
    counters: tuple[int, ...]
    times: tuple[float, ...]
    width: int
    height: int
    rotation: int | None = 0
    aspect: Fraction | None = Fraction(1)
    frame_rate: float | None = None
    variable: bool | None = False
    end: float | None = None
    colours: dict[str, BGR] = field(default_factory=dict)
    colour_tolerance: float = 8.0
    flashes: tuple[float, ...] = ()
    hurt: tuple[Span, ...] = ()
    absent: int = 0
    clock_tolerance: float = 0.0021
    tagged: bool | None = None
    hdr: bool | None = None

    @property
    def start(self) -> float:
        return self.times[0]


@dataclass(frozen=True)
class HeardTruth:
    """The sound track.

    Attributes:
        voices: pitch -> seconds at which its beeps begin as presented.
        ears: pitch -> ears of which at least one must carry that voice within 4 dB of what was made.
        deaf: (pitch, ear): the voice must not be heard there (20 dB or more below).
        loudness: dBFS RMS of the loudest ear over ``start`` to ``end``.
        deaf_spans: beeps that begin here are not claimed (damaged sound).
    """

    number: int
    voices: dict[float, tuple[float, ...]]
    start: float | None
    end: float | None
    sample_rate: int | None = None
    channels: int | None = None
    layout: str | None = None
    ears: dict[float, tuple[str, ...]] = field(default_factory=dict)
    deaf: tuple[tuple[float, str], ...] = ()
    loudness: float | None = None
    deaf_spans: tuple[Span, ...] = ()
    gaps: tuple[Span, ...] | None = ()
    overlaps: tuple[Span, ...] | None = ()
    layout_changes: tuple[float, ...] | None = ()
    edge: float = 0.065  # start and end: a packet of sound is up to 64 ms long and is not cut


@dataclass(frozen=True)
class Truth:
    """One file's truth.

    Attributes:
        refused: codes of which one must come when the file is read; () means that it is read.
        or_refused: codes that are as right as a right reading.
        import_refused: the code with which an import refuses its rivals; "" means none.
        rivals: (track number, role) of every track that a player could choose instead.
        offset: how far the sound lies behind the picture as presented, seconds.
        reported: damage must be named in ``undecodable`` or ``damaged``, in ``seen.hurt``; None: not claimed.
        declared: seconds that the headers claim (None: not claimed).
    """

    seen: SeenTruth | None = None
    heard: HeardTruth | None = None
    refused: tuple[str, ...] = ()
    or_refused: tuple[str, ...] = ()
    import_refused: str = ""
    rivals: tuple[tuple[int, str], ...] = ()
    roles: dict[int, str] = field(default_factory=dict)
    offset: float = 0.0
    offset_tolerance: float | None = None
    zero_tolerance: float = 0.0021
    resets: tuple[float, ...] = ()
    reported: bool | None = False
    declared: float | None = None

    @property
    def one_frame(self) -> float:
        """The bar for the offset: one frame of the picture's usual clock, unless the file says a tighter one."""
        if self.offset_tolerance is not None:
            return self.offset_tolerance
        if self.seen is None or len(self.seen.times) < 2:
            return 0.04
        steps = sorted(b - a for a, b in zip(self.seen.times, self.seen.times[1:], strict=False))
        return steps[len(steps) // 2]


@dataclass(frozen=True)
class Member:
    """One file of the catalogue: made at a path (whose suffix is ``suffix``), with its truth."""

    kind: str
    name: str
    suffix: str
    make: Callable[[Path], Truth]

    @property
    def file_name(self) -> str:
        return f"{self.kind}_{self.name}{self.suffix}"

    def write(self, folder: Path) -> tuple[Path, Truth]:
        path = folder / self.file_name
        return path, self.make(path)

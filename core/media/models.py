"""What a media file is made of, as it is presented: what people see and hear, and when.

Time is rational seconds from the presentation's zero, the moment at which the first of the two tracks begins; it is
never a frame count. Every reader of a file (probe, gates, relabelling, onboarding, the verifier) uses this one reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Samples = NDArray[np.float32]
Seconds = tuple[float, float]
"""A span: begin and end in seconds of the presentation."""

Role = Literal["picture", "sound", "second picture", "second sound", "cover", "silent", "other"]
"""What a track is to people: the two that take part; rivals of these; a cover or thumbnails; a sound track in which
nothing is heard; anything else (subtitles, data, attachments)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One presented picture.

    Attributes:
        index: 0, 1, 2, … of the presented frames; the same for every reader of the same essence.
        time: seconds at which it is presented, from the file's own clock (never ``index / rate``).
        image: uint8 BGR (BT.709, full range), (height, width, 3), as people see it: upright, square pixels,
            in standard range. The caller may change it.
    """

    index: int
    time: Fraction
    image: Image


@dataclass(frozen=True, slots=True)
class Colour:
    """How the numbers of a picture are light (ITU-T H.273 code points; 2 is unspecified). ``matrix`` is the one that
    is used: where the file names none, BT.709 from 720 lines up and BT.601 below, as browsers do; ``tagged`` says
    whether the file named it. ``hdr``: transfer is PQ or HLG; the pictures come in the range of a standard screen."""

    primaries: int
    transfer: int
    matrix: int
    full_range: bool
    tagged: bool

    @property
    def hdr(self) -> bool:
        return self.transfer in (16, 18)


@dataclass(frozen=True, slots=True)
class Track:
    """One track of the file, whether it takes part or not. ``number`` is its place in the container, from 0.

    ``start`` and ``end`` are seconds of the presentation (None: it has no times). ``packets`` counts what is presented.
    """

    number: int
    kind: str
    codec: str
    role: Role
    packets: int
    start: Fraction | None
    end: Fraction | None
    language: str = ""

    @property
    def name(self) -> str:
        """For people: ``track 2 (sound, aac, de)``; counted from 1, as players do."""
        kind = {"video": "picture", "audio": "sound"}.get(self.kind, self.kind)
        return f"track {self.number + 1} ({', '.join(part for part in (kind, self.codec, self.language) if part)})"


@dataclass(frozen=True, slots=True)
class PictureTrack:
    """The picture track. ``width`` and ``height`` are those of the picture as it is displayed.

    Attributes:
        rotation: how far the stored picture is turned clockwise to stand upright: 0, 90, 180 or 270.
        aspect: width over height of a stored pixel; 1 for square ones.
        frames: presented pictures in the file.
        start, end: seconds of the presentation; the last picture is shown for no longer than the one before it.
        frame_rate: frames a second on average; usual_rate: of the usual step, another one where the clock is uneven.
        variable: the frame clock is uneven.
    """

    number: int
    codec: str
    width: int
    height: int
    rotation: int
    aspect: Fraction
    colour: Colour
    frame_rate: Fraction
    usual_rate: Fraction
    frames: int
    start: Fraction
    end: Fraction
    variable: bool

    @property
    def duration(self) -> Fraction:
        """Seconds from the first picture to the end of the last."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class SoundTrack:
    """The sound track: ``channels`` and ``layout`` (libav's name, such as ``stereo`` or ``5.1``) as it begins.

    ``has_centre``: a surround layout with a centre channel of its own, where films and calls put the voice.
    """

    number: int
    codec: str
    sample_rate: int
    channels: int
    layout: str
    has_centre: bool
    start: Fraction
    end: Fraction

    @property
    def duration(self) -> Fraction:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Presentation:
    """What a file shows and says, and when: the one description that every reader of it uses.

    Attributes:
        container: libav's name of the format.
        size: bytes.
        zero: the presentation's zero on the container's own clock, seconds.
        duration: seconds from zero to the end of the longer of the two tracks, by their packets.
        declared: seconds that the file's header claims, 0 where it claims nothing.
        resets: seconds at which the clock of the file starts again (joined recordings); the times go on there.
        tracks: every track, in the container's order.
    """

    container: str
    size: int
    zero: Fraction
    duration: Fraction
    declared: Fraction
    video: PictureTrack
    audio: SoundTrack | None
    tracks: tuple[Track, ...]
    resets: tuple[float, ...] = ()

    @property
    def rivals(self) -> tuple[Track, ...]:
        """Tracks that a player could show or play in place of the two that are read here."""
        return tuple(track for track in self.tracks if track.role in ("second picture", "second sound"))

    @property
    def besides(self) -> tuple[Track, ...]:
        """Everything that a player could show or play beside the two: rivals, covers and stills, subtitles."""
        return tuple(
            track
            for track in self.tracks
            if track.role in ("second picture", "second sound", "cover") or track.kind == "subtitle"
        )


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """When each presented picture is shown: ``ticks[n] / base`` seconds of the presentation, exactly.

    Attributes:
        ticks: int64 (n,), rising.
        base: ticks of a second.
    """

    ticks: NDArray[np.int64]
    base: int

    def __len__(self) -> int:
        return len(self.ticks)

    def at(self, index: int) -> Fraction:
        """Seconds of one picture."""
        return Fraction(int(self.ticks[index]), self.base)

    def runs(self) -> list[tuple[int, int]]:
        """The steps between pictures as (ticks, how often in a row): one run where the clock is even."""
        steps = np.diff(self.ticks)
        if not len(steps):
            return []
        edges = np.flatnonzero(np.diff(steps)) + 1
        starts = np.concatenate([[0], edges])
        lengths = np.diff(np.concatenate([starts, [len(steps)]]))
        return [(int(steps[start]), int(length)) for start, length in zip(starts, lengths, strict=True)]


@dataclass(frozen=True, slots=True)
class Decoded:
    """What came out of a file, and what did not: known after the last picture. Spans are in order.

    Attributes:
        pictures: how many came out.
        undecodable: pictures of the file that did not come out.
        damaged: pictures that the decoder had to patch.
        repeated: pictures without a time of their own: the file gives them none, or one that was there before.
        gaps: holes in the sound's clock (silence stands there), and where a sound packet could not be decoded.
        overlaps: where the clock places sound on sound that was there already; the later one is left out.
        dropped: seconds of sound that were left out so.
        layout_changes: seconds at which the sound changes its channels or its rate.
        sound_end: where the sound that came out ends, seconds.
    """

    pictures: int = 0
    undecodable: tuple[Seconds, ...] = ()
    damaged: tuple[Seconds, ...] = ()
    repeated: tuple[Seconds, ...] = ()
    gaps: tuple[Seconds, ...] = ()
    overlaps: tuple[Seconds, ...] = ()
    dropped: float = 0.0
    layout_changes: tuple[float, ...] = ()
    sound_end: float = 0.0


@dataclass(frozen=True, slots=True)
class TrackEssence:
    """One track's part of the essence: ``kind`` is video, audio, subtitle, data or attachment."""

    kind: str
    codec: str
    packets: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Essence:
    """SHA-256 over each track's codec parameters and packets, container aside."""

    sha256: str
    tracks: tuple[TrackEssence, ...]

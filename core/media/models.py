"""What a media file is made of. Time is rational seconds from the presentation's zero, not a frame count."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Frame:
    """One presented picture.

    Attributes:
        index: 0, 1, 2, … of the presented frames; the same for every reader of the same essence.
        time: seconds at which it is presented, from the file's own clock (never ``index / rate``).
        image: uint8 BGR, (height, width, 3), upright: the display matrix has been applied. The caller may
            change it.
    """

    index: int
    time: Fraction
    image: Image


@dataclass(frozen=True, slots=True)
class VideoStream:
    """The picture track. ``width`` and ``height`` are those of the upright picture.

    ``rotation`` is how far the stored picture is turned clockwise to stand upright: 0, 90, 180 or 270.
    ``frames`` is None where the container does not say. ``variable`` says that the frame clock is uneven.
    """

    codec: str
    width: int
    height: int
    rotation: int
    frame_rate: Fraction
    frames: int | None
    duration: Fraction
    variable: bool


@dataclass(frozen=True, slots=True)
class AudioStream:
    """The sound track that :func:`core.media.decode.sound` reads."""

    codec: str
    sample_rate: int
    channels: int
    duration: Fraction


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What ``core.media.probe`` found: ``size`` in bytes, ``duration`` of the longer track in seconds."""

    container: str
    size: int
    duration: Fraction
    video: VideoStream
    audio: AudioStream | None


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

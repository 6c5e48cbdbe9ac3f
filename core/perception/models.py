"""The shapes of perception: a face, a track of it, words, a transcript, phones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MESH_POINTS = 478  # MediaPipe's face mesh with irises

Array = NDArray[Any]


@dataclass(frozen=True)
class Face:
    """The one tracked face in one frame.

    Attributes:
        landmarks: float32 (478, 3); x, y in pixels of the upright frame, z on the same scale (smaller is nearer).
        box: float32 (4,) x0 y0 x1 y1 around the landmarks, in pixels.
        score: 0..1, the detector's last probability for this face.
    """

    landmarks: NDArray[np.float32]
    box: NDArray[np.float32]
    score: float


@dataclass(frozen=True)
class FaceTrack:
    """One face through a whole video; every array has one row a presented frame. Points of the face are kept by those
    who need them (:class:`core.perception.record.LandmarkRecorder`): a track of hours is small.

    Attributes:
        times: float64 (n,), seconds of the presentation.
        found: bool (n,).
        faces: int8 (n,), how many faces the detector counted in this frame; -1 where it did not look.
        boxes: float32 (n, 4) x0 y0 x1 y1 around the landmarks, pixels; NaN where the face was lost.
        width, height: of the upright frame, pixels.
        fps: mean frame rate.
    """

    times: NDArray[np.float64]
    found: NDArray[np.bool_]
    faces: NDArray[np.int8]
    boxes: NDArray[np.float32]
    width: int
    height: int
    fps: float

    @property
    def coverage(self) -> float:
        """Share of the frames in which the face was found, 0..1."""
        return float(self.found.mean()) if len(self.found) else 0.0


@dataclass(frozen=True)
class Word:
    """A heard word: text as the recogniser wrote it, start and end in seconds, probability 0..1."""

    text: str
    t0: float
    t1: float
    probability: float


@dataclass(frozen=True)
class Transcript:
    """What was heard. ``language`` is the code that the recogniser worked in."""

    language: str
    words: tuple[Word, ...]
    text: str


@dataclass(frozen=True)
class Phone:
    """An ARPAbet symbol without stress ("SIL" for silence), from ``t0`` to ``t1`` seconds."""

    symbol: str
    t0: float
    t1: float

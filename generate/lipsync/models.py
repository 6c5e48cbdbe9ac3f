"""The lip-sync protocol, and what an examined reference is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from generate.models import Speech

Image = NDArray[np.uint8]
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Examination:
    """What onboarding found in a reference; shown to the operator.

    Attributes:
        frames, fps, width, height: of the clip.
        face_px: median width of the face, pixels.
        yaw_degrees: 95th percentile of the turn away from the camera.
        sound_offset_frames: how much later the sound is than the lips, in frames; None where it cannot be told.
        sound_confidence: correlation of lips and sound at that offset, -1..1; 0 without sound.
        aperture_range: 95th percentile of the lip gap, in inter-eye distances.
        usable: share of the frames that can carry a mouth. transcript: what was heard.
        notes: what is not good but can be worked with, one sentence each.
    """

    frames: int
    fps: float
    width: int
    height: int
    face_px: float
    yaw_degrees: float
    sound_offset_frames: int | None
    sound_confidence: float
    aperture_range: float
    usable: float
    transcript: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Prepared:
    """An examined reference, ready to speak. It lives in ``folder``; open it again by preparing it again.

    Attributes:
        engine: name and version of what prepared it; no other may animate it.
        reference_sha256: of the clip. width, height: of the pictures, pixels. fps: frames a second.
        parts: what the engine needs, its own business.
    """

    engine: str
    reference_sha256: str
    folder: Path
    width: int
    height: int
    fps: Fraction
    examination: Examination
    parts: Any = None


class LipSync(Protocol):
    """Makes a person's reference speak. Real and null implementations hold to one contract test."""

    @property
    def engine(self) -> str:
        """Name and version, for the credential."""

    def prepare(self, reference: Path, cache: Path, progress: Progress | None = None) -> Prepared:
        """Examine a reference clip; cached by its SHA-256 and the engine's version under ``cache``.

        Raises:
            ReferenceRefused: the clip cannot carry a new mouth; the error names reason and frames.
            MediaError: it cannot be read or breaks a limit.
        """

    def animate(
        self, prepared: Prepared, speech: Speech, *, head: float = 0.0, tail: float = 0.0
    ) -> Iterator[Image]:
        """Pictures at the reference's size and rate, uint8 BGR (height, width, 3).

        ``ceil((head + speech.seconds + tail) * fps)`` of them; the speech begins at ``head`` seconds. Memory does
        not grow with the length. Deterministic.
        """


def picture_count(prepared: Prepared, speech: Speech, head: float, tail: float) -> int:
    """How many pictures :meth:`LipSync.animate` gives."""
    seconds = head + speech.seconds + tail
    return max(1, int(np.ceil(round(seconds * float(prepared.fps), 6))))

"""Pictures and sound out of a foreign file, in a stream: only a few frames are in memory at any time."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from pathlib import Path

import numpy as np

from core.media.heard import RATE, Heard
from core.media.models import Frame, Samples
from core.media.own import OwnFile
from core.media.reading import read
from core.settings import MediaSettings


def frames(
    path: Path, limits: MediaSettings | None = None, *, own: OwnFile | None = None
) -> Generator[Frame, None, None]:
    """Every presented picture, as people see it, in order. The decoding child dies with the generator.

    Raises:
        MediaError: as :func:`core.media.probe.probe`, also in mid-file.
    """
    with read(path, limits, want="F", own=own) as reading:
        yield from reading.pictures()


def heard(path: Path, limits: MediaSettings | None = None, rate: int = RATE) -> Heard | None:
    """The sound by ear (see :mod:`core.media.heard`); None where there is no sound track."""
    with read(path, limits, want="H", rate=rate) as reading:
        reading.finish()
        return reading.heard


def sound(path: Path, rate: int = RATE, limits: MediaSettings | None = None) -> Samples:
    """All sound as the main ear hears it: float32 mono (n,) in [-1, 1], sample n at n / rate from time zero; empty
    where there is no sound track. For clips: it is all in memory."""
    found = heard(path, limits, rate)
    ear = found.main if found is not None else None
    return ear[:] if ear is not None else np.zeros(0, np.float32)


def sound_blocks(path: Path, limits: MediaSettings | None = None) -> Generator[Samples, None, None]:
    """The sound at the file's own rate, float32 (n, 2) in about [-1, 1], or (n, 3) with the centre of a surround
    layout; sample n is at n / rate from time zero. Gaps in the file's clock are silence. Nothing without a sound track.
    """
    waiting: deque[Samples] = deque()
    with read(path, limits, want="", hear=waiting.append) as reading:
        for _ in reading.events():
            while waiting:
                yield waiting.popleft()

"""What perception is tried on: the sample presenter, seen once a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.perception.models import Face, FaceTrack
from core.perception.watch import watch


class Album:
    """Keeps small facts and one picture, as a good watcher does."""

    def __init__(self) -> None:
        self.indices: list[int] = []
        self.seen: list[bool] = []
        self.picture: tuple[object, Face] | None = None

    def see(self, frame, face) -> None:
        self.indices.append(frame.index)
        self.seen.append(face is not None)
        if face is not None and self.picture is None:
            self.picture = (frame.image.copy(), face)


@pytest.fixture(scope="session")
def watched(short_presenter: Path) -> tuple[FaceTrack, Album, list[float]]:
    album, steps = Album(), []
    return watch(short_presenter, [album], progress=steps.append), album, steps

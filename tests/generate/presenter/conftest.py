"""One decode and one face track of the clip for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.media.decode import frames
from core.perception.models import FaceTrack
from core.perception.record import LandmarkRecorder
from core.perception.watch import watch
from generate.presenter import sample_presenter
from generate.presenter.figure import Figure
from generate.presenter.portrait import mesh


@pytest.fixture(scope="session")
def clip() -> Path:
    return sample_presenter()


@pytest.fixture(scope="session")
def seen(clip: Path) -> tuple[FaceTrack, NDArray[np.float32]]:
    recorder = LandmarkRecorder()
    return watch(clip, [recorder]), recorder[:]


@pytest.fixture(scope="session")
def track(seen: tuple[FaceTrack, NDArray[np.float32]]) -> FaceTrack:
    return seen[0]


@pytest.fixture(scope="session")
def marks(seen: tuple[FaceTrack, NDArray[np.float32]]) -> NDArray[np.float32]:
    return seen[1]


@pytest.fixture(scope="session")
def first_picture(clip: Path) -> NDArray[np.uint8]:
    return next(frames(clip)).image


@pytest.fixture(scope="session")
def figure(first_picture: NDArray[np.uint8]) -> Figure:
    """A figure made of the clip's own first frame: enough to move lips and lids without the sources."""
    height, width = first_picture.shape[:2]
    solid = np.ones((height, width, 1), np.float32)
    picture = first_picture.astype(np.float32)
    cloth = np.dstack(
        [picture, np.repeat((np.arange(height) > 650).astype(np.float32)[:, None], width, axis=1)]
    )
    teeth = np.concatenate([np.full_like(picture, 220), 0 * solid], axis=2)
    return Figure(
        head=np.concatenate([picture, solid], axis=2),
        body=cloth.astype(np.float32),
        front=np.zeros((height, width), np.float32),
        backdrop=picture,
        teeth=teeth,
        landmarks=mesh(first_picture),
        scale=1.0,
    )

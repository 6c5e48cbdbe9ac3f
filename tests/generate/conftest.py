"""One short reference of the sample presenter, prepared once for all tests of this package."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.media.decode import frames, sound
from core.media.encode import VideoWriter
from generate.lipsync.hybrid import HybridLipSync
from generate.lipsync.models import Prepared
from generate.models import Speech
from generate.voice import HibariVoice

SECONDS = 7.0
FPS = Fraction(25)
SENTENCE = "Hello Maria, do you know Bob? He may move five of my new boxes."

Image = NDArray[np.uint8]
MakeClip = Callable[..., Path]


def write_clip(path: Path, pictures: Iterable[Image], samples: NDArray[np.float32] | None = None) -> Path:
    """A clip at 25 frames a second; ``samples`` at 16 kHz."""
    pictures = list(pictures)
    height, width = pictures[0].shape[:2]
    with VideoWriter(path, width, height, FPS, 16_000 if samples is not None else 0, crf=16) as writer:
        for number, picture in enumerate(pictures):
            writer.write(np.ascontiguousarray(picture))
            if samples is not None:
                writer.write_sound(samples[number * 640 : (number + 1) * 640])
    return path


@pytest.fixture(scope="session")
def presenter_pictures(presenter: Path) -> list[Image]:
    """The first seven seconds of the presenter."""
    return [frame.image for frame in islice(frames(presenter), int(SECONDS * FPS))]


@pytest.fixture(scope="session")
def presenter_sound(presenter: Path) -> NDArray[np.float32]:
    return sound(presenter)[: int(SECONDS * 16_000)]


@pytest.fixture(scope="session")
def reference(
    tmp_path_factory: pytest.TempPathFactory,
    presenter_pictures: list[Image],
    presenter_sound: NDArray[np.float32],
) -> Path:
    """Seven seconds of the presenter, with sound."""
    return write_clip(
        tmp_path_factory.mktemp("reference") / "presenter.mp4", presenter_pictures, presenter_sound
    )


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, reference: Path) -> Prepared:
    """That reference, examined and learned by the default engine."""
    return HybridLipSync().prepare(reference, tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="session")
def speech() -> Speech:
    """A few new words in the default voice."""
    return HibariVoice().speak(SENTENCE)

"""A talking stand-in: a moving picture with speech-like sound at -16 LUFS, and a way to examine it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
from numpy.typing import NDArray

from core.gates import decide, load_gate_set
from core.media.encode import VideoWriter
from core.media.models import Image
from core.media.reading import read
from core.models import Brief, GateDecision
from core.perception.models import FaceTrack
from detect.models import Gate, Subject

RATE = 48_000
FPS = 25
BRIEF = Brief(script=None, language="en", persona=None, label_profile="default", mark_id=None)

Examine = Callable[..., GateDecision]


def scene(index: int, width: int = 320, height: int = 180) -> Image:
    """Soft ground, and an oval that sways and opens a mouth: something moves in every frame."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    image = np.stack([90 + 60 * x / width, 100 + 40 * y / height, 110 + 0 * x], -1)
    cx, cy = width / 2 + 4 * np.sin(index / 7), height / 2 + 2 * np.cos(index / 5)
    face = np.hypot((x - cx) / (0.14 * width), (y - cy) / (0.36 * height)) < 1
    image[face] = (120, 150, 205)
    gap = 0.03 + 0.03 * (1 + np.sin(index * 0.9))
    mouth = np.hypot((x - cx) / (0.05 * width), (y - cy - 0.16 * height) / (gap * height)) < 1
    image[mouth] = (40, 40, 90)
    return np.asarray(image, np.uint8)


def speech(seconds: float, lufs: float = -16.0) -> NDArray[np.float32]:
    """Noise in syllables, as loud as asked: it never falls silent for a second, and it has no hard edges."""
    time = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(3).standard_normal(len(time))
    smooth = np.convolve(noise, np.ones(12) / 12, mode="same")
    sound = smooth * (0.35 + 0.65 * np.sin(np.pi * 2.2 * time) ** 2)
    gain = 10 ** ((lufs - pyloudnorm.Meter(RATE).integrated_loudness(sound)) / 20)
    return np.asarray(sound * gain, np.float32)


def write(path: Path, images: list[Image], sound: NDArray[np.float32] | None, crf: int = 20) -> Path:
    height, width = images[0].shape[:2]
    with VideoWriter(path, width, height, Fraction(FPS), RATE if sound is not None else 0, crf=crf) as writer:
        step = RATE // FPS
        for i, image in enumerate(images):
            writer.write(image)
            if sound is not None:
                writer.write_sound(sound[i * step : (i + 1) * step])
        if sound is not None:
            writer.write_sound(sound[len(images) * step :])
    return path


@pytest.fixture(scope="session")
def scenes() -> list[Image]:
    """Four seconds."""
    return [scene(i) for i in range(100)]


@pytest.fixture(scope="session")
def voice() -> NDArray[np.float32]:
    """Four seconds."""
    return speech(4.0)


def examine(gate: Gate, path: Path, brief: Brief | None = BRIEF) -> GateDecision:
    """What ``detect.service`` does with one gate, without the face track."""
    hear = getattr(gate, "hear", None)
    with read(path, hear=hear) as reading:
        begin = getattr(gate, "begin", None)
        if begin is not None:
            begin(reading.presentation, brief)
        for frame in reading.pictures():
            gate.see(frame, None)
    no_track = FaceTrack.__new__(FaceTrack)
    ears = reading.heard.ears if reading.heard is not None else ()
    subject = Subject(
        path, reading.presentation, no_track, ears, reading.decoded, brief, gate_set=load_gate_set()
    )
    return decide(gate.result(subject), load_gate_set())

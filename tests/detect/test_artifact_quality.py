"""The gate on the sample presenter: clean stays under the bound, a planted blur is found, placed and put in words."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.gates import decide, load_gate_set
from core.media.decode import frames, sound
from core.media.encode import VideoWriter
from core.media.heard import Heard
from core.media.models import Frame
from core.media.probe import probe
from core.models import GateResult, Verdict
from core.perception.models import Face
from core.perception.watch import FaceTracker, watch
from core.settings import get_settings
from detect.artifact import AuthenticityGate, QualityGate
from detect.artifact.quality import NAME
from detect.errors import Abstain
from detect.models import Subject
from detect.training import plant

Array = NDArray[Any]

COUNT, FPS, RATE = 80, 25, 16000
SPOILT = (28, 58)  # frames


@pytest.fixture(scope="module")
def pictures(presenter: Path) -> list[Array]:
    out = []
    for frame in frames(presenter):
        out.append(cv2.resize(frame.image, (640, 360), interpolation=cv2.INTER_AREA))
        if len(out) == COUNT:
            break
    return out


def examined(path: Path, images: list[Array], speech: Array) -> GateResult:
    with VideoWriter(path, 640, 360, Fraction(FPS), RATE, threads=1) as writer:
        for index, image in enumerate(images):
            writer.write(image)
            writer.write_sound(speech[index * RATE // FPS : (index + 1) * RATE // FPS])
    gate = QualityGate()
    track = watch(path, [gate])
    ears = Heard.of(speech[: len(images) * RATE // FPS]).ears
    return gate.result(Subject(path, probe(path), track, ears))


@pytest.fixture(scope="module")
def clean(presenter: Path, pictures: list[Array], tmp_path_factory: pytest.TempPathFactory) -> GateResult:
    return examined(tmp_path_factory.mktemp("q") / "clean.mp4", pictures, sound(presenter, RATE))


@pytest.fixture(scope="module")
def blurred(presenter: Path, pictures: list[Array], tmp_path_factory: pytest.TempPathFactory) -> GateResult:
    blur = plant.Blur(0.04, np.random.default_rng(1))
    spoilt = []
    with FaceTracker() as tracker:
        for index, image in enumerate(pictures):
            if not SPOILT[0] <= index < SPOILT[1]:
                spoilt.append(image)
                continue
            face = tracker.track(image, index / FPS)
            assert face is not None
            spoilt.append(blur(image, face.landmarks))
    return examined(tmp_path_factory.mktemp("q") / "blurred.mp4", spoilt, sound(presenter, RATE))


def test_a_clean_clip_passes(clean: GateResult) -> None:
    assert decide(clean, load_gate_set()).verdict is Verdict.PASS
    assert clean.findings == ()
    assert clean.curve and all(0 <= value <= 1 for _, value in clean.curve)


def test_a_blurred_mouth_is_flagged_in_its_seconds_and_its_place(blurred: GateResult) -> None:
    assert decide(blurred, load_gate_set()).verdict is Verdict.REVIEW
    finding = max(blurred.findings, key=lambda one: one.score or 0)
    assert finding.code == "mouth_blur"
    assert finding.severity == "review", "notes are left out of the reasons that a reviewer sees"
    assert "smoother than the eyes" in finding.message
    span = finding.spans[0]
    assert span.t0 is not None and span.t1 is not None and span.region is not None
    middle = (span.t0 + span.t1) / 2
    assert SPOILT[0] / FPS - 0.3 < middle < SPOILT[1] / FPS + 0.3
    x, y, width, height = span.region
    assert 0.4 < x + width / 2 < 0.6 and 0.4 < y + height / 2 < 0.8


def test_the_blurred_clip_scores_worse_than_the_clean_one(clean: GateResult, blurred: GateResult) -> None:
    assert clean.score is not None and blurred.score is not None
    assert blurred.score > clean.score + 0.2


def test_weights_that_ran_are_named_by_digest(clean: GateResult) -> None:
    entry = load_gate_set().gates[NAME]
    assert clean.models == entry.models


@pytest.mark.parametrize("gate", [QualityGate, AuthenticityGate])
def test_without_a_face_the_gates_abstain(
    gate: type[QualityGate] | type[AuthenticityGate], presenter: Path
) -> None:
    watcher = gate()
    watcher.see(Frame(0, Fraction(0), np.zeros((360, 640, 3), np.uint8)), None)
    with pytest.raises(Abstain, match="face"):
        watcher.result(Subject(presenter, probe(presenter), None))  # type: ignore[arg-type]


@pytest.mark.parametrize("gate", [QualityGate, AuthenticityGate])
def test_a_tiny_face_is_not_judged(gate: type[QualityGate] | type[AuthenticityGate], presenter: Path) -> None:
    points = np.random.default_rng(0).uniform(0, 20, (478, 3)).astype(np.float32)
    points[33, :2], points[263, :2] = (0, 10), (20, 10)
    face = Face(points, np.array([0, 0, 20, 20], np.float32), 1.0)
    watcher = gate()
    for index in range(30):
        watcher.see(Frame(index, Fraction(index, 2), np.zeros((64, 64, 3), np.uint8)), face)
    with pytest.raises(Abstain, match="too small"):
        watcher.result(Subject(presenter, probe(presenter), None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (QualityGate, "the clip is too short: 0.2 s, artifact quality needs 0.5 s with a face in view"),
        (
            AuthenticityGate,
            "the clip is too short: 0.2 s, authenticity needs more than 1.6 s with a face in view",
        ),
    ],
)
def test_a_short_clip_is_called_too_short(
    gate: type[QualityGate] | type[AuthenticityGate], words: str, pictures: list[Array]
) -> None:
    watcher = gate()
    with FaceTracker() as tracker:
        for index, image in enumerate(pictures[:6]):
            face = tracker.track(image, index / FPS)
            watcher.see(Frame(index, Fraction(index, FPS), image), face)
    info = SimpleNamespace(video=SimpleNamespace(duration=Fraction(6, 25)))
    with pytest.raises(Abstain) as reason:
        watcher.result(Subject(None, info, None))  # type: ignore[arg-type]
    assert str(reason.value) == words


def test_research_weights_are_off_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    from detect.artifact.quality import _load_trees

    monkeypatch.setenv("GREENROOM_ENVIRONMENT", "production")
    get_settings.cache_clear()
    try:
        with pytest.raises(Abstain, match="research only"):
            _load_trees()
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()

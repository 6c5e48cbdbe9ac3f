"""The gate `authenticity`: was this clip manipulated, or made by a machine? Information, never a verdict on a render.

Gives ``deepfake_score`` of ``analyze``. Statistics of aligned crops at one common scale (so that a small face is not
taken for a fake one) go through boosted trees that know three classes: camera, pasted (a face or mouth blended back, as
self-blended images teach: Shiohara and Yamasaki, CVPR 2022), generated. A clip that is unlike everything in
training gets no score but an abstain (a conformal bound on its distance from the training clips).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.media.models import Frame
from core.models import GateResult
from core.perception.models import Face
from core.weights import WeightsError, weight_digests, weight_file
from detect.artifact import geometry as g
from detect.artifact.geometry import SIZE, Image, Points
from detect.artifact.regions import FrameMeasures
from detect.artifact.trees import Trees
from detect.artifact.windows import derive
from detect.errors import Abstain, too_short
from detect.models import Subject

NAME = "authenticity"
TREES = "authenticity-trees"
UNIT = "probability of manipulation or generation"
LOOK_SECONDS = 0.4
SMALLEST_D = 44.0  # pixels: crops are brought to a d of 65, and enlarging would look like a fake's smoothness
FEWEST = 5  # looks
STORED = 160  # side of the crop that is measured


class AuthenticityGate:
    """Watches one frame every .4 s, then answers. Memory: about 1 KB a look, 100 bytes a frame."""

    name = NAME
    version = "2"

    def __init__(self) -> None:
        self._times: list[float] = []
        self._features: list[NDArray[np.float32]] = []
        self._small = 0

    def see(self, frame: Frame, face: Face | None) -> None:
        """One frame; about 5 ms when it is looked at."""
        time = float(frame.time)
        if face is None or (self._times and time - self._times[-1] < LOOK_SECONDS):
            return
        if g.eye_distance(face.landmarks) < SMALLEST_D:
            self._small += 1
            return
        self._times.append(time)
        self._features.append(crop_features(*stored_crop(frame.image, face.landmarks)))

    def result(self, subject: Subject) -> GateResult:
        """Score 0..1 for the clip, 1 is fake; a curve a look; abstains where it would guess."""
        if len(self._times) < FEWEST:
            length, shortest = float(subject.info.video.duration), (FEWEST - 1) * LOOK_SECONDS
            if length <= shortest:
                raise too_short(length, f"authenticity needs more than {shortest:g} s with a face in view")
            raise Abstain(
                "the face is too small to judge"
                if self._small
                else "a face was seen in too few frames to judge"
            )
        model = _load()
        features = np.array(self._features, np.float32)
        distance = model.distance(features)
        if distance > model.farthest:
            raise Abstain(
                f"the clip is unlike everything in training (distance {distance:.1f}, bound {model.farthest:.1f})"
            )
        looks = model.trees.probabilities(features)
        score = model.clip_score(looks)
        names = model.trees.classes
        mean = {name: round(float(p), 4) for name, p in zip(names, looks.mean(axis=0), strict=True)}
        return GateResult(
            gate=self.name,
            version=self.version,
            score=round(score, 5),
            unit=UNIT,
            reason=f"looks most like: {max(mean, key=lambda name: mean[name])}",
            curve=tuple(
                (round(t, 2), round(float(1 - p[0]), 4)) for t, p in zip(self._times, looks, strict=True)
            ),
            measures={"classes": mean, "looks": len(looks), "distance": round(distance, 2)},
            models=weight_digests(TREES),
        )


def stored_crop(image: Image, landmarks: Points) -> tuple[Image, Points]:
    """The aligned crop at ``STORED`` px and the landmarks (478, 2) in it: one scale for every clip."""
    crop, points = g.aligned(image, landmarks)
    small = cv2.resize(crop, (STORED, STORED), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), np.asarray(points * (STORED / SIZE), np.float32)


def crop_features(crop: Image, points: Points) -> NDArray[np.float32]:
    """(f,) statistics of one stored crop: :func:`detect.artifact.windows.derive` without change between frames."""
    measures = FrameMeasures().measure(crop, points)
    return features_of(measures[None]).reshape(-1)


def features_of(measures: NDArray[Any]) -> NDArray[np.float32]:
    """(n, f) of (n, len(regions.NAMES)) measures."""
    names, values = derive(np.asarray(measures, np.float64))
    kept = values[:, kept_columns(tuple(names))]
    return np.asarray(np.nan_to_num(kept), np.float32)


def kept_columns(names: tuple[str, ...]) -> list[int]:
    """Neither change between frames nor absolute levels of light: those say which camera and room it was."""
    return [i for i, name in enumerate(names) if not name.startswith(("change_", "level_"))]


@dataclass(frozen=True)
class Model:
    """Trees, the calibration of a clip's score, and what the training clips looked like.

    ``slope``, ``offset``: logistic calibration of the mean logit. ``centre`` (f,), ``spread`` (f,): of clip means in
    training. ``farthest``: 99 % of held-out clips are nearer.
    """

    trees: Trees
    slope: float
    offset: float
    centre: NDArray[np.float32]
    spread: NDArray[np.float32]
    farthest: float

    def clip_score(self, looks: NDArray[np.float64]) -> float:
        """0..1 of (n, classes) probabilities of a clip's looks."""
        fake = np.clip(1 - looks[:, 0], 1e-4, 1 - 1e-4)
        logit = float(np.mean(np.log(fake / (1 - fake))))
        return float(1 / (1 + np.exp(-(self.slope * logit + self.offset))))

    def distance(self, features: NDArray[np.float32]) -> float:
        """Root mean square of the clip's mean features, in spreads of the training clips."""
        z = np.clip((features.mean(axis=0) - self.centre) / self.spread, -20, 20)
        return float(np.sqrt(np.mean(z**2)))

    @staticmethod
    def load(path: Path) -> Model:
        """Trees and what belongs to them, from one safetensors file."""
        trees = Trees.load(path)
        facts = trees.facts
        return Model(
            trees=trees,
            slope=float(facts["slope"]),
            offset=float(facts["offset"]),
            centre=np.array(json.loads(facts["centre"]), np.float32),
            spread=np.array(json.loads(facts["spread"]), np.float32),
            farthest=float(facts["farthest"]),
        )


def _load() -> Model:
    try:
        return Model.load(weight_file(TREES))
    except WeightsError as error:
        raise Abstain(f"its model may not run here: {error.what}") from error

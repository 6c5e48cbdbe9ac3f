"""The gate `authenticity`: was this clip manipulated, or made by a machine? Information, never a verdict on a render.

Gives ``deepfake_score`` of ``analyze``. Statistics of aligned crops at one common scale (so that a small face is not
taken for a fake one) go through boosted trees that know three classes: camera, pasted (a face or mouth blended back, as
self-blended images teach: Shiohara and Yamasaki, CVPR 2022), generated. A clip that is unlike everything in
training gets no score but an abstain (a conformal bound on its distance from the training clips).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.media.models import Frame
from core.models import GateResult
from core.perception.models import Face
from core.weights import WeightsError, weight_digests, weight_file
from detect.artifact import geometry as g
from detect.artifact.statistics import TREES, Model, crop_features, stored_crop
from detect.errors import Abstain, too_short
from detect.models import Subject

NAME = "authenticity"
UNIT = "probability of manipulation or generation"
LOOK_SECONDS = 0.4
SMALLEST_D = 44.0  # pixels: crops are brought to a d of 65, and enlarging would look like a fake's smoothness
FEWEST = 5  # looks


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


def _load() -> Model:
    try:
        return Model.load(weight_file(TREES))
    except WeightsError as error:
        raise Abstain(f"its model may not run here: {error.what}") from error

"""Trees over statistics of one aligned crop at one common scale: the answer of ``authenticity``.

What the gate asks, and what a network is measured against.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detect.artifact import geometry as g
from detect.artifact.geometry import SIZE, Image, Points
from detect.artifact.regions import FrameMeasures
from detect.artifact.trees import Trees
from detect.artifact.windows import derive

TREES = "authenticity-trees"
STORED = 160  # side of the crop that is measured


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

"""Planted defects and trees: what is drawn is drawn where it says, and arrays answer as scikit-learn does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier

from detect.artifact import geometry as g
from detect.artifact.trees import Trees
from detect.training import plant
from detect.training.export import export_trees

Array = NDArray[Any]


def face_of_points(side: int = 240) -> Array:
    """A made-up mesh: an oval of points, with the eyes, lips and jaw where the masks look for them."""
    rng = np.random.default_rng(0)
    points = rng.uniform(0.3, 0.7, (478, 2)) * side
    turn = np.linspace(0, 2 * np.pi, len(g.OVAL), endpoint=False)
    points[list(g.OVAL)] = np.stack([np.sin(turn) * 0.3, -np.cos(turn) * 0.4], 1) * side + side / 2
    turn = np.linspace(0, 2 * np.pi, len(g.LIPS), endpoint=False)
    points[list(g.LIPS)] = np.stack([np.cos(turn) * 0.1, np.sin(turn) * 0.05], 1) * side + (
        side / 2,
        side * 0.68,
    )
    points[33], points[263] = (0.35 * side, 0.42 * side), (0.65 * side, 0.42 * side)
    return points.astype(np.float32)


@pytest.mark.parametrize("kind", [k for k in plant.KINDS if k not in ("freeze", "identity_swap")])
def test_each_defect_changes_the_face_and_leaves_the_corners_of_the_picture(kind: str) -> None:
    rng = np.random.default_rng(3)
    image = rng.integers(0, 255, (240, 240, 3), dtype=np.uint8)
    points = face_of_points()
    before = image.copy()
    plan = plant.Plan([(2, 4, plant.planter(kind, np.random.default_rng(1)))])
    assert np.array_equal(plan.apply(1, image, points), image)
    spoilt = plan.apply(2, image, points)
    assert np.array_equal(image, before), "the frame that came in is not touched"
    assert np.abs(spoilt.astype(int) - image).mean() > 0.05
    assert np.array_equal(spoilt[:12, :12], image[:12, :12])


def test_a_frozen_picture_repeats_the_first_frame_of_its_span() -> None:
    points = face_of_points()
    stills = [np.full((240, 240, 3), value, np.uint8) for value in (10, 90, 170)]
    freeze = plant.Freeze(0.1, np.random.default_rng(0))
    plan = plant.Plan([(0, 3, freeze)])
    out = [plan.apply(i, still, points) for i, still in enumerate(stills)]
    assert all(np.array_equal(frame, stills[0]) for frame in out)


def test_an_identity_swap_without_another_face_is_refused() -> None:
    with pytest.raises(ValueError, match="donor"):
        plant.planter("identity_swap", np.random.default_rng(0))


def test_the_same_seed_plants_the_same_defect() -> None:
    image = np.random.default_rng(5).integers(0, 255, (240, 240, 3), dtype=np.uint8)
    points = face_of_points()
    one, two, other = (
        plant.planter("seam", np.random.default_rng(seed))(image, points) for seed in (7, 7, 8)
    )
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("classes", [("clean", "bad"), ("clean", "blur", "seam")])
def test_arrays_answer_exactly_as_scikit_learn(tmp_path: Path, classes: tuple[str, ...]) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 6)).astype(np.float32)
    y = np.clip(
        (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(int) + (x[:, 3] > 1) * (len(classes) - 2),
        0,
        len(classes) - 1,
    )
    model = GradientBoostingClassifier(n_estimators=12, max_depth=3, random_state=0).fit(x, y)
    trees = export_trees(model, classes, tuple("abcdef"), {"seed": 0})
    trees.save(tmp_path / "t.safetensors")
    loaded = Trees.load(tmp_path / "t.safetensors")
    assert loaded.classes == classes and loaded.facts == {"seed": 0}
    assert np.allclose(loaded.probabilities(x), model.predict_proba(x), atol=1e-5)


def test_the_shipped_trees_know_the_features_that_windows_make() -> None:
    from core.weights import weight_file
    from detect.artifact.quality import TREES
    from detect.artifact.words import KINDS
    from detect.training.quality import feature_names

    trees = Trees.load(weight_file(TREES))
    assert trees.names == feature_names()
    assert trees.classes[0] == "clean" and set(trees.classes[1:]) <= set(KINDS)

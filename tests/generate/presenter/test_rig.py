"""The portrait moves as it is told, and nowhere else."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from generate.presenter.articulation import Mouth
from generate.presenter.figure import Figure, field, thin_plate
from generate.presenter.motion import Pose, poses
from generate.presenter.portrait import mesh
from generate.presenter.rig import Rig


@pytest.fixture(scope="module")
def rig(figure: Figure) -> Rig:
    return Rig(figure, seed=1)


def opening(rig: Rig, mouth: Mouth, pose: Pose | None = None) -> tuple[float, float, float]:
    """Lip gap, mouth width, eye opening of a rendered frame, each over the distance of the eye corners."""
    marks = mesh(rig.render(mouth, pose or Pose()))[:, :2]
    eyes = float(np.linalg.norm(marks[33] - marks[263]))
    gap, width, lid = (
        float(np.linalg.norm(marks[a] - marks[b])) for a, b in ((13, 14), (61, 291), (159, 145))
    )
    return gap / eyes, width / eyes, lid / eyes


def test_a_wider_target_is_a_wider_mouth(rig: Rig) -> None:
    shut, half, wide = (opening(rig, Mouth(open=o))[0] for o in (0.0, 0.4, 0.9))
    assert shut < 0.03 < half < wide


def test_rounding_makes_the_mouth_narrower(rig: Rig) -> None:
    assert opening(rig, Mouth(open=0.3, round=1.0))[1] < 0.9 * opening(rig, Mouth(open=0.3))[1]


def test_a_blink_closes_the_lid(rig: Rig) -> None:
    assert opening(rig, Mouth(), Pose(blink=1.0))[2] < 0.5 * opening(rig, Mouth())[2]


def test_the_same_pose_gives_the_same_picture_and_another_index_other_grain(rig: Rig) -> None:
    first, again, other = (rig.render(Mouth(), Pose(), index) for index in (0, 0, 1))
    assert np.array_equal(first, again)
    assert 0.3 < np.abs(first.astype(float) - other).mean() < 4


def test_turning_the_head_moves_the_nose_further_than_the_eyes(rig: Rig) -> None:
    ahead, turned = (mesh(rig.render(Mouth(), Pose(yaw=yaw)))[:, :2] for yaw in (0.0, 0.08))
    shift = turned - ahead
    assert abs(shift[1, 0] - shift[234, 0]) > 2


def test_a_spline_passes_close_to_its_controls() -> None:
    rng = np.random.default_rng(0)
    controls, values = rng.uniform(0, 200, (20, 2)), rng.uniform(-5, 5, (20, 2))
    assert thin_plate(controls, values, controls) == pytest.approx(
        values, abs=0.2
    )  # a little stiff on purpose


def test_a_field_leaves_the_border_of_its_box_alone() -> None:
    source = np.array([[60.0, 60.0], [20, 20], [100, 20], [20, 100], [100, 100]])
    target = source + np.array([[8.0, 0], [0, 0], [0, 0], [0, 0], [0, 0]])
    x, y = field((0, 0, 120, 120), 1.0, source, target)
    assert x[0] == pytest.approx(np.arange(120), abs=1e-3)
    assert y[:, 0] == pytest.approx(np.arange(120), abs=1e-3)
    assert x[60, 68] == pytest.approx(60, abs=1)


def test_motion_is_small_seeded_and_blinks() -> None:
    times = np.arange(0, 25, 0.04)
    loudness = np.full_like(times, 0.5)
    moves = poses(times, loudness, [5.0, 12.0], seed=3)
    assert moves == poses(times, loudness, [5.0, 12.0], seed=3)
    assert moves != poses(times, loudness, [5.0, 12.0], seed=4)
    assert max(abs(move.yaw) for move in moves) < np.radians(5)
    assert sum(a.blink < 0.5 <= b.blink for a, b in pairwise(moves)) >= 4

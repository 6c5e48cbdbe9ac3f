"""The measures of one frame: they hold what the gate's words claim, and do not follow place or size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.media.decode import frames
from core.perception.watch import FaceTracker
from detect.artifact import geometry as g
from detect.artifact.regions import INDEX, NAMES, FrameMeasures
from detect.training import plant

Array = NDArray[Any]


@pytest.fixture(scope="module")
def face(presenter: Path) -> tuple[Array, Array]:
    frame = next(iter(frames(presenter)))
    with FaceTracker() as tracker:
        found = tracker.track(frame.image, 0.0)
    assert found is not None
    return frame.image.copy(), found.landmarks


def measure(image: Array, landmarks: Array) -> dict[str, float]:
    values = FrameMeasures().measure(image, landmarks)
    assert values.shape == (len(NAMES),)
    return {name: float(values[INDEX[name]]) for name in NAMES}


def test_the_aligned_crop_puts_the_eyes_where_it_says(face: tuple[Array, Array]) -> None:
    image, landmarks = face
    crop, points = g.aligned(image, landmarks)
    assert crop.shape == (g.SIZE, g.SIZE, 3)
    left, right = points[g.EYES[0]], points[g.EYES[1]]
    assert np.allclose(left[1], g.EYE_Y, atol=0.1) and np.allclose(right[1], g.EYE_Y, atol=0.1)
    assert np.isclose(right[0] - left[0], g.CROP_D, atol=0.1)


def test_a_blurred_mouth_is_smoother_than_the_eyes_and_nothing_else_changes(
    face: tuple[Array, Array],
) -> None:
    image, landmarks = face
    blurred = plant.Blur(0.04, np.random.default_rng(0))(image, landmarks)
    before, after = measure(image, landmarks), measure(blurred, landmarks)
    assert after["fine_mouth"] < before["fine_mouth"] - 0.5
    assert abs(after["fine_left_eye"] - before["fine_left_eye"]) < 0.05
    assert abs(after["fine_forehead"] - before["fine_forehead"]) < 0.05


def test_a_pasted_box_shows_as_an_edge_along_a_box_and_leaves_the_eyes(face: tuple[Array, Array]) -> None:
    image, landmarks = face
    seam = plant.Seam(18.0, np.random.default_rng(2))
    seam.outline, seam.lab = "box", np.array([16.0, 3.0, 0.0], np.float32)
    before, after = measure(image, landmarks), measure(seam(image, landmarks), landmarks)
    assert after["ridge_box"] > before["ridge_box"] + 3
    assert abs(after["fine_left_eye"] - before["fine_left_eye"]) < 0.05


def test_measures_hardly_follow_the_face_s_place_and_size(face: tuple[Array, Array]) -> None:
    image, landmarks = face
    shrunk = cv2.resize(image, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    moved = cv2.copyMakeBorder(shrunk, 40, 0, 60, 0, cv2.BORDER_REPLICATE)
    there = landmarks[:, :2] * 0.8 + (60, 40)
    before, after = measure(image, landmarks), measure(np.ascontiguousarray(moved), there.astype(np.float32))
    for name in ("a_mouth", "b_forehead", "L_chin", "open", "wide", "jaw_left"):
        assert abs(before[name] - after[name]) < max(0.03 * abs(before[name]), 0.01), name


def test_change_is_unknown_in_the_first_frame_and_least_when_nothing_moves(face: tuple[Array, Array]) -> None:
    image, landmarks = face
    meter = FrameMeasures()
    first = meter.measure(image, landmarks)
    assert np.isnan(first[INDEX["change_face"]])
    still = meter.measure(image, landmarks)
    moved = meter.measure(plant.shift(image, 3, 0), landmarks)
    assert still[INDEX["change_face"]] < moved[INDEX["change_face"]] - 1

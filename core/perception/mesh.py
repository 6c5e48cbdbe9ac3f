"""Follow one face with MediaPipe's mesh: 478 points a frame, about 4 ms.

The mesh always sees a square crop around the face at a size that it likes, so a face of 40 pixels and one of
1500 cost the same and are treated alike. The crop stands still until the face nears its edge: a crop that moved
with every frame would put its own jitter into the points.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.perception.models import MESH_POINTS

CROP_FACTOR = 2.0  # crop side over face side
SMALL_CROP, LARGE_CROP = 256, 512  # smaller crops are enlarged, larger ones shrunk
SETTLE = 2  # looks at the first frame after the crop moved, so that the mesh's own region settles


class MeshFollower:
    """A mesh with its crop. One object a video; use it as a context manager (it holds native memory)."""

    def __init__(self) -> None:
        with _quiet():
            self._mesh: Any = _face_mesh()
            # The graph opens its parts in its first run, with warnings of its own.
            self._mesh.process(np.zeros((SMALL_CROP, SMALL_CROP, 3), np.uint8))
        self._crop: tuple[int, int, int] | None = None  # x, y, side; may reach outside the picture

    def __enter__(self) -> MeshFollower:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mesh.close()

    def start(self, image: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Begin with the face inside ``box`` (x0 y0 x1 y1). Returns its points as :meth:`follow` does."""
        self._crop = _crop_around(box)
        with _quiet():
            return self._settled(image)

    def follow(self, image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """The face's points in the next frame: float32 (478, 3) in pixels, or None when it is lost."""
        if self._crop is None:
            return None
        points = self._look(image)
        if points is None:
            self._crop = None
            return None
        box = box_of(points)
        if not _fits(self._crop, box):
            self._crop = _crop_around(box)
            moved = self._settled(image)
            return moved if moved is not None else points
        return points

    def _settled(self, image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        points = None
        for _ in range(SETTLE):
            points = self._look(image)
        if points is None:
            self._crop = None
        return points

    def _look(self, image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        assert self._crop is not None
        x, y, side = self._crop
        crop = _cut(image, x, y, side)
        size = min(max(side, SMALL_CROP), LARGE_CROP)
        if size != side:
            way = cv2.INTER_AREA if size < side else cv2.INTER_CUBIC
            crop = np.asarray(cv2.resize(crop, (size, size), interpolation=way), dtype=np.uint8)
        answer = self._mesh.process(cv2.cvtColor(crop, cv2.COLOR_BGR2RGB))
        if not answer.multi_face_landmarks:
            return None
        marks = answer.multi_face_landmarks[0].landmark
        points = np.array([(mark.x, mark.y, mark.z) for mark in marks], dtype=np.float32)
        assert points.shape == (MESH_POINTS, 3)
        points *= side
        points[:, 0] += x
        points[:, 1] += y
        return points


def box_of(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """x0 y0 x1 y1 around mesh points (n, 2 or 3)."""
    xy = points[:, :2]
    box: NDArray[np.float32] = np.concatenate([xy.min(axis=0), xy.max(axis=0)])
    return box


def _crop_around(box: NDArray[np.float32]) -> tuple[int, int, int]:
    side = max(8, round(CROP_FACTOR * float(max(box[2] - box[0], box[3] - box[1]))))
    x = round(float(box[0] + box[2]) / 2 - side / 2)
    y = round(float(box[1] + box[3]) / 2 - side / 2)
    return x, y, side


def _fits(crop: tuple[int, int, int], box: NDArray[np.float32]) -> bool:
    """Whether the face is still well inside its crop and of about the size the crop was cut for."""
    x, y, side = crop
    margin = 0.08 * side
    inside = (
        box[0] >= x + margin
        and box[1] >= y + margin
        and box[2] <= x + side - margin
        and box[3] <= y + side - margin
    )
    face = float(max(box[2] - box[0], box[3] - box[1]))
    return bool(inside and 0.6 * side <= CROP_FACTOR * face <= 1.5 * side)


def _cut(image: NDArray[np.uint8], x: int, y: int, side: int) -> NDArray[np.uint8]:
    """The square, with black where it leaves the picture."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = max(0, x), max(0, y), min(width, x + side), min(height, y + side)
    if x0 >= x1 or y0 >= y1:
        return np.zeros((side, side, 3), np.uint8)
    part = image[y0:y1, x0:x1]
    if part.shape[:2] == (side, side):
        return np.ascontiguousarray(part)
    padded = np.zeros((side, side, 3), np.uint8)
    padded[y0 - y : y1 - y, x0 - x : x1 - x] = part
    return padded


_stderr_lock = threading.Lock()


@contextmanager
def _quiet() -> Iterator[None]:
    """Native warnings about MediaPipe's own graph go nowhere: they name no fault that anyone here could mend.

    The file descriptor is turned away, for some milliseconds, because the libraries write past ``sys.stderr``.
    """
    with _stderr_lock:
        sys.stderr.flush()
        kept = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)


def _face_mesh() -> Any:
    from mediapipe.python.solutions.face_mesh import FaceMesh

    return FaceMesh(
        static_image_mode=False,
        max_num_faces=1,
        refine_landmarks=True,
        min_detection_confidence=0.5,
        min_tracking_confidence=0.5,
    )

"""Points of the tracked face, kept while the frames go by: for whoever needs more of the face than its box."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.media.models import Frame
from core.perception.models import MESH_POINTS, Face
from core.rows import Rows


class LandmarkRecorder:
    """A watcher that keeps chosen mesh points of every frame, on disk: an hour of any of them costs a few megabytes.

    ``recorder[a:b]`` reads frames a to b: float32 (b - a, points, axes) in pixels, NaN where the face was lost.
    """

    def __init__(self, points: Sequence[int] = range(MESH_POINTS), axes: int = 3) -> None:
        """``points``: mesh indices, in the order in which they are kept. ``axes``: 2 for x and y, 3 for z as well."""
        self.points = tuple(points)
        self._index = np.array(self.points)
        self._rows = Rows((len(self.points), axes))
        self._lost = np.full((len(self.points), axes), np.nan, np.float32)
        self._times = array("d")
        self._found = array("b")

    def see(self, frame: Frame, face: Face | None) -> None:
        self.add(float(frame.time), None if face is None else face.landmarks[self._index])

    def add(self, time: float, kept: NDArray[np.float32] | None) -> None:
        """The chosen points (points, at least axes) of the frame at ``time`` seconds; None: the face is lost."""
        self._times.append(time)
        self._found.append(kept is not None)
        self._rows.append(self._lost if kept is None else kept[:, : self._rows.shape[1]])

    @property
    def times(self) -> NDArray[np.float64]:
        """(n,) seconds of the presentation."""
        return np.array(self._times, np.float64)

    @property
    def found(self) -> NDArray[np.bool_]:
        """(n,) the face is tracked in this frame."""
        return np.array(self._found, bool)

    def __len__(self) -> int:
        return len(self._times)

    def __getitem__(self, key: slice, /) -> NDArray[np.float32]:
        rows: NDArray[np.float32] = self._rows[key]
        return rows

    def save(self, path: Path) -> None:
        """Write as npz."""
        np.savez_compressed(
            path, times=self.times, found=self.found, rows=self[:], points=np.array(self.points)
        )

    @staticmethod
    def load(path: Path) -> LandmarkRecorder:
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            rows, found = stored["rows"], stored["found"]
            recorder = LandmarkRecorder([int(point) for point in stored["points"]], rows.shape[2])
            for time, row, seen in zip(stored["times"], rows, found, strict=True):
                recorder.add(float(time), row if seen else None)
        return recorder

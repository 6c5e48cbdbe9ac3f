"""One decode, one face track, and everybody who wants to see the frames sees them in the same pass.

MTCNN finds the face, the mesh follows it; MTCNN looks again when the mesh lost it, and once a second to count
faces and to make sure that the mesh still sits on one. Bounded memory: a frame lives while the watchers see it, and
the track keeps 26 bytes of it.
Deterministic for the same file and thread count.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.heartbeat import beat
from core.media.decode import frames
from core.media.models import Frame
from core.perception.finder import Found, find_faces
from core.perception.mesh import MeshFollower, box_of
from core.perception.models import Face, FaceTrack
from core.settings import MediaSettings

LOOK_SECONDS = 1.0  # the detector counts faces this often
LONGEST_PAUSE = 0.5  # seconds between tries while no face is found
THOROUGH_SECONDS = 2.0  # while no face is found, a thorough look this often


class Watcher(Protocol):
    """Sees each presented frame once, in order."""

    def see(self, frame: Frame, face: Face | None) -> None:
        """``face`` is the tracked face in this frame, None when there is none. Keep no reference to the image."""


def watch(
    path: Path,
    watchers: Sequence[Watcher] = (),
    limits: MediaSettings | None = None,
    progress: Callable[[float], None] | None = None,
) -> FaceTrack:
    """Decode the pictures of a file, track the face, show every frame to every watcher.

    Args:
        path: a video.
        watchers: called for each frame in the given order; what one raises ends the pass.
        limits: bounds on the media; the process's settings when None.
        progress: called with the seconds of video seen so far.

    Raises:
        MediaError: the file cannot be read or breaks a limit.
    """
    with closing(frames(path, limits)) as pictures:
        return follow(pictures, watchers, progress)


def follow(
    pictures: Iterable[Frame],
    watchers: Sequence[Watcher] = (),
    progress: Callable[[float], None] | None = None,
) -> FaceTrack:
    """As :func:`watch`, over pictures that are being read already."""
    times, counts, boxes = array("d"), array("b"), array("f")
    width = height = 0
    with FaceTracker() as tracker:
        for frame in pictures:
            beat()
            height, width = frame.image.shape[:2]
            time = float(frame.time)
            face = tracker.track(frame.image, time)
            times.append(time)
            counts.append(tracker.counted)
            boxes.extend(face.box if face is not None else _LOST)
            for watcher in watchers:
                watcher.see(frame, face)
            if progress is not None:
                progress(time)
    around = np.array(boxes, np.float32).reshape(-1, 4)
    seconds = times[-1] - times[0] if len(times) > 1 else 0.0
    return FaceTrack(
        times=np.array(times, np.float64),
        found=~np.isnan(around[:, 0]),
        faces=np.array(counts, np.int8),
        boxes=around,
        width=width,
        height=height,
        fps=(len(times) - 1) / seconds if seconds > 0 else 0.0,
    )


_LOST = (float("nan"),) * 4


class FaceTracker:
    """Frame by frame: the state of one track. Use it as a context manager."""

    def __init__(self) -> None:
        self._mesh = MeshFollower()
        self._box: NDArray[np.float32] | None = None  # where the face was last
        self._probability = 0.0
        self._next_look = -np.inf
        self._next_thorough = -np.inf
        self._pause = 0.0
        self._following = False  # the face was there in the frame before
        self.counted = -1  # faces that the detector saw in the last frame, -1: it did not look

    def __enter__(self) -> FaceTracker:
        return self

    def __exit__(self, *_: object) -> None:
        self._mesh.__exit__(None, None, None)

    def track(self, image: NDArray[np.uint8], time: float) -> Face | None:
        """The face in the next frame of the video, at ``time`` seconds."""
        self.counted = -1
        points = self._mesh.follow(image)
        if time >= self._next_look or (points is None and self._following):
            found = self._look(image, time, lost=points is None)
            if points is not None and found and not any(_overlap(f.box, box_of(points)) > 0.2 for f in found):
                points = None  # the mesh slid off onto something that is no face
            if points is None and found:
                chosen = self._choose(found)
                self._probability = chosen.probability
                points = self._mesh.start(image, chosen.box)
            elif points is not None:
                own = [f.probability for f in found if _overlap(f.box, box_of(points)) > 0.2]
                self._probability = max(own, default=0.5 * self._probability)
            self._plan(time, lost=points is None)
        self._following = points is not None
        if points is None:
            return None
        box = box_of(points)
        self._box = box
        return Face(landmarks=points, box=box, score=self._probability)

    def _look(self, image: NDArray[np.uint8], time: float, *, lost: bool) -> list[Found]:
        found = find_faces(image)
        if not found and lost and time >= self._next_thorough:
            self._next_thorough = time + THOROUGH_SECONDS
            found = find_faces(image, thorough=True)
        self.counted = min(len(found), 127)
        return found

    def _plan(self, time: float, *, lost: bool) -> None:
        # While nothing is found the pauses double: a video without a face must not cost a detector a frame.
        self._pause = min(max(2 * self._pause, 0.03), LONGEST_PAUSE) if lost else 0.0
        self._next_look = time + (self._pause if lost else LOOK_SECONDS)

    def _choose(self, found: list[Found]) -> Found:
        """The face that overlaps the lost one most, else the largest."""
        box = self._box
        if box is not None:
            best = max(found, key=lambda face: _overlap(face.box, box))
            if _overlap(best.box, box) > 0.1:
                return best
        return found[0]


def _overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Intersection over union of two boxes x0 y0 x1 y1."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    common = float(np.prod(np.clip(high - low, 0, None)))
    union = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - common
    return common / union if union > 0 else 0.0

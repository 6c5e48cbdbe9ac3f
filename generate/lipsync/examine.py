"""Can this clip carry a new mouth? Each refusal names a reason and the frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.perception.models import FaceTrack
from generate.errors import ReferenceRefused
from generate.lipsync.body import longest_run
from generate.lipsync.pose import Array

SMALLEST_FACE_PX = 110  # width of the face; 300 and more is what the guide for recordings asks for
GOOD_FACE_PX = 300
LARGEST_YAW = 25.0  # degrees; the far mouth corner is hidden beyond
SHORTEST_SECONDS = 3.0
SMALLEST_APERTURE = 0.03  # inter-eye distances, 95th percentile: below, nobody speaks
LARGEST_OFFSET = 15  # frames looked at either way
SURE_OF_SOUND = 0.2  # mean correlation; clips in sync have 0.35 to 0.7, strangers' sound below 0.15
OFFSET_GESTURES = [0, 1, 4]  # aperture, width, lower lip: those that sound says most about


def check_faces(track: FaceTrack, reference: Path) -> None:
    """Raises ReferenceRefused: no_face, several_faces, face_too_small, too_short."""
    where = reference.name
    lost = tuple(int(i) for i in np.flatnonzero(~track.found))
    if len(lost) == len(track.found):
        raise ReferenceRefused(
            "no face was found in the reference",
            code="no_face",
            where=where,
            next_step="record the person from the front, the face lit and uncovered",
        )
    several = tuple(int(i) for i in np.flatnonzero(track.faces > 1))
    looks = int((track.faces >= 0).sum())
    if len(several) > max(1, 0.1 * looks):
        raise ReferenceRefused(
            "more than one face is in the picture",
            code="several_faces",
            frames=several,
            where=where,
            next_step="record one person alone",
        )
    boxes = track.boxes[track.found]
    width = float(np.median(boxes[:, 2] - boxes[:, 0]))
    if width < SMALLEST_FACE_PX:
        raise ReferenceRefused(
            f"the face is {width:.0f} pixels wide; at least {SMALLEST_FACE_PX} are needed, {GOOD_FACE_PX} are good",
            code="face_too_small",
            where=where,
            next_step="record nearer, or at a higher resolution",
        )


def usable_run(
    track: FaceTrack, angles: Array, jumps: NDArray[np.bool_], reference: Path
) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    """(frames that may be shown, longest run of them). Raises ReferenceRefused: turned_away, cut_in_clip, too_short.

    Args:
        angles: (n, 3) degrees, NaN where no face. jumps: (n,) True where a frame does not continue the last one.
    """
    where = reference.name
    turned = ~track.found | (np.abs(np.nan_to_num(angles[:, 0], nan=99)) > LARGEST_YAW)
    good = ~turned
    start, stop = longest_run(good & ~jumps)
    if start > 0 and jumps[start - 1]:
        start -= 1  # the first frame after a cut continues with the next one
    if _lasts(track, start, stop) >= SHORTEST_SECONDS:
        return good, (start, stop)
    bad = np.flatnonzero(turned)
    code, what = "turned_away", f"the face is turned more than {LARGEST_YAW:.0f} degrees too often"
    if _lasts(track, 0, len(good)) < SHORTEST_SECONDS:
        code, what = "too_short", f"the reference lasts less than {SHORTEST_SECONDS:.0f} s"
    elif _lasts(track, *longest_run(good)) >= SHORTEST_SECONDS:
        code, what, bad = "cut_in_clip", "cuts leave no run of three seconds", np.flatnonzero(jumps)
    elif (~track.found).mean() > 0.3:
        code, what, bad = "no_face", "the face is lost too often", np.flatnonzero(~track.found)
    raise ReferenceRefused(
        what,
        code=code,
        frames=tuple(int(i) for i in bad),
        where=where,
        next_step="record 20 s without a cut, looking at the camera",
    )


def _lasts(track: FaceTrack, start: int, stop: int) -> float:
    """Seconds for which the pictures ``start`` to ``stop`` are shown, by the file's own clock."""
    if stop - start < 2:
        return 0.0
    return float(track.times[stop - 1] - track.times[start]) + 1 / track.fps + 1e-6


def sound_offset(seen: Array, asked_for: Array) -> tuple[int, float]:
    """(frames that the sound comes later than the lips, mean correlation there).

    Args:
        seen: (n, k) gestures of each frame, NaN where no face. asked_for: (n, k) what the sound asks for.
    """
    best, found = 0, -1.0
    for lag in range(-LARGEST_OFFSET, LARGEST_OFFSET + 1):
        x = seen[max(0, -lag) : len(seen) - max(0, lag)]
        y = asked_for[max(0, lag) : len(asked_for) + min(0, lag)]
        known = ~np.isnan(x[:, 0])
        if known.sum() < 25:
            continue
        x, y = x[known] - x[known].mean(axis=0), y[known] - y[known].mean(axis=0)
        size = np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
        r = float(((x * y).sum(axis=0) / np.maximum(size, 1e-9)).mean())
        if r > found:
            best, found = lag, r
    return best, found

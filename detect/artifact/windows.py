"""From numbers a frame to numbers a window: what is unusual in itself, and what is unusual for this clip.

A window is about half a second. Each measure enters three times: as it is (a render can be bad throughout), as its
distance from the clip's own median in units of its own spread (a defect for a second stands out), and as the
largest jump between neighbours. Neighbours farther than ``REACH`` seconds do not count, so an hour of video
compares with itself nearby and the cost is linear.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.rows import Sliced, in_blocks
from detect.artifact import geometry as g
from detect.artifact.geometry import Points
from detect.artifact.regions import CELLS, INDEX, REGIONS

Array = NDArray[np.float64]

MEASURE_SECONDS = 0.075  # regions are measured at most this often; landmarks on every frame up to 30 a second
WINDOW = 0.48  # seconds
HOP = 0.24
REACH = 10.0  # seconds to each side that a window is compared with
PART = 12 * REACH  # seconds of windows that are made at a time

# Landmarks kept for every frame: the head's frame, the lips, the jaw.
KEPT = (*g.RIGID, *g.LIPS, *g.JAW)
_RIGID = slice(0, len(g.RIGID))
_LIPS = slice(len(g.RIGID), len(g.RIGID) + len(g.LIPS))
_JAW = slice(len(g.RIGID) + len(g.LIPS), len(KEPT))


def kept_points(landmarks: Points) -> NDArray[np.float32]:
    """(len(KEPT) + 1, 2): the kept landmarks in pixels, and (d, 0) last."""
    d = g.eye_distance(landmarks)
    return np.vstack([landmarks[list(KEPT), :2], [[d, 0.0]]]).astype(np.float32)


# Derived measures: name -> (plus regions' mean) - (minus regions' mean), with the floor of the spread.
_SHARP = {
    "mouth_eyes": (("mouth",), ("left_eye", "right_eye")),
    "mouth_cheeks": (("mouth",), ("left_cheek", "right_cheek")),
    "inner_eyes": (("inner",), ("left_eye", "right_eye")),
    "chin_forehead": (("chin",), ("forehead",)),
    "chin_nose": (("chin",), ("nose",)),
    "cheeks_forehead": (("left_cheek", "right_cheek"), ("forehead",)),
    "nose_eyes": (("nose",), ("left_eye", "right_eye")),
}
_COLOUR = {
    "mouth_chin": (("mouth",), ("chin",)),
    "chin_forehead": (("chin",), ("forehead",)),
    "chin_cheeks": (("chin",), ("left_cheek", "right_cheek")),
    "cheeks_forehead": (("left_cheek", "right_cheek"), ("forehead",)),
    "left_right": (("left_cheek",), ("right_cheek",)),
    "face_surround": (("left_cheek", "right_cheek", "forehead", "chin", "nose"), ("surround",)),
    "eyes_face": (("left_eye", "right_eye"), ("left_cheek", "right_cheek")),
}
_ALONE = (
    *(
        f"{kind}_{family}"
        for family in ("lips", "lower", "oval", "box")
        for kind in ("step", "chroma_step", "ridge")
    ),
    *(f"change_{name}" for name in ("mouth", "upper", "lower", "face", "surround", "picture")),
    *("ghost", "rows", "open", "wide", "jaw_left", "jaw_right", "chin_drop"),
)
_FLOOR = {
    "sharp": 0.08,
    "colour": 0.8,
    "step": 0.7,
    "change": 0.2,
    "ghost": 0.05,
    "rows": 0.15,
    "shape": 0.008,
}


# How far a colour is from where pose and the clip's own median put it, 8-bit Lab levels.
_SIZES = {
    f"off_{name}": tuple(f"colour_{channel}_{name}" for channel in "Lab")
    for name in (
        "mouth_chin",
        "chin_forehead",
        "chin_cheeks",
        "cheeks_forehead",
        "face_surround",
        "eyes_face",
    )
}


def _group(name: str) -> str:
    if name.startswith(("sharp_", "fine_", "mid_")):
        return "sharp"
    if name.startswith(("colour_", "level_")):
        return "colour"
    if name.startswith(("step_", "chroma_step_", "ridge_")):
        return "step"
    if name.startswith("change_"):
        return "change"
    return name if name in ("ghost", "rows") else "shape"


def derive(measures: Array) -> tuple[list[str], Array]:
    """Names and (m, k) of the derived measures of (m, len(regions.NAMES))."""
    columns: dict[str, Array] = {}

    def mean(prefix: str, regions: tuple[str, ...]) -> Array:
        return np.asarray(np.mean([measures[:, INDEX[f"{prefix}_{region}"]] for region in regions], axis=0))

    for band in ("fine", "mid"):
        for name, (plus, minus) in _SHARP.items():
            columns[f"sharp_{band}_{name}"] = mean(band, plus) - mean(band, minus)
        for region in REGIONS:
            columns[f"{band}_{region}"] = measures[:, INDEX[f"{band}_{region}"]]
    for channel in "Lab":
        for name, (plus, minus) in _COLOUR.items():
            columns[f"colour_{channel}_{name}"] = mean(channel, plus) - mean(channel, minus)
        for region in ("forehead", "chin", "left_cheek", "right_cheek", "nose"):
            columns[f"level_{channel}_{region}"] = measures[:, INDEX[f"{channel}_{region}"]]
    for name in _ALONE:
        columns[name] = measures[:, INDEX[name]]
    columns["change_mouth_upper"] = columns["change_mouth"] - columns["change_upper"]
    columns["change_face_surround"] = columns["change_face"] - columns["change_surround"]
    return list(columns), np.stack(list(columns.values()), axis=1)


_BENDS = tuple(f"bend_{name}" for name in ("head", "lips", "jaw", "eyes", "size", "outline"))


def _motion(times: Array, points: Array, d: float) -> tuple[Array, Array]:
    """(p,) times and (p, 6) log accelerations between neighbouring frames, in units of the clip's ``d``."""
    xy = points[:, :-1] / d
    head = xy[:, _RIGID].mean(axis=1)
    eyes = xy[:, 3] - xy[:, 0]  # RIGID begins with the outer, inner, inner, outer corner of the eyes
    size = points[:, -1, 0] / d
    tracks = (  # in the order of _BENDS
        head,
        xy[:, _LIPS].mean(axis=1) - head,
        xy[:, _JAW].mean(axis=1) - head,
        eyes,
        size[:, None],
        (xy[:, _JAW] - head[:, None]).reshape(len(xy), -1) / np.sqrt(len(g.JAW)),
    )
    steps = np.diff(times)
    out = []
    even = (np.abs(np.diff(steps)) < 0.4 * np.maximum(steps[1:], 1e-6)) & (steps[1:] < 0.11)
    for track in tracks:
        bend = np.linalg.norm(np.diff(track, n=2, axis=0), axis=1)
        out.append(np.where(even, np.log(bend + 3e-4), np.nan))
    return times[1:-1], np.stack(out, axis=1)


def _jaw_residual(
    times: Array, frame_times: Array, points: NDArray[np.float32], pose: Array, first: float
) -> Array:
    """(m, 4): the jaw against where the clip's own jaws lie in this pose: left outwards, right outwards, down, rms."""
    rows = np.clip(np.searchsorted(frame_times, times), 0, len(frame_times) - 1)
    kept = points[rows].astype(np.float64)
    eyes = kept[:, 3] - kept[:, 0]
    angle = -np.arctan2(eyes[:, 1], eyes[:, 0])
    turn = np.stack(
        [np.stack([np.cos(angle), -np.sin(angle)], 1), np.stack([np.sin(angle), np.cos(angle)], 1)], 1
    )
    centre = (kept[:, 0] + kept[:, 3])[:, None] / 2
    size = np.maximum(np.linalg.norm(eyes, axis=1), 1e-3)[:, None, None]
    jaw = np.einsum("mij,mkj->mki", turn, kept[:, _JAW] - centre) / size
    _, left = _relative(times, jaw.reshape(len(jaw), -1), np.full(2 * len(g.JAW), 1e-3), first, pose)
    left = left.reshape(len(jaw), -1, 2)
    third = len(g.JAW) // 3
    return np.stack(
        [
            -left[:, :third, 0].mean(axis=1),
            left[:, -third:, 0].mean(axis=1),
            left[:, third:-third, 1].mean(axis=1),
            np.sqrt((left**2).mean(axis=(1, 2))),
        ],
        axis=1,
    )


def _looks(times: Array, measures: NDArray[np.float32], pose: Array, first: float) -> Array:
    """(m, 4): how far the face's coarse picture is from the clip's own in the upper and lower half (8-bit levels), the
    same in units of the clip's spread, and the step from the measured frame before."""
    cells = measures[:, -CELLS:].astype(np.float64)
    z, left = _relative(times, cells, np.full(CELLS, 2.0), first, pose[:, :2])
    left = left.reshape(len(left), 8, 24)
    step = np.zeros(len(cells))
    step[1:] = np.abs(np.diff(cells, axis=0)).mean(axis=1)
    step[1:][np.diff(times) > 0.3] = 0
    return np.stack(
        [
            np.sqrt((left[:, :4] ** 2).mean(axis=(1, 2))),
            np.sqrt((left[:, 4:] ** 2).mean(axis=(1, 2))),
            np.sqrt((z**2).mean(axis=1)),
            step,
        ],
        axis=1,
    )


@dataclass(frozen=True)
class Windows:
    """Features of each window. ``start``/``end`` (w,) seconds; ``values`` (w, f) float32 without NaN."""

    start: Array
    end: Array
    values: NDArray[np.float32]
    names: tuple[str, ...]

    def only(self, names: tuple[str, ...]) -> Windows:
        """The same windows with these features alone."""
        return Windows(self.start, self.end, self.values[:, [self.names.index(n) for n in names]], names)


def joined(parts: Sequence[Windows]) -> Windows:
    """Parts of one clip, in order, as one. There is at least one part."""
    return Windows(
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.end for part in parts]),
        np.concatenate([part.values for part in parts]),
        parts[0].names,
    )


def windows(times: Array, measures: Sliced, frame_times: Array, points: Sliced) -> Windows | None:
    """All windows of a clip, or None when fewer than six frames with a face were measured: see :func:`in_parts`."""
    parts = list(in_parts(times, measures, frame_times, points))
    return joined(parts) if parts else None


def in_parts(times: Array, measures: Sliced, frame_times: Array, points: Sliced) -> Iterator[Windows]:
    """The windows of a clip, ``PART`` seconds at a time: memory does not grow with the clip's length.

    Args:
        times: (m,) seconds of the measured frames, rising.
        measures: (m, len(regions.NAMES)); NaN where there is no previous frame.
        frame_times: (n,) seconds of the frames with a face, rising; the measured ones are among them.
        points: (n, len(KEPT) + 1, 2) of :func:`kept_points`.
    """
    if len(times) < 6 or len(frame_times) < 6:
        return
    d = np.concatenate([block[:, -1, 0] for block in in_blocks(points)]).astype(np.float64)
    clip = _Clip(float(times[0]), float(frame_times[1]), max(float(np.median(d)), 1e-3))
    starts = np.arange(times[0], max(times[-1] - WINDOW, times[0]) + 1e-6, HOP)
    part = np.floor((starts - times[0]) / PART).astype(int)
    for number in np.unique(part):
        own = starts[part == number]
        low, high = clip.neighbourhood(float(own[0]), float(own[-1]) + WINDOW)
        measured, seen = _between(times, low, high), _between(frame_times, low, high)
        seen = slice(max(0, seen.start - 1), seen.stop + 1)  # a bend needs the frames beside it
        found = _windows(
            own,
            clip,
            times=times[measured],
            measures=measures[measured],
            frame_times=frame_times[seen],
            points=points[seen],
        )
        if found is not None:
            yield found


@dataclass(frozen=True)
class _Clip:
    """What a part of a clip must know of the whole: where the blocks of ``REACH`` seconds begin, for measures and for
    bends, and the median d."""

    first: float
    first_bend: float
    d: float

    def neighbourhood(self, low: float, high: float) -> tuple[float, float]:
        """Seconds of all that windows between ``low`` and ``high`` are compared with."""
        firsts = (self.first, self.first_bend)
        return (
            min(first + (np.floor((low - first) / REACH) - 0.5) * REACH for first in firsts),
            max(first + (np.floor((high - first) / REACH) + 1.5) * REACH for first in firsts),
        )


def _windows(
    starts: Array,
    clip: _Clip,
    *,
    times: Array,
    measures: NDArray[np.float32],
    frame_times: Array,
    points: NDArray[np.float32],
) -> Windows | None:
    """The windows that begin at ``starts``, from the measures and frames in their neighbourhood."""
    names, values = derive(measures.astype(np.float64))
    bend_times, bends = _motion(frame_times.astype(np.float64), points.astype(np.float64), clip.d)
    floors = np.array([_FLOOR[_group(name)] for name in names])
    jumps = np.vstack([np.zeros((1, values.shape[1])), np.abs(np.diff(values, axis=0))])
    jumps[1:][np.diff(times) > 0.3] = 0  # a gap in the track is no jump
    pose = measures[:, [INDEX[name] for name in ("yaw", "pitch", "open")]].astype(np.float64)
    relative, left = _relative(times, values, floors, clip.first, pose)
    bend_relative, _ = _relative(bend_times, bends, np.full(bends.shape[1], 0.25), clip.first_bend)
    sizes = np.stack(
        [np.linalg.norm(left[:, [names.index(n) for n in part]], axis=1) for part in _SIZES.values()], axis=1
    )
    jaw = _jaw_residual(times, frame_times, points, pose, clip.first)
    looks = _looks(times, measures, pose, clip.first)
    groups = {group: [i for i, name in enumerate(names) if _group(name) == group] for group in _FLOOR}

    rows, kept_starts = [], []
    for start in starts:
        inside = _between(times, start, start + WINDOW)
        moving = _between(bend_times, start, start + WINDOW)
        if inside.stop - inside.start < 3 or moving.stop - moving.start < 3:
            continue
        z = _mean(relative[inside])
        row = [_mean(values[inside]), z, _mean(bends[moving]), _mean(bend_relative[moving])]
        row.append(np.array([np.max(jumps[inside][:, i] / floors[i]) for i in groups.values()]))
        row.append(np.array([np.mean(np.abs(z[i])) for i in groups.values()]))
        row.append(np.array([np.max(np.abs(z[i])) for i in groups.values()]))
        row.append(_mean(sizes[inside]))
        row.append(_mean(jaw[inside]))
        row.append(_mean(looks[inside]))
        row.append(np.max(looks[inside][:, 3:], axis=0))
        rows.append(np.concatenate(row))
        kept_starts.append(start)
    if not rows:
        return None
    table = np.nan_to_num(np.array(rows), nan=0.0, posinf=0.0, neginf=0.0)
    begin = np.array(kept_starts)
    all_names = (
        *names,
        *(f"z_{name}" for name in names),
        *_BENDS,
        *(f"z_{name}" for name in _BENDS),
        *(f"jump_{group}" for group in groups),
        *(f"away_{group}" for group in groups),
        *(f"farthest_{group}" for group in groups),
        *_SIZES,
        *("jaw_left_out", "jaw_right_out", "jaw_down", "jaw_rest"),
        *("looks_upper", "looks_lower", "looks_z", "looks_step", "looks_step_most"),
    )
    return Windows(begin, begin + WINDOW, table.astype(np.float32), all_names)


OFF = ("off_chin_forehead", "off_chin_cheeks", "off_cheeks_forehead", "off_face_surround")


def colour_departure(table: Windows) -> Array:
    """(w,) how far regions' colours part from each other, against the calm quarter of the clip nearby.

    In levels, divided by one and twice that quarter's own: clips in moving light need more to stand out.
    """
    off = table.values[:, [table.names.index(name) for name in OFF]].astype(np.float64)
    out = np.zeros(len(off))
    for k in range(len(off)):
        near = _between(table.start, table.start[k] - REACH, table.start[k] + REACH)
        calm = np.quantile(off[near], 0.25, axis=0)
        out[k] = np.max((off[k] - calm) / (1 + 2 * calm))
    return out


def _between(times: Array, low: float, high: float) -> slice:
    return slice(int(np.searchsorted(times, low)), int(np.searchsorted(times, high)))


def _mean(values: Array) -> Array:
    good = np.isfinite(values)
    return np.asarray(np.where(good, values, 0).sum(axis=0) / np.maximum(good.sum(axis=0), 1))


def _relative(
    times: Array, values: Array, floors: Array, first: float, pose: Array | None = None
) -> tuple[Array, Array]:
    """(z, residual): what pose and mouth opening do not explain, in units of its spread nearby, and as it is.

    Blocks of ``REACH`` seconds from ``first`` on share one neighbourhood; a ridge keeps short clips from explaining
    their defects away.
    """
    z, left = np.zeros_like(values), np.zeros_like(values)
    block = np.floor((times - first) / REACH).astype(int)
    for k in np.unique(block):
        near = _between(times, first + (k - 0.5) * REACH, first + (k + 1.5) * REACH)
        part = values[near]
        with np.errstate(all="ignore"):
            middle = np.nan_to_num(np.nanmedian(part, axis=0))
            residual = part - middle
            if pose is not None:
                residual = residual - _explained(pose[near], np.nan_to_num(residual))
                residual = residual - np.nan_to_num(np.nanmedian(residual, axis=0))
            spread = np.nan_to_num(1.4826 * np.nanmedian(np.abs(residual), axis=0))
        own = np.flatnonzero(block == k)
        mine = residual[own - near.start]
        z[own], left[own] = np.clip(mine / (spread + floors), -12, 12), mine
    return z, left


def _explained(pose: Array, residual: Array) -> Array:
    """The part of ``residual`` (m, k) that moves with ``pose`` (m, p): ridge, then once more without outliers."""
    spread = np.maximum(pose.std(axis=0), 1e-3)
    x = np.clip((pose - np.median(pose, axis=0)) / spread, -4, 4)
    ridge = (4.0 + 0.05 * len(x)) * np.eye(x.shape[1])
    fitted = x @ np.linalg.solve(x.T @ x + ridge, x.T @ residual)
    rest = residual - fitted
    limit = 2.5 * 1.4826 * np.median(np.abs(rest), axis=0) + 1e-6
    fitted = x @ np.linalg.solve(x.T @ x + ridge, x.T @ np.clip(residual, fitted - limit, fitted + limit))
    return np.asarray(fitted)

"""How well do the lips say what is said? Held-back parts of real clips, driven by their own sound.

The first three quarters of each clip teach the engine (mouths, articulation, sound offset); the last quarter (at most
five seconds of it, all with FULL=1) is rendered from its own sound on its own head movement, and compared with what the
person really did, both measured by the face mesh on pixels. Real people say nothing new here. Without
GREENROOM_TEST_MEDIA the sample presenter is measured, and the result says so.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import cache_folder, finish, full, inputs_digest, media
from core.media.decode import sound
from core.perception.embed import face_embedding
from core.perception.models import Phone
from core.perception.speech import align, transcribe
from core.perception.watch import FaceTracker
from generate.lipsync.hybrid import HybridLipSync, render
from generate.lipsync.points import LIPS
from generate.lipsync.pose import canonical_stable, poses, smoothed
from generate.lipsync.prepare import Parts, mouth_sharpness, prepare
from generate.lipsync.shape import APERTURE, WIDTH, gestures
from generate.lipsync.speech import CLOSED
from generate.models import Speech
from generate.presenter import sample_presenter

GOAL = {
    "aperture_r": ">= 0.85",
    "width_r": ">= 0.50",
    "landmark_error_pct": "<= 2.0",
    "sharpness_ratio": ">= 0.80",
    "flicker_ratio": "<= 1.15",
    "lag_frames": "<= 1",
    "closures": ">= 0.95",
    "face_distance_increase": "<= 0.03",
    "speakers": ">= 5",
}
# One clip a speaker: English (the aligner's language), in one take, the face turned less than 25 degrees, 12 s or more.
# No phone of their last quarters is in the table of targets.
CLIPS = ("s047-01.mp4", "s038-01.mp4", "s088-05.mp4", "s058-01.mp4", "s001-01.avi")
LEARN = 0.75
SECONDS = 5.0

Image = NDArray[np.uint8]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """What one clip gave."""

    clip: str
    frames: int
    aperture_r: float
    width_r: float
    landmark_error_pct: float
    sharpness_ratio: float
    flicker_ratio: float
    lag_frames: int
    closures: float
    closures_really: float
    phones_closed: int
    face_distance_increase: float


def run() -> dict[str, Any]:
    folder = media()
    clips = [folder / "real" / name for name in CLIPS] if folder else [sample_presenter()]
    results = [measure(clip) for clip in clips]
    keys = [key for key in GOAL if key != "speakers"]
    table = {key: np.array([float(getattr(result, key)) for result in results]) for key in keys}
    for result in results:
        print(result, file=sys.stderr)
    closed = sum(result.phones_closed for result in results)
    better_high = {"aperture_r", "width_r", "sharpness_ratio", "closures"}
    return {
        **{key: round(float(np.median(values)), 4) for key, values in table.items()},
        "closures": round(sum(r.closures * r.phones_closed for r in results) / max(1, closed), 4),
        "lag_frames": int(np.max(np.abs(table["lag_frames"]))),
        "speakers": len(results) if folder else 0,
        "n": sum(result.frames for result in results),
        "interval": {key: _interval(values) for key, values in table.items()},
        "worst": {key: _worst(results, values, higher=key in better_high) for key, values in table.items()},
        "measured_on": "real clips, own sound" if folder else "the sample presenter only",
        "inputs_sha256": inputs_digest(clips),
    }


def _worst(results: list[Measured], values: Array, *, higher: bool) -> dict[str, Any]:
    at = int(np.argmin(values) if higher else np.argmax(np.abs(values)))
    return {"clip": results[at].clip, "value": round(float(values[at]), 4)}


def _interval(values: Array) -> tuple[float, float]:
    """95 % bootstrap interval of the median over speakers."""
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(values, size=(2000, len(values))), axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    return round(float(low), 4), round(float(high), 4)


def measure(clip: Path) -> Measured:
    """Learn from the first three quarters of a clip, render and measure the rest."""
    ready = prepare(clip, cache_folder("lipsync_quality"), HybridLipSync.engine, learn=LEARN)
    parts, fps = ready.parts, float(ready.fps)
    begin = int(np.ceil(LEARN * len(parts.points)))
    end = len(parts.points) if full() else min(len(parts.points), begin + int(SECONDS * fps))
    body = np.arange(begin, end)
    speech = _own_sound(clip, begin, end, fps, ready.examination.sound_offset_frames or 0)
    shown: list[NDArray[np.float32]] = []
    sharp, flicker, distance = [], [], []
    last: tuple[Image, Image] | None = None
    anchor = np.mean(
        [face_embedding(parts.bodies[i], parts.points[i].astype(np.float32)) for i in range(0, begin, 60)],
        axis=0,
    )
    with FaceTracker() as tracker:
        for n, image in enumerate(render(parts, speech, body, fps)):
            real, points = parts.bodies[int(body[n])], parts.points[body[n]]
            face = tracker.track(image, n / fps)
            shown.append(face.landmarks if face else np.full((478, 3), np.nan, np.float32))
            box = _mouth_box(points)
            pair = image[box].copy(), real[box].copy()
            if last is not None and last[0].shape == pair[0].shape:
                flicker.append([np.abs(a.astype(int) - b).mean() for a, b in zip(pair, last, strict=True)])
            last = pair
            sharp.append([mouth_sharpness(i, points.astype(np.float32)) for i in (image, real)])
            if n % 12 == 0:
                distance.append(
                    [
                        np.linalg.norm(face_embedding(i, points.astype(np.float32)) - anchor)
                        for i in (image, real)
                    ]
                )
    pixels = [np.array(values) for values in (sharp, flicker, distance)]
    return _compared(clip.stem, parts, body, np.stack(shown), speech, fps, pixels)


def _own_sound(clip: Path, begin: int, end: int, fps: float, late: int) -> Speech:
    """The sound of frames ``begin`` to ``end``, moved by the offset that the first part of the clip showed."""
    samples = sound(clip)
    phones = align(samples, transcribe(samples).words)
    t0, t1 = (begin + late) / fps, (end + late) / fps
    own = tuple(
        Phone(p.symbol, max(p.t0, t0) - t0, min(p.t1, t1) - t0) for p in phones if p.t1 > t0 and p.t0 < t1
    )
    return Speech(samples[round(t0 * 16_000) : round(t1 * 16_000)], 16_000, own, "")


def _mouth_box(points: Array) -> tuple[slice, slice]:
    low, high = points[LIPS, :2].min(axis=0), points[LIPS, :2].max(axis=0)
    margin = 0.25 * (high[0] - low[0])
    return (
        slice(max(0, int(low[1] - margin)), int(high[1] + margin)),
        slice(max(0, int(low[0] - margin)), int(high[0] + margin)),
    )


def _compared(  # noqa: PLR0917
    name: str,
    parts: Parts,
    body: NDArray[np.intp],
    shown: NDArray[np.float32],
    speech: Speech,
    fps: float,
    pixels: list[Array],
) -> Measured:
    """``pixels``: pairs (made, real) of sharpness, change from picture to picture, and distance to the person."""
    sharp, flicker, distance = pixels
    found = ~np.isnan(shown[:, 0, 0])
    points = smoothed(shown)[found]
    stable = canonical_stable(parts.points)
    made = gestures(poses(points, stable).to_canonical(points))
    true = parts.own[body][found]
    away = np.linalg.norm(points[:, LIPS, :2] - parts.points[body][found][:, LIPS, :2], axis=2).mean(axis=1)
    times = (np.arange(len(shown)) + 0.5)[found] / fps
    shut = float(np.percentile(parts.own[:, APERTURE], 25))
    kept, really, count = 0, 0, 0
    for phone in speech.phones:
        near = (times >= phone.t0 - 1.5 / fps) & (times <= phone.t1 + 1.5 / fps)
        if phone.symbol in CLOSED and near.any():
            count += 1
            kept += bool(made[near, APERTURE].min() <= shut)
            really += bool(true[near, APERTURE].min() <= shut)
    return Measured(
        clip=name,
        frames=int(found.sum()),
        aperture_r=_r(made[:, APERTURE], true[:, APERTURE]),
        width_r=_r(made[:, WIDTH], true[:, WIDTH]),
        landmark_error_pct=100 * float(np.mean(away / parts.pose.scale[body][found])),
        sharpness_ratio=float(np.median(sharp[:, 0]) / np.median(sharp[:, 1])),
        flicker_ratio=float(flicker[:, 0].mean() / flicker[:, 1].mean()),
        lag_frames=_lag(made[:, APERTURE], true[:, APERTURE]),
        closures=kept / max(1, count),
        closures_really=really / max(1, count),
        phones_closed=count,
        face_distance_increase=float(np.mean(distance[:, 0] - distance[:, 1])),
    )


def _r(a: Array, b: Array) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def _lag(made: Array, true: Array, most: int = 6) -> int:
    """Frames by which the made lips come late (negative: early)."""
    inner = slice(most, len(true) - most)
    return max(range(-most, most + 1), key=lambda lag: _r(np.roll(made, -lag)[inner], true[inner]))


if __name__ == "__main__":
    finish(run(), GOAL)

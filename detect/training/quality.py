"""Train ``artifact-quality-trees``: plant defects into clips, measure half seconds, fit boosted trees.

    python -m detect.training.quality build --clips DIR [--faces DIR] --cache DIR   one npz a clip, resumable
    python -m detect.training.quality train --cache DIR --out detect/weights        weights, manifest, figures

A clip is a video of one face (real, or a render of a presenter who does not exist). Each goes through the same steps:
the face's surroundings at a common scale, defects planted into spans of some copies and none into one, one encode and
decode (CRF 18-26) for all copies, the same face track and measures that the gate takes. Split by identity: the folder's
``identities.csv`` (file,identity) names who is who; without it every file is its own identity.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from core.canonical import digest_file
from core.media.decode import frames
from core.perception.mesh import MeshFollower
from core.perception.watch import FaceTracker
from detect.artifact.geometry import Image, Points, eye_distance
from detect.artifact.regions import NAMES, FrameMeasures
from detect.artifact.windows import kept_points, windows
from detect.training import plant
from detect.training.export import export_trees

LONGEST = 110  # frames of a clip that are used
STRIDE = 2  # every other frame is measured, as the gate does at 25 frames a second
SIDE_IN_D = 3.0  # side of the square around the face
TARGET_D = (90.0, 150.0)  # scale that clips are brought to, within what enlarging bears
ENLARGE = 1.7
PLANTED = 0.6  # share of a window that the defect must cover to count as planted; less than .1 is clean
CRFS = (18, 18, 21, 26)
KINDS = tuple(kind for kind in plant.KINDS if kind != "warped_jaw")  # too weak in the measures; see the card


@dataclass
class Clip:
    """Frames (n, H, W, 3) around one face, landmarks (n, 478, 3) in them, frames a second."""

    frames: list[Image]
    landmarks: NDArray[np.float32]
    fps: float


def read_clip(path: Path, *, start: int = 0, longest: int = LONGEST, scale: bool = True) -> Clip | None:
    """The first unbroken run of frames with a face from ``start`` on; None where there are fewer than 30."""
    images: list[Image] = []
    points: list[Points] = []
    times: list[float] = []
    with FaceTracker() as tracker:
        for frame in frames(path):
            if frame.index < start:
                continue
            face = tracker.track(frame.image, float(frame.time))
            if face is None:
                if len(images) >= 30:
                    break
                images, points, times = [], [], []
                continue
            images.append(frame.image.copy())
            points.append(face.landmarks)
            times.append(float(frame.time))
            if len(images) >= longest:
                break
    if len(images) < 30:
        return None
    fps = (len(times) - 1) / max(times[-1] - times[0], 1e-3)
    return _cut(images, np.stack(points), fps, scale, np.random.default_rng(zlib.crc32(path.name.encode())))


def _cut(
    images: list[Image], points: NDArray[np.float32], fps: float, scale: bool, rng: np.random.Generator
) -> Clip:
    d = float(np.median([eye_distance(p) for p in points]))
    k = float(np.clip(rng.uniform(*TARGET_D) / d, 0.3, ENLARGE)) if scale else 1.0
    centre = (points[:, :468, :2].min((0, 1)) + points[:, :468, :2].max((0, 1))) / 2
    low = np.maximum(centre - SIDE_IN_D * d / 2, 0).astype(int)
    high = np.minimum(centre + SIDE_IN_D * d / 2, (images[0].shape[1], images[0].shape[0])).astype(int)
    width, height = (max(round(s * k) // 2 * 2, 64) for s in (high - low))
    interpolation = cv2.INTER_AREA if k < 1 else cv2.INTER_CUBIC
    small = [
        np.asarray(
            cv2.resize(f[low[1] : high[1], low[0] : high[0]], (width, height), interpolation=interpolation)
        )
        for f in images
    ]
    moved = points.copy()
    moved[..., :2] = (moved[..., :2] - low) * np.array([width, height]) / (high - low)
    return Clip(small, moved, fps)


def encoded(images: list[Image], fps: float, crf: int) -> list[Image]:
    """The frames after one H.264 encode and decode, in memory."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        stream: Any = out.add_stream("libx264", rate=Fraction(round(fps * 1000), 1000))
        stream.width, stream.height, stream.pix_fmt = images[0].shape[1], images[0].shape[0], "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast", "threads": "1"}
        for image in images:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")))
        out.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as read:
        read.streams.video[0].thread_count = 1
        return [np.asarray(f.to_ndarray(format="bgr24"), np.uint8) for f in read.decode(video=0)]


def plans(clip: Clip, rng: np.random.Generator, donors: list[plant.Donor]) -> Iterator[plant.Plan]:
    """A clean plan first; then plans with one or two spans each until every kind had its turn."""
    yield plant.Plan()
    kinds = [k for k in rng.permutation(list(KINDS)) if k != "identity_swap" or donors]
    count = len(clip.frames)
    opening = np.linalg.norm(clip.landmarks[:, 13, :2] - clip.landmarks[:, 14, :2], axis=1)
    halves = ((0.06, 0.46), (0.54, 0.95)) if count >= 85 else ((0.1, 0.9),)
    while kinds:
        plan = plant.Plan()
        for first, last in halves:
            if not kinds:
                break
            kind = str(kinds.pop(0))
            low, high = int(first * count), int(last * count)
            longest = max(int(0.6 * clip.fps), min(int(1.6 * clip.fps), high - low - 1, int(0.3 * count)))
            length = min(int(rng.integers(int(0.6 * clip.fps), longest + 1)), high - low - 1)
            start = int(rng.integers(low, high - length))
            if kind in ("doubled_teeth", "freeze"):
                measure = opening if kind == "doubled_teeth" else np.abs(np.diff(opening, prepend=opening[0]))
                start = max(range(low, high - length), key=lambda s: float(measure[s : s + length].mean()))
            donor = donors[int(rng.integers(len(donors)))] if kind == "identity_swap" else None
            plan.spans.append((start, start + length, plant.planter(kind, rng, donor)))
        yield plan


def measure_clip(clip: Clip, seed: int, donors: list[plant.Donor]) -> dict[str, NDArray[Any]]:
    """Windows (X, kind, copy) and crops (for a network) of every copy of a clip."""
    rng = np.random.default_rng(seed)
    crf = int(rng.choice(CRFS))
    rows: list[NDArray[np.float32]] = []
    kinds, copies, crops, crop_kinds = [], [], [], []
    for copy, plan in enumerate(plans(clip, rng, donors)):
        images = [plan.apply(i, f, clip.landmarks[i]) for i, f in enumerate(clip.frames)]
        times = np.arange(len(images)) / clip.fps
        measured, points = [], []
        meter = FrameMeasures()
        with MeshFollower() as mesh:
            for i, image in enumerate(encoded(images, clip.fps, crf)):
                found = mesh.follow(image) if i else None
                if found is None:
                    own = clip.landmarks[i, :, :2]
                    found = mesh.start(image, np.concatenate([own.min(0), own.max(0)]).astype(np.float32))
                points.append(found)
                if i % STRIDE == 0:
                    measured.append(
                        meter.measure(image, found)
                        if found is not None
                        else np.full(len(NAMES), np.nan, np.float32)
                    )
                    if found is not None and i % (3 * STRIDE) == 0 and meter.crop is not None:
                        crops.append(cv2.resize(meter.crop, (160, 160), interpolation=cv2.INTER_AREA))
                        crop_kinds.append(plan.kind_at(i) or "clean")
        seen = np.array([p is not None for p in points])
        even = np.zeros(len(points), bool)
        even[::STRIDE] = True
        kept = np.array([kept_points(p) for p in points if p is not None])
        table = windows(times[seen & even], np.array(measured)[seen[::STRIDE]], times[seen], kept)
        if table is None:
            continue
        at = np.array([plan.kind_at(i) for i in range(len(points))])
        for start, end, row in zip(table.start, table.end, table.values, strict=True):
            rows.append(row)
            kinds.append(_kind(at[(times >= start) & (times < end)]))
            copies.append(copy)
    return {
        "x": np.array(rows, np.float32),
        "kind": np.array(kinds),
        "copy": np.array(copies),
        "crops": np.array(crops, np.uint8),
        "crop_kind": np.array(crop_kinds),
    }


def _kind(names: NDArray[Any]) -> str:
    """What a window shows: a kind, ``clean``, or ``?`` where it shows too little of one to say."""
    share = {name: float((names == name).mean()) for name in set(names.tolist()) if name}
    if not share:
        return "clean"
    name = max(share, key=lambda key: share[key])
    return name if share[name] >= PLANTED else "clean" if share[name] < 0.1 else "?"


def load_donors(folder: Path | None, most: int = 4) -> list[plant.Donor]:
    """Stills of generated faces for identity swaps."""
    out: list[plant.Donor] = []
    for path in sorted(folder.glob("*.jpg"))[:most] if folder is not None else []:
        image = cv2.imread(str(path))
        with FaceTracker() as tracker:
            face = tracker.track(np.asarray(image, np.uint8), 0.0)
        if face is not None:
            out.append(plant.Donor(np.asarray(image, np.uint8), face.landmarks[:, :2]))
    return out


def build(arguments: argparse.Namespace) -> None:
    """One npz a clip. A clip that is done is not done again."""
    arguments.cache.mkdir(parents=True, exist_ok=True)
    donors = load_donors(arguments.faces)
    who = identities(arguments.clips)
    wanted = sorted(p for p in arguments.clips.rglob("*") if p.suffix in (".mp4", ".webm", ".mpg", ".avi"))
    np.random.default_rng(5).shuffle(wanted)
    for path in wanted:
        digest = digest_file(path)
        for part in range(arguments.parts):
            target = arguments.cache / f"{digest}_{part}.npz"
            if target.exists():
                continue
            clip = read_clip(path, start=part * LONGEST, scale=not arguments.native)
            if clip is None:
                break
            found = measure_clip(clip, zlib.crc32(f"{digest}{part}".encode()), donors)
            identity = who.get(path.name, digest[:12])
            seconds = len(clip.frames) / clip.fps
            np.savez(
                target, **found, identity=identity, seconds=seconds, sha256=digest, rights=arguments.rights
            )
            sys.stderr.write(f"{target.name}: {len(found['x'])} windows\n")


def identities(folder: Path) -> dict[str, str]:
    """``identities.csv`` of a folder, if it has one."""
    path = folder / "identities.csv"
    if not path.exists():
        return {}
    with path.open(encoding="utf-8") as file:
        return {row["file"]: row["identity"] for row in csv.DictReader(file)}


def train(arguments: argparse.Namespace) -> None:
    """Fit on all identities; figures come from folds in which the identity was held out."""
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    data = [np.load(path) for path in sorted(arguments.cache.glob("*.npz"))]
    x = np.concatenate([d["x"] for d in data])
    kind = np.concatenate([d["kind"] for d in data])
    who = np.concatenate([np.repeat(str(d["identity"]), len(d["x"])) for d in data])
    names = feature_names()
    x = np.where(used(names), x, 0).astype(np.float32)
    classes = ("clean", *sorted(set(kind) - {"clean", "?"}))
    label = np.array([classes.index(k) if k in classes else -1 for k in kind])

    def model() -> Any:
        return GradientBoostingClassifier(
            n_estimators=arguments.trees,
            max_depth=3,
            learning_rate=0.1,
            subsample=0.5,
            max_features=30,
            min_samples_leaf=12,
            random_state=arguments.seed,
        )

    people = np.array(sorted(set(who)))
    np.random.default_rng(arguments.seed).shuffle(people)
    folds = min(3, len(people))
    score = np.full(len(x), np.nan)
    for fold in range(folds):
        held = np.isin(who, people[fold::folds])
        rows = ~held & (label >= 0)
        score[held] = 1 - model().fit(x[rows], label[rows]).predict_proba(x[held])[:, 0]
    clean = label == 0
    auc = {
        name: round(float(roc_auc_score((label[clean | (label == i)] == i), score[clean | (label == i)])), 3)
        for i, name in enumerate(classes)
        if i
    }
    facts = {
        "seed": arguments.seed,
        "identities": len(people),
        "clips": len(data),
        "windows": int((label >= 0).sum()),
        "window_auc_identity_held_out": auc,
    }
    rows = label >= 0
    trees = export_trees(model().fit(x[rows], label[rows]), classes, names, facts)
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "artifact-quality-trees.safetensors"
    trees.save(path)
    path.chmod(0o644)
    manifest = [
        {"sha256": str(d["sha256"]), "seconds": round(float(d["seconds"]), 2), "rights": str(d["rights"])}
        for d in data
    ]
    (path.with_suffix(".manifest.json")).write_text(json.dumps(manifest, indent=0) + "\n", encoding="utf-8")
    sys.stderr.write(json.dumps(facts, indent=1) + f"\nsha256 {digest_file(path)}\n")


def feature_names() -> tuple[str, ...]:
    """Names of a window's features, in order."""
    from detect.artifact.windows import KEPT

    times = np.arange(8) * 0.08
    rng = np.random.default_rng(0)
    points = rng.normal(size=(8, len(KEPT) + 1, 2)) + 100
    table = windows(times, rng.normal(size=(8, len(NAMES))), times, points)
    assert table is not None
    return table.names


def used(names: tuple[str, ...]) -> NDArray[np.bool_]:
    """Not the absolute levels: they say who and where this is, not what is wrong with it."""
    banned = ("level_", "fine_", "mid_", "colour_")
    shape = ("jaw_left", "jaw_right", "chin_drop", "wide", "open")
    return np.array([not name.startswith(banned) and name not in shape for name in names])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(required=True)
    one = verbs.add_parser("build")
    one.add_argument("--clips", type=Path, required=True)
    one.add_argument("--faces", type=Path, help="stills of generated faces, for identity swaps")
    one.add_argument("--cache", type=Path, required=True)
    one.add_argument("--parts", type=int, default=1, help="how many stretches of a clip to use")
    one.add_argument("--native", action="store_true", help="keep the clip's own scale (for renders)")
    one.add_argument("--rights", default="research")
    one.set_defaults(run=build)
    two = verbs.add_parser("train")
    two.add_argument("--cache", type=Path, required=True)
    two.add_argument("--out", type=Path, required=True)
    two.add_argument("--seed", type=int, default=1)
    two.add_argument("--trees", type=int, default=80)
    two.set_defaults(run=train)
    arguments = parser.parse_args()
    arguments.run(arguments)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

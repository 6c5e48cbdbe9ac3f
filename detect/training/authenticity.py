"""Train ``authenticity-trees``: camera, pasted or generated, from statistics of crops at one codec and one scale.

    python -m detect.training.authenticity build --media DIR --cache DIR   features of every still and clip, resumable
    python -m detect.training.authenticity train --media DIR --cache DIR --out detect/weights

Shortcuts are closed before anything is learned: every face is brought to the same scale (eye distance 56-80 px)
and through one H.264 encode (CRF 18-33) drawn alike for all classes. Forgeries of the class ``pasted`` are
self-blended from the real faces (``detect.training.blend``). Split by identity with a hash: 60 % train, 20 %
calibrate, 20 % test. Six generators (``HELD_OUT``) are in no part of training, so that a figure for unseen
generators can be measured on the shipped weights.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.canonical import digest_file
from core.media.decode import frames
from core.perception.mesh import MeshFollower
from core.perception.watch import FaceTracker
from detect.artifact.geometry import Image, Points, aligned, eye_distance
from detect.artifact.regions import NAMES, FrameMeasures
from detect.artifact.statistics import STORED, features_of
from detect.artifact.windows import derive
from detect.training.blend import self_blend
from detect.training.export import export_trees
from detect.training.quality import encoded

SCALE_D = (56.0, 80.0)
CRFS = (18, 23, 28, 33)
LOOKS = 10  # frames of a clip
CLASSES = ("camera", "pasted", "generated")
HELD_OUT = ("Loopy", "DreamTalk", "GHOST face swap", "StyleTalk", "Wav2Lip+GFPGAN", "FF++ FaceSwap")
# Where a stored crop's mesh looks for the face: the aligned crop's oval.
CROP_BOX = np.array([18, 8, 142, 150], np.float32)


@dataclass(frozen=True)
class Source:
    """One still or clip of the media: who, which generator ('' for a camera), whose repository."""

    path: Path
    identity: str
    generator: str
    source: str
    still: bool


def sources(media: Path) -> Iterator[Source]:
    """Every still and clip; one speaker's sixty clips count as four."""
    seen: dict[str, int] = {}
    with (media / "faces.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            generator = "InterFaceGAN" if row["label"] != "real" else ""
            yield Source(media / row["file"], row["identity"] or row["file"], generator, row["set"], True)
    with (media / "manifest.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            seen[row["speaker"]] = seen.get(row["speaker"], 0) + 1
            if seen[row["speaker"]] <= 4:
                generator = row["generator"] if row["label"] == "synthetic" else ""
                yield Source(media / row["file"], row["speaker"], generator, row["source"], False)


def looks(source: Source) -> tuple[list[Image], list[Points]]:
    """Up to ``LOOKS`` frames of the first five seconds, with landmarks; empty where no face is found."""
    if source.still:
        image = cv2.imread(str(source.path))
        with FaceTracker() as tracker:
            face = tracker.track(np.asarray(image, np.uint8), 0.0)
        return ([np.asarray(image, np.uint8)], [face.landmarks]) if face is not None else ([], [])
    images: list[Image] = []
    points: list[Points] = []
    with FaceTracker() as tracker:
        for frame in frames(source.path):
            if float(frame.time) > 5 or len(images) >= LOOKS:
                break
            face = tracker.track(frame.image, float(frame.time))
            if face is not None and float(frame.time) >= len(images) * 5 / LOOKS:
                images.append(frame.image.copy())
                points.append(face.landmarks)
    return images, points


def degraded(images: list[Image], points: list[Points], d: float, crf: int) -> list[Image]:
    """Stored crops after the common scale and codec."""
    k = d / float(np.median([eye_distance(p) for p in points]))
    width, height = (max(round(s * k) // 2 * 2, 32) for s in images[0].shape[1::-1])
    interpolation = cv2.INTER_AREA if k < 1 else cv2.INTER_CUBIC
    small = [
        np.asarray(cv2.resize(f, (width, height), interpolation=interpolation), np.uint8) for f in images
    ]
    factor = np.array([width, height], np.float32) / images[0].shape[1::-1]
    crops = []
    for image, landmarks in zip(encoded(small, 25, crf), points, strict=True):
        crop, _ = aligned(image, (landmarks[:, :2] * factor).astype(np.float32))
        crops.append(np.asarray(cv2.resize(crop, (STORED, STORED), interpolation=cv2.INTER_AREA), np.uint8))
    return crops


def measured(crops: list[Image], mesh: MeshFollower) -> NDArray[np.float32]:
    """(n, len(NAMES)); the mesh looks at the degraded crop, as the gate's does at the degraded video. NaN when lost."""
    rows = []
    for crop in crops:
        points = mesh.start(crop, CROP_BOX)
        rows.append(
            FrameMeasures().measure(crop, points)
            if points is not None
            else np.full(len(NAMES), np.nan, np.float32)
        )
    return np.array(rows)


def build(arguments: argparse.Namespace) -> None:
    """One npz for each hundred sources."""
    arguments.cache.mkdir(parents=True, exist_ok=True)
    every = list(sources(arguments.media))
    for block in range(0, len(every), 100):
        target = arguments.cache / f"features_{block:05d}.npz"
        if target.exists():
            continue
        rows: list[NDArray[np.float32]] = []
        facts: list[tuple[str, str, str, str, str, int, float]] = []
        with MeshFollower() as mesh:
            for source in every[block : block + 100]:
                rng = np.random.default_rng(zlib.crc32(source.path.name.encode()))
                images, points = looks(source)
                if not images:
                    continue
                d, crf = float(rng.uniform(*SCALE_D)), int(rng.choice(CRFS))
                copies = {"generated" if source.generator else "camera": images}
                if not source.generator:
                    seed = int(rng.integers(1 << 30))  # the same forgery in each frame of a clip
                    copies["pasted"] = [
                        self_blend(f, p, np.random.default_rng(seed))
                        for f, p in zip(images, points, strict=True)
                    ]
                for label, copy in copies.items():
                    found = measured(degraded(copy, points, d, crf), mesh)
                    rows.append(found)
                    name = source.path.name
                    facts += [(label, source.identity, source.generator, source.source, name, crf, d)] * len(
                        found
                    )
        np.savez(target, measures=np.concatenate(rows), facts=np.array(facts))
        sys.stderr.write(f"{target.name}\n")


def split_of(identity: str) -> str:
    """train, calibrate or test, by a hash of the identity."""
    part = zlib.crc32(identity.encode()) % 10
    return "train" if part < 6 else "calibrate" if part < 8 else "test"


def load(cache: Path) -> tuple[NDArray[np.float32], dict[str, NDArray[Any]]]:
    """Features (n, f) and, a row each: label, identity, generator, source, file."""
    parts = [np.load(path) for path in sorted(cache.glob("features_*.npz"))]
    measures = np.concatenate([p["measures"] for p in parts])
    facts = np.concatenate([p["facts"] for p in parts])
    good = np.isfinite(measures[:, 0])
    columns = ("label", "identity", "generator", "source", "file", "crf", "d")
    return features_of(measures[good]), {c: facts[good, i] for i, c in enumerate(columns)}


def train(arguments: argparse.Namespace) -> None:
    """Fit on the training identities, calibrate on the second part, report on the third and on held-out generators."""
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    x, facts = load(arguments.cache)
    split = np.array([split_of(i) for i in facts["identity"]])
    unseen = np.isin(facts["generator"], HELD_OUT)
    split[unseen] = "unseen"
    label = np.array([CLASSES.index(c) for c in facts["label"]])
    rows = split == "train"
    # A clip's ten looks weigh as three stills; the classes weigh alike.
    clip = np.array([f"{a}|{b}" for a, b in zip(facts["file"], facts["label"], strict=True)])
    _, inverse, counts = np.unique(clip, return_inverse=True, return_counts=True)
    weight = np.minimum(1.0, 3.0 / counts[inverse])
    for c in range(len(CLASSES)):
        weight[label == c] /= weight[(label == c) & rows].sum()
    model = GradientBoostingClassifier(
        n_estimators=arguments.trees,
        max_depth=4,
        learning_rate=0.1,
        subsample=0.5,
        max_features=24,
        min_samples_leaf=15,
        random_state=arguments.seed,
    ).fit(x[rows], label[rows], sample_weight=weight[rows] / weight[rows].mean())
    fake = np.clip(1 - model.predict_proba(x)[:, 0], 1e-4, 1 - 1e-4)
    logit = np.log(fake / (1 - fake))

    clips = np.array(sorted(set(clip)))
    first = {c: int(np.flatnonzero(clip == c)[0]) for c in clips}
    mean = np.array([logit[clip == c].mean() for c in clips])
    of = {key: np.array([facts[key][first[c]] for c in clips]) for key in facts}
    part = np.array([split[first[c]] for c in clips])
    centres = np.array([x[clip == c].mean(axis=0) for c in clips])
    centre = centres[part == "train"].mean(axis=0)
    spread = centres[part == "train"].std(axis=0) + 1e-3
    distance = np.sqrt(np.mean(np.clip((centres - centre) / spread, -20, 20) ** 2, axis=1))
    held = part == "calibrate"
    # Conformal: the rank that 99 % of exchangeable clips do not exceed.
    order = np.sort(distance[held])
    farthest = float(order[min(len(order) - 1, int(np.ceil(0.99 * (len(order) + 1))) - 1)])
    truth = of["label"] != "camera"
    calibrated = LogisticRegression(class_weight="balanced").fit(mean[held, None], truth[held])

    def auc(positive: NDArray[np.bool_], negative: NDArray[np.bool_]) -> float | None:
        if not positive.any() or not negative.any():
            return None
        both = positive | negative
        return round(float(roc_auc_score(positive[both], mean[both])), 3)

    moving = np.array([not str(f).endswith(".jpg") for f in of["file"]])
    camera = (of["label"] == "camera") & (part == "test")
    names = tuple(n for i, n in enumerate(derive(np.zeros((1, len(NAMES))))[0]) if i in _columns())
    generators = {
        str(name): {
            "auc": auc(of["generator"] == name, camera & moving),
            "clips": int((of["generator"] == name).sum()),
        }
        for name in HELD_OUT
    }
    figures = {
        "auc_paste_stills": auc((of["label"] == "pasted") & (part == "test") & ~moving, camera & ~moving),
        "auc_paste_clips": auc((of["label"] == "pasted") & (part == "test") & moving, camera & moving),
        "auc_seen_generators": auc((of["label"] == "generated") & (part == "test"), camera),
        "unseen_generators": generators,
        "test_camera_clips": int((camera & moving).sum()),
        "test_camera_stills": int((camera & ~moving).sum()),
        "shortcut_auc_crf_and_scale": _shortcut(of, truth, part),
    }
    document = {
        "seed": arguments.seed,
        "slope": float(calibrated.coef_[0, 0]),
        "offset": float(calibrated.intercept_[0]),
        "farthest": farthest,
        "centre": json.dumps([round(float(v), 5) for v in centre]),
        "spread": json.dumps([round(float(v), 5) for v in spread]),
        "figures": figures,
    }
    path = arguments.out / "authenticity-trees.safetensors"
    export_trees(model, CLASSES, names, document).save(path)
    path.chmod(0o644)
    used = {str(f) for f in of["file"]}
    listed = [
        {"sha256": digest_file(s.path), "rights": "research", "part": split_of(s.identity)}
        for s in sources(arguments.media)
        if s.path.name in used and s.generator not in HELD_OUT
    ]
    path.with_suffix(".manifest.json").write_text(json.dumps(listed, indent=0) + "\n", encoding="utf-8")
    sys.stderr.write(json.dumps(figures, indent=1) + f"\nsha256 {digest_file(path)}\n")


def _columns() -> set[int]:
    from detect.artifact.statistics import kept_columns

    return set(kept_columns(tuple(derive(np.zeros((1, len(NAMES))))[0])))


def _shortcut(of: dict[str, NDArray[Any]], truth: NDArray[np.bool_], part: NDArray[Any]) -> float:
    """AUC of the label from codec quality and scale alone, on the test part: about .5 where they were matched."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    x = np.stack([of["crf"].astype(float), of["d"].astype(float)], axis=1)
    rows, held = part == "train", part == "test"
    fitted = LogisticRegression().fit(x[rows], truth[rows])
    return round(float(roc_auc_score(truth[held], fitted.predict_proba(x[held])[:, 1])), 3)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(required=True)
    one = verbs.add_parser("build")
    one.set_defaults(run=build)
    two = verbs.add_parser("train")
    two.add_argument("--out", type=Path, required=True)
    two.add_argument("--seed", type=int, default=1)
    two.add_argument("--trees", type=int, default=80)
    two.set_defaults(run=train)
    for verb in (one, two):
        verb.add_argument("--media", type=Path, required=True)
        verb.add_argument("--cache", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.run(arguments)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

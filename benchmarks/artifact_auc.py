"""The authenticity detector on identities and generators that its weights never saw.

Stills and clips of the test part (``detect.training.authenticity.split_of``): camera against self-blended
pastes, as they are matched in training, at JPEG quality 60 and at CRF 35; held-out generators against camera
clips; false alarms on re-encoded camera clips; and the shortcut control: the label from codec quality and scale
alone. Needs ``GREENROOM_TEST_MEDIA``; without it there is nothing to measure and every figure is null.
``pointing`` is null: this version draws no dense score map.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import finish, full, inputs_digest, media

GOAL = {
    "auc_paste": ">= 0.98",
    "auc_paste_q60": ">= 0.95",
    "auc_paste_crf35": ">= 0.95",
    "auc_unseen_generator": ">= 0.85",
    "false_alarm_reencoded": "<= 0.02",
    "pointing": ">= 0.9",
    "shortcut_auc": "<= 0.6",
}
KEYS = (*GOAL, "worst_generator")
Image = NDArray[np.uint8]


def run() -> dict[str, Any]:
    folder = media()
    if folder is None:
        return dict.fromkeys(KEYS) | {
            "n": 0,
            "interval": None,
            "inputs_sha256": inputs_digest([]),
            "note": "GREENROOM_TEST_MEDIA is not set: nothing was measured",
        }
    return _measure(folder)


def _measure(folder: Path) -> dict[str, Any]:
    from core.perception.mesh import MeshFollower
    from core.weights import weight_file
    from detect.artifact.statistics import TREES, Model, features_of
    from detect.training import authenticity as made
    from detect.training.blend import self_blend

    model = Model.load(weight_file(TREES))
    chosen = _chosen(folder)
    scores: dict[str, list[float]] = {}
    generators: dict[str, list[float]] = {}
    quality: list[tuple[float, float, bool]] = []
    used = []
    with MeshFollower() as mesh:

        def score(images: list[Image], points: list[Any], d: float, crf: int) -> float | None:
            rows = made.measured(made.degraded(images, points, d, crf), mesh)
            rows = rows[np.isfinite(rows[:, 0])]
            if len(rows) == 0:
                return None
            return model.clip_score(model.trees.probabilities(features_of(rows)))

        for source in chosen:
            rng = np.random.default_rng(zlib.crc32(source.path.name.encode()))
            images, points = made.looks(source)
            if not images:
                continue
            used.append(source.path)
            d, crf = float(rng.uniform(*made.SCALE_D)), int(rng.choice(made.CRFS))
            if source.generator:
                value = score(images, points, d, crf)
                if value is not None:
                    generators.setdefault(source.generator, []).append(value)
                continue
            seed = int(rng.integers(1 << 30))
            pasted = [
                self_blend(f, p, np.random.default_rng(seed)) for f, p in zip(images, points, strict=True)
            ]
            for name, change, rate in (("", _same, crf), ("_q60", _jpeg, crf), ("_crf35", _same, 35)):
                for label, copy in (("camera", images), ("pasted", pasted)):
                    value = score([change(f) for f in copy], points, d, rate)
                    if value is not None:
                        scores.setdefault(label + name, []).append(value)
                        if not source.still:
                            scores.setdefault(f"{label}{name}_clips", []).append(value)
            quality += [(crf, d, False), (crf, d, True)]
    camera = scores.get("camera_clips", [])
    by_generator = {
        name: {"auc": _auc(values, camera), "clips": len(values)} for name, values in generators.items()
    }
    aucs = [v["auc"] for v in by_generator.values() if v["auc"] is not None]
    worst = min(by_generator, key=lambda name: by_generator[name]["auc"] or 0.0, default=None)
    again = scores.get("camera_crf35_clips", [])
    alarms = sum(value >= 0.5 for value in again)
    return {
        "auc_paste": _auc(scores.get("pasted", []), scores.get("camera", [])),
        "auc_paste_q60": _auc(scores.get("pasted_q60", []), scores.get("camera_q60", [])),
        "auc_paste_crf35": _auc(scores.get("pasted_crf35", []), scores.get("camera_crf35", [])),
        "auc_unseen_generator": round(float(np.median(aucs)), 3) if aucs else None,
        "worst_generator": worst,
        "by_generator": by_generator,
        "false_alarm_reencoded": round(alarms / len(again), 4) if again else None,
        "pointing": None,
        "shortcut_auc": _shortcut(quality),
        "n": {
            "stills_and_clips": len(used),
            "camera_clips": len(camera),
            "pairs": len(scores.get("pasted", [])),
        },
        "interval": _bootstrap(scores.get("pasted", []), scores.get("camera", [])),
        "inputs_sha256": inputs_digest(used),
    }


def _chosen(folder: Path) -> list[Any]:
    """Test identities: every clip, some stills (all with FULL=1); held-out generators: every clip."""
    from detect.training import authenticity as made

    every = list(made.sources(folder))
    camera = [s for s in every if not s.generator and made.split_of(s.identity) == "test"]
    stills = [s for s in camera if s.still]
    stills = [stills[i] for i in np.random.default_rng(0).permutation(len(stills))]
    unseen = [s for s in every if s.generator in made.HELD_OUT]
    clips = [s for s in camera if not s.still]
    return (stills if full() else stills[:80]) + (clips if full() else clips[:24]) + unseen


def _same(image: Image) -> Image:
    return image


def _jpeg(image: Image) -> Image:
    _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def _auc(positive: list[float], negative: list[float]) -> float | None:
    from sklearn.metrics import roc_auc_score

    if not positive or not negative:
        return None
    labels = [1] * len(positive) + [0] * len(negative)
    return round(float(roc_auc_score(labels, [*positive, *negative])), 3)


def _shortcut(quality: list[tuple[float, float, bool]]) -> float | None:
    """AUC of pasted-or-not from CRF and scale alone; .5 by construction, because pairs share both."""
    auc: Callable[[list[float], list[float]], float | None] = _auc
    if not quality:
        return None
    found = [auc([q[k] for q in quality if q[2]], [q[k] for q in quality if not q[2]]) for k in (0, 1)]
    return max((max(value, 1 - value) for value in found if value is not None), default=None)


def _bootstrap(positive: list[float], negative: list[float], rounds: int = 400) -> dict[str, Any]:
    """95 % interval of ``auc_paste``, pairs drawn together."""
    count = min(len(positive), len(negative))
    if count < 8:
        return {"auc_paste": None}
    rng = np.random.default_rng(0)
    a, b = np.array(positive[:count]), np.array(negative[:count])
    values = []
    for _ in range(rounds):
        rows = rng.integers(0, count, count)
        values.append(_auc(a[rows].tolist(), b[rows].tolist()) or 0.5)
    return {"auc_paste": [round(float(q), 3) for q in np.quantile(values, [0.025, 0.975])]}


if __name__ == "__main__":
    finish(run(), GOAL)

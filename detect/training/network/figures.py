"""The figures of the card, the calibration, and the rule that decides whether the network replaces the trees."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detect.training.network.crops import HELD_OUT_SOURCES, Faces, crc
from detect.training.network.measure import Columns, auc, by_clip, compared, pick, read

FORGED = ("self_blend", "alpha_swap", "poisson_mouth", "poisson_swap")


def figures(faces: Faces, scores: Path, media: Path, *, union: bool = False) -> dict[str, Any]:
    """Everything that the card says about people and engines that neither model saw; ``union``: of both models."""
    test, unseen = by_clip(faces, read(scores, "test")), by_clip(faces, read(scores, "unseen"))
    out: dict[str, Any] = {}
    if union:
        weights = out["union"] = joined(by_clip(faces, read(scores, "calibrate")))
        for lines in (test, unseen):
            lines["network"] = weights[0] * lines["network"] + weights[1] * lines["trees"] + weights[2]
    for way in ("clean", "jpeg60", "crf35"):
        real = pick(test, (test["kind"] == "camera") & (test["way"] == way))
        for kind in FORGED:
            fake = pick(test, (test["kind"] == kind) & (test["way"] == way))
            if len(fake["row"]):
                out[f"{kind} {way}"] = compared(fake, real) | {"own_source": own_source(fake, real)}
                for name, moving in (("stills", False), ("clips", True)):
                    if way == "clean":
                        out[f"{kind} {way} {name}"] = compared(
                            pick(fake, fake["moving"] == moving), pick(real, real["moving"] == moving)
                        )
        same = np.isin(test["kind"], ["poisson_mouth", "poisson_swap"]) & (test["way"] == way)
        out[f"unseen same-source {way}"] = compared(pick(test, same), real) | {
            "own_source": own_source(pick(test, same), real)
        }
    facts = _file_facts(media)
    for way in ("clean", "jpeg60", "crf35"):
        camera = pick(test, (test["kind"] == "camera") & (test["way"] == way))
        for source in (test, unseen):
            engines = pick(source, (source["kind"] == "engine") & (source["way"] == way))
            for name in np.unique(engines["generator"]).tolist():
                made = pick(engines, engines["generator"] == name)
                real = pick(camera, camera["moving"] == bool(made["moving"][0]))
                key = f"{'unseen' if source is unseen else 'seen'} engine {name} {way}"
                out[key] = compared(made, real) | {"shortcut": shortcut(faces, made, real, facts)}
        made = pick(unseen, (unseen["kind"] == "engine") & (unseen["way"] == way))
        real = pick(camera, camera["moving"])
        out[f"unseen engines {way}"] = compared(made, real) | {"shortcut": shortcut(faces, made, real, facts)}
    out["engines against their own source"] = _engine_pairs(faces, unseen)
    out["false alarms at .5, camera clips"] = {
        way: _alarms(
            pick(test, (test["kind"] == "camera") & (test["way"] == way) & test["moving"]),
            scores,
            faces,
            union,
        )
        for way in ("clean", "jpeg60", "crf35")
    }
    return out


def joined(lines: Columns) -> tuple[float, float, float]:
    """Weights of the network's and the trees' log odds and an offset, of the second part; each kind counts alike."""
    from sklearn.linear_model import LogisticRegression

    lines = pick(lines, ~np.isin(lines["kind"], ["poisson_mouth", "poisson_swap"]))
    fake = lines["kind"] != "camera"
    kinds, which, counts = np.unique(lines["kind"], return_inverse=True, return_counts=True)
    weight = np.where(fake, 1 / (counts[which] * (len(kinds) - 1)), 1 / (~fake).sum()) * len(fake) / 2
    values = np.c_[lines["network"], lines["trees"]]
    model = LogisticRegression().fit(values, fake, sample_weight=weight)
    scale = LogisticRegression(class_weight="balanced").fit(model.decision_function(values)[:, None], fake)
    slope, offset = float(scale.coef_[0, 0]), float(scale.intercept_[0])
    first, second = (slope * float(value) for value in model.coef_[0])
    return first, second, slope * float(model.intercept_[0]) + offset


def _engine_pairs(faces: Faces, unseen: Columns) -> dict[str, Any]:
    """Log odds of both models for held-out engines and for the camera clips that they were given."""
    out: dict[str, Any] = {}
    clean = pick(unseen, unseen["way"] == "clean")
    for line in range(len(clean["row"])):
        row, kind = int(clean["row"][line]), str(clean["kind"][line])
        if str(faces.repository[row]) in HELD_OUT_SOURCES and kind in ("camera", "engine"):
            values = [round(float(clean[key][line]), 2) for key in ("network", "trees")]
            out.setdefault(str(faces.repository[row]), []).append([kind, *values])
    return out


def own_source(fake: Columns, real: Columns) -> dict[str, float]:
    """How often a forgery scores above its own source, by either model; ties count half."""
    place = {row: i for i, row in enumerate(real["row"].tolist())}
    rows = [place[row] for row in fake["row"].tolist()]
    return {
        key: round(float(np.mean((fake[key] > real[key][rows]) + 0.5 * (fake[key] == real[key][rows]))), 3)
        for key in ("network", "trees")
    }


def ships(table: dict[str, Any]) -> bool:
    """Whether the network replaces the trees.

    Better on unseen people and on same-source pairs of a kind that was never trained on (lower bound of the
    difference above 0), itself better than chance there, and not worse on held-out engines.
    """
    pairs = table["unseen same-source clean"]
    return bool(
        table["self_blend clean"]["difference"][1] > 0
        and pairs["difference"][1] > 0
        and pairs["network"][1] > 0.5
        and table["unseen engines clean"]["difference"][0] >= 0
    )


def calibration(faces: Faces, scores: Path) -> tuple[dict[str, float], tuple[NDArray[Any], NDArray[Any]]]:
    """Slope, offset and farthest; centre and spread. Half of the people give the centre, the others the bound."""
    from sklearn.linear_model import LogisticRegression

    lines = by_clip(faces, read(scores, "calibrate"))
    lines = pick(lines, ~np.isin(lines["kind"], ["poisson_mouth", "poisson_swap"]))
    truth = lines["kind"] != "camera"
    fitted = LogisticRegression(class_weight="balanced").fit(lines["network"][:, None], truth)
    half = np.array([crc(str(p)) % 2 == 0 for p in lines["person"].tolist()])
    centre = lines["features"][half].mean(axis=0)
    spread = lines["features"][half].std(axis=0) + 1e-3
    z = np.clip((lines["features"][~half] - centre) / spread, -20, 20)
    distance = np.sort(np.sqrt(np.mean(z**2, axis=1)))
    # Conformal: the rank that 99 % of exchangeable clips do not exceed.
    rank = min(len(distance) - 1, int(np.ceil(0.99 * (len(distance) + 1))) - 1)
    facts = {
        "slope": float(fitted.coef_[0, 0]),
        "offset": float(fitted.intercept_[0]),
        "farthest": float(distance[rank]),
    }
    return facts, (centre, spread)


def _alarms(real: Columns, scores: Path, faces: Faces, union: bool) -> dict[str, Any]:
    facts, _ = calibration(faces, scores)
    slope, offset = (
        (1.0, 0.0) if union else (facts["slope"], facts["offset"])
    )  # a union is calibrated already
    high = 1 / (1 + np.exp(-(slope * real["network"] + offset))) >= 0.55
    return {"flagged": int(high.sum()), "n": len(high)}


def _file_facts(media: Path) -> dict[str, tuple[float, ...]]:
    """Width, height and bits a pixel and second of each clip."""
    out: dict[str, tuple[float, ...]] = {}
    with (media / "manifest.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            width, height = (float(v) for v in row["size"].split("x"))
            size = (media / row["file"]).stat().st_size * 8
            out[Path(row["file"]).name] = (width, height, size / float(row["seconds"]) / (width * height))
    return out


def shortcut(faces: Faces, fake: Columns, real: Columns, facts: dict[str, tuple[float, ...]]) -> float | None:
    """AUC of the label from picture size and bit rate alone, people left out one by one in five groups."""
    from sklearn.linear_model import LogisticRegression

    names = [
        [faces.sources[faces.source[r]].path.name for r in side["row"].tolist()] for side in (fake, real)
    ]
    if any(name not in facts for side in names for name in side):
        return None
    x = np.log(np.array([facts[name] for side in names for name in side]))
    x = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-9)
    y = np.r_[np.ones(len(names[0])), np.zeros(len(names[1]))]
    group = np.array([crc(str(p)) % 5 for side in (fake, real) for p in side["person"].tolist()])
    answer = np.full(len(y), np.nan)
    for g in range(5):
        fit = group != g
        if len(np.unique(y[fit])) == 2 and (~fit).any():
            model = LogisticRegression(class_weight="balanced").fit(x[fit], y[fit])
            answer[~fit] = model.decision_function(x[~fit])
    good = np.isfinite(answer)
    if not (y[good] == 1).any() or not (y[good] == 0).any():
        return None
    return round(auc(answer[good & (y == 1)], answer[good & (y == 0)]), 3)

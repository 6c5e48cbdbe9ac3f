"""Scores of both models on every trial, and the figures: AUC, paired differences, intervals by person, shortcuts."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from core.weights import weight_file
from detect.artifact.crop import windows
from detect.artifact.geometry import Image, Points
from detect.artifact.network import log_odds, network_input
from detect.artifact.statistics import TREES, Model, crop_features, stored_crop
from detect.training.network.crops import Faces
from detect.training.network.trials import rows_of, trials

Columns = dict[str, NDArray[Any]]
BLOCK = 30  # rows in one file of scores


class Looks(Protocol):
    """What is scored: mean logits and features over the windows of one crop."""

    def look(self, crop: Image, points: Points) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...


class Reference:
    """The torch network itself, for one that has no served form."""

    def __init__(self, net: Any) -> None:
        self._net = net.eval()

    def look(self, crop: Image, points: Points) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As :meth:`detect.artifact.network.FaceNetwork.look`."""
        with torch.inference_mode():
            logits, features = self._net(torch.from_numpy(network_input(windows(crop, points))))
        return logits.numpy().mean(axis=0), features.numpy().mean(axis=0)


class Both:
    """Several networks as one: the mean of their log odds, their features side by side."""

    def __init__(self, networks: list[Looks]) -> None:
        self._networks = networks

    def look(self, crop: Image, points: Points) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits whose log odds are the mean of the networks' own."""
        every = [network.look(crop, points) for network in self._networks]
        logits = np.stack([one - one[0] for one, _ in every])
        mean = logits.mean(axis=0)
        mean[1:] += log_odds(logits).mean() - log_odds(mean[None])[0]
        return mean.astype(np.float32), np.concatenate([features for _, features in every])


def score(
    faces: Faces,
    network: Looks,
    cache: Path,
    part: str,
    *,
    seconds: float,
    shard: int = 0,
    shards: int = 1,
) -> bool:
    """Files of scores, ``BLOCK`` rows each; goes on where it stopped. True when the part is done."""
    cache.mkdir(parents=True, exist_ok=True)
    trees = Model.load(weight_file(TREES))
    rows = np.sort(rows_of(faces, part))
    started = time.monotonic()
    for number, block in enumerate(range(0, len(rows), BLOCK)):
        target = cache / f"{part}_{number:03d}.npz"
        if target.exists() or number % shards != shard:
            continue
        if time.monotonic() - started > seconds:
            return False
        out: list[tuple[int, str, str, float, float, float]] = []
        features = []
        for trial in trials(faces, rows[block : block + BLOCK], part):
            logits, seen = network.look(trial.image, trial.points)
            statistics = crop_features(*stored_crop(trial.image, trial.points))
            fake = float(np.clip(1 - trees.trees.probabilities(statistics[None])[0, 0], 1e-4, 1 - 1e-4))
            odds = float(log_odds(logits[None])[0])
            pasted = float(logits[1] - logits[0])
            out.append((trial.row, trial.kind, trial.way, odds, pasted, float(np.log(fake / (1 - fake)))))
            features.append(seen.astype(np.float16))
        row, kind, way, odds_, pasted_, tree = (np.array(v) for v in zip(*out, strict=True))
        np.savez(
            target, row=row, kind=kind, way=way, network=odds_, pasted=pasted_, trees=tree, features=features
        )
        sys.stderr.write(f"{target.name}: {len(out)} pictures, {time.monotonic() - started:.0f} s\n")
    return True


def read(cache: Path, part: str) -> Columns:
    """All scores of a part."""
    files = [np.load(file) for file in sorted(cache.glob(f"{part}_*.npz"))]
    return {key: np.concatenate([file[key] for file in files]) for key in files[0].files}


def by_clip(faces: Faces, columns: Columns) -> Columns:
    """One line for each source, kind and way: the mean over its looks."""
    keys = [
        f"{faces.source[r]}|{k}|{w}"
        for r, k, w in zip(columns["row"].tolist(), columns["kind"], columns["way"], strict=True)
    ]
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    count = np.bincount(inverse)
    out: Columns = {key: columns[key][first] for key in ("row", "kind", "way")}
    for key in ("network", "pasted", "trees"):
        out[key] = np.bincount(inverse, columns[key]) / count
    out["features"] = np.stack(
        [columns["features"][inverse == i].astype(np.float32).mean(axis=0) for i in range(len(first))]
    )
    out["person"] = faces.cluster[out["row"]]
    out["generator"] = faces.generator[out["row"]]
    out["moving"] = faces.clip[out["row"]]
    return out


def auc(positive: NDArray[Any], negative: NDArray[Any]) -> float:
    """Probability that a fake scores above a real one."""
    order = np.sort(negative)
    below = np.searchsorted(order, positive, "left")
    upto = np.searchsorted(order, positive, "right")
    return float(np.mean((below + upto) / 2) / len(negative))


def compared(
    fake: Columns, real: Columns, rounds: int = 1000, statistic: Callable[..., float] = auc
) -> dict[str, Any]:
    """AUC of both models on the same lines, their difference, 95 % intervals; people are drawn, not pictures."""
    if not len(fake["row"]) or not len(real["row"]):
        return {"n": [len(fake["row"]), len(real["row"])]}
    rng = np.random.default_rng(0)
    people = np.unique(np.concatenate([fake["person"], real["person"]]))
    place = {p: i for i, p in enumerate(people.tolist())}
    index = [np.array([place[p] for p in side["person"].tolist()]) for side in (fake, real)]
    drawn: dict[str, list[float]] = {"network": [], "trees": [], "difference": []}
    for _ in range(rounds):
        times = np.bincount(rng.integers(0, len(people), len(people)), minlength=len(people))
        rows = [np.repeat(np.arange(len(i)), times[i]) for i in index]
        if not len(rows[0]) or not len(rows[1]):
            continue
        pair = [statistic(fake[k][rows[0]], real[k][rows[1]]) for k in ("network", "trees")]
        drawn["network"].append(pair[0])
        drawn["trees"].append(pair[1])
        drawn["difference"].append(pair[0] - pair[1])
    value = {k: statistic(fake[k], real[k]) for k in ("network", "trees")}
    value["difference"] = value["network"] - value["trees"]
    return {
        "n": [len(fake["row"]), len(real["row"])],
        "people": len(people),
        **{
            k: [round(value[k], 3), *(round(float(q), 3) for q in np.quantile(v, [0.025, 0.975]))]
            for k, v in drawn.items()
        },
    }


def pick(columns: Columns, which: NDArray[np.bool_]) -> Columns:
    """Some lines."""
    return {key: values[which] for key, values in columns.items()}

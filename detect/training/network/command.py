"""Verbs of ``python -m detect.training.network``, in order: build, redraw and fit (or store and learn), score, ship."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def main() -> int:
    """Exit 0 when the verb's work is done, 1 when a further call must go on with it."""
    parser = argparse.ArgumentParser(prog="python -m detect.training.network", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("build", "redraw", "fit", "store", "learn", "score", "ship"):
        one = verbs.add_parser(verb)
        one.add_argument("--media", type=Path, required=True)
        one.add_argument("--cache", type=Path, required=True, help="crops, checkpoints and scores")
        one.add_argument("--seconds", type=float, default=1e9, help="stop then; the next call goes on")
        if verb in ("build", "store", "score"):
            one.add_argument("--shard", type=int, default=0)
        if verb in ("build", "score"):
            one.add_argument("--shards", type=int, default=1)
        if verb == "build":
            one.add_argument("--stills", type=float, default=1.0, help="share of the stills")
        if verb == "store":
            one.add_argument("--batches", type=int, default=192, help="of 32 views, a shard")
        if verb in ("fit", "learn"):
            one.add_argument("--steps", type=int, default=1000)
            one.add_argument("--seed", type=int, default=1)
        if verb == "fit":
            one.add_argument("--cool", action="store_true", help="end the schedule within --seconds")
        if verb in ("fit", "score", "ship"):
            one.add_argument("--network", choices=("lite", "xception"), default="lite")
        if verb == "score":
            one.add_argument("--part", choices=("test", "unseen", "calibrate"), required=True)
        if verb == "score":
            one.add_argument("--also", type=Path, help="a second lite checkpoint: the mean of both is scored")
        if verb == "ship":
            one.add_argument(
                "--union",
                action="store_true",
                help="figures of network and trees together; writes them alone",
            )
            one.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    work = {"build": _build, "redraw": _redraw, "fit": _fit, "store": _store, "learn": _learn}
    work |= {"score": _score, "ship": _ship}
    return 0 if work[arguments.verb](arguments) else 1


def _build(a: argparse.Namespace) -> bool:
    from detect.training.network.crops import build

    return build(
        a.media, a.cache / "crops", seconds=a.seconds, shard=a.shard, shards=a.shards, stills=a.stills
    )


def _redraw(a: argparse.Namespace) -> bool:
    from detect.training.network.crops import load
    from detect.training.network.regenerate import redraw

    redraw(load(a.media, a.cache / "crops"), a.cache / "redrawn.npz")
    return True


def _fit(a: argparse.Namespace) -> bool:
    from detect.training.network import regenerate
    from detect.training.network.crops import load
    from detect.training.network.fit import fit

    faces = load(a.media, a.cache / "crops")
    redrawn = regenerate.read(a.cache / "redrawn.npz")
    return fit(
        faces, a.cache, a.network, steps=a.steps, seconds=a.seconds, seed=a.seed, cool=a.cool, redrawn=redrawn
    )


def _store(a: argparse.Namespace) -> bool:
    from detect.training.network.crops import load
    from detect.training.network.head import store

    faces = load(a.media, a.cache / "crops")
    return store(faces, a.cache / "taps", batches=a.batches, seconds=a.seconds, shard=a.shard)


def _learn(a: argparse.Namespace) -> bool:
    from detect.training.network.head import learn

    out = a.cache / ("lite.pt" if a.seed == 1 else f"lite-{a.seed}.pt")
    learn(a.cache / "taps", out, steps=a.steps, seconds=a.seconds, seed=a.seed)
    return True


def _score(a: argparse.Namespace) -> bool:
    import numpy as np

    from detect.artifact.network import FaceNetwork
    from detect.training.network import measure, serve
    from detect.training.network.crops import load
    from detect.training.network.fit import read
    from detect.training.network.model import FEATURES

    net = read(a.cache / f"{a.network}.pt", a.network)
    network: measure.Looks = measure.Reference(net)
    if a.network == "lite":  # as it would be served
        served = a.cache / f"{a.network}-{a.shard}.safetensors"
        plain = {"slope": 1.0, "offset": 0.0, "farthest": 1e9}
        serve.write(net, served, plain, (np.zeros(FEATURES), np.ones(FEATURES)))
        network = FaceNetwork(served)
    if a.also is not None:
        network = measure.Both([network, measure.Reference(read(a.also))])
    return measure.score(
        load(a.media, a.cache / "crops"),
        network,
        a.cache / ("scores" if a.network == "lite" else f"scores-{a.network}"),
        a.part,
        seconds=a.seconds,
        shard=a.shard,
        shards=a.shards,
    )


def _ship(a: argparse.Namespace) -> bool:
    """Writes figures in any case, weights and manifest where the rule lets them ship."""
    from core.canonical import digest_file
    from detect.training.network import figures, serve
    from detect.training.network.crops import load
    from detect.training.network.fit import read

    faces = load(a.media, a.cache / "crops")
    scores = a.cache / ("scores" if a.network == "lite" else f"scores-{a.network}")
    table = figures.figures(faces, scores, a.media, union=a.union)
    facts, clips = figures.calibration(faces, scores)
    table["ships"] = figures.ships(table) and a.network == "lite"  # only lite has a served form
    (a.cache / "figures.json").write_text(
        json.dumps(table | {"facts": facts}, indent=1) + "\n", encoding="utf-8"
    )
    sys.stderr.write(json.dumps(table, indent=1) + "\n")
    if not table["ships"] or a.union:  # a union's gate runs two models: its weights are not written by a rule
        return True
    path = a.out / "authenticity-network.safetensors"
    serve.write(read(a.cache / f"{a.network}.pt", a.network), path, facts, clips)
    parts = dict(zip(faces.source.tolist(), faces.part.tolist(), strict=True))
    listed = [
        {"sha256": digest_file(faces.sources[i].path), "rights": "research", "part": part}
        for i, part in sorted(parts.items())
    ]
    path.with_suffix(".manifest.json").write_text(json.dumps(listed, indent=0) + "\n", encoding="utf-8")
    sys.stderr.write(f"sha256 {digest_file(path)} size {path.stat().st_size}\n")
    return True

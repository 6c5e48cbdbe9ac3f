"""Does any order of approve, reject, withdraw, supersede, recall, release, retry and crash break a promise?

Two to four actors act on one or two renders at once. They take turns at the seams of the release and of the
stages: when the lease is taken, after the check, when the file is stored, before the transaction, after the
commit; crashes also inside the transaction, where nobody else can write. Between turns and at the end
everything is held against a book that was kept by hand (tests/trust/book.py): nothing served that may not be,
nothing released twice, the ledger verifies. In every fourth the relay then runs until all is quiet, and
nothing may wait that nobody takes on.

RECORDED RESULTS stand in for every model, and in most interleavings for the signer (see tests/kit); those
with the real signer are counted apart. One seed is one interleaving: ``python -m benchmarks.release_race
4711`` replays it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any, Literal

from benchmarks.harness import _commit, cache_folder, finish, full, inputs_digest, wilson

GOAL = {"violations": "== 0", "interleavings": ">= 1000", "with_real_signer": ">= 100"}
COUNT, REAL = 10_000, 100
SECONDS = 480.0
CHUNK, REAL_CHUNK = 100, 25
PROCESSES = 2

Signer = Literal["recorded", "real"]


@dataclass
class Tally:
    """What came of some interleavings."""

    done: int = 0
    with_real_signer: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    crashes: Counter[str] = field(default_factory=Counter)
    violations: list[dict[str, Any]] = field(default_factory=list)
    seeds: list[tuple[Signer, int]] = field(default_factory=list)  # the chunks, by signer and first seed

    def add(self, other: Tally) -> None:
        self.done += other.done
        self.with_real_signer += other.with_real_signer
        self.ends += other.ends
        self.crashes += other.crashes
        self.violations += other.violations
        self.seeds += other.seeds


def run() -> dict[str, Any]:
    """Ten thousand or eight minutes, whichever comes first; ``FULL=1``: all of them, resumed where it stopped."""
    began = time.monotonic()
    kept = cache_folder("release_race") / f"{_commit()}.json"
    tally = _read(kept) if full() else Tally()
    wanted: list[tuple[Signer, int]] = [("real", first) for first in range(0, REAL, REAL_CHUNK)]
    wanted += [("recorded", first) for first in range(0, COUNT, CHUNK)]
    chunks = [chunk for chunk in wanted if chunk not in tally.seeds]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        running: set[Future[Tally]] = set()
        while chunks or running:
            late = not full() and time.monotonic() - began > SECONDS
            while chunks and len(running) < PROCESSES and not late:
                running.add(pool.submit(interleave, *chunks.pop(0)))
            if not running:
                break
            ready, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ready:
                tally.add(future.result())
            kept.write_text(json.dumps(vars(tally)), encoding="utf-8")
            print(
                f"{tally.done} interleavings, {len(tally.violations)} violations, "
                f"{time.monotonic() - began:.0f} s",
                file=sys.stderr,
            )
    for violation in tally.violations:
        print(json.dumps(violation, indent=1), file=sys.stderr)
    here = Path(__file__)
    sources = sorted((here.parent.parent / "tests" / "trust").glob("*.py"))
    return {
        "interleavings": tally.done,
        "violations": len(tally.violations),
        "with_real_signer": tally.with_real_signer,
        "ends": dict(tally.ends.most_common()),
        "crashes": dict(tally.crashes.most_common()),
        "seeds": {signer: sum(one == signer for one, _ in tally.seeds) for signer in ("recorded", "real")},
        "failed_seeds": [(one["signer"], one["seed"]) for one in tally.violations],
        "seconds": round(time.monotonic() - began),
        "n": tally.done,
        "interval": {"violations": wilson(len(tally.violations), tally.done)},
        "inputs_sha256": inputs_digest([here, *sources]),
    }


def interleave(signer: Signer, first: int, count: int | None = None, *, show: bool = False) -> Tally:
    """Some seeds in a world of their own."""
    os.environ.setdefault("GREENROOM_ENVIRONMENT", "test")
    from tests.kit.world import world
    from tests.trust import seams
    from tests.trust.acts import set_up

    logging.disable(logging.CRITICAL)  # crashes are logged, as they should
    count = count or (CHUNK if signer == "recorded" else REAL_CHUNK)
    tally = Tally(seeds=[(signer, first)])
    with (
        warnings.catch_warnings(),
        tempfile.TemporaryDirectory() as folder,
        world(Path(folder) / "home", signer=signer) as w,
        seams.installed(),
    ):
        warnings.simplefilter("ignore")
        stage = set_up(w)
        for seed in range(first, first + count):
            _one(stage, signer, seed, tally, show)
    return tally


def _one(stage: Any, signer: Signer, seed: int, tally: Tally, show: bool) -> None:
    from tests.trust.acts import Acts
    from tests.trust.turns import Actor, Turns

    dice = Random(f"release race {seed}")
    acts = Acts(stage)
    names = dice.sample(["ready", "ready", "auto", "manual", "high", "out"], k=dice.choice([1, 1, 2]))
    videos = [acts.book.videos[stage.first[name]] for name in dict.fromkeys(names)]
    for video in videos:  # mostly as far as the release
        for reviewer in (acts.w.reviewer, acts.w.second_reviewer)[: video.people]:
            likely = 0.8 if video.people == 2 else 0.0 if video.approved_by else 0.6
            if dice.random() < likely:
                acts.approve(video, reviewer)
    actors = [
        Actor(
            f"actor {number}",
            [_act(acts, dice, videos) for _ in range(dice.choice([1, 2, 2, 3]))],
            _crash(dice),
        )
        for number in range(1, dice.choice([2, 3, 3, 4]) + 1)
    ]

    if dice.random() < 0.8:  # a race for the release, nearly always
        actors[0].acts.insert(0, ("releases", lambda: acts.release(videos[0])))

    def between() -> None:
        acts.see()
        if dice.random() < 0.2:
            acts.check(ledger=False)

    turns = Turns(actors, dice, between)
    try:
        turns.run()
        acts.check()
        if dice.random() < 0.25:
            acts.quiet()
    except Exception as error:
        tally.violations.append({"signer": signer, "seed": seed, "what": repr(error), "steps": turns.trace})
    if show:
        print("\n".join(turns.trace), file=sys.stderr)
    tally.done += 1
    tally.with_real_signer += signer == "real"
    tally.ends.update(f"{video.state}{' and withdrawn' if video.withdrawn else ''}" for video in videos)
    tally.crashes.update(step.rpartition(": ")[2] for step in turns.trace if " crashes: " in step)


def _act(acts: Any, dice: Random, videos: list[Any]) -> tuple[str, Callable[[], None]]:
    """One act, by what it is called. Releases are the most frequent: they are what the others meet."""
    video = dice.choice(videos)
    effect = dice.choice(["none", "stop", "recall", None])
    reviewer = dice.choice([acts.w.reviewer, acts.w.second_reviewer, acts.w.operator])
    covers, days = dice.random() < 0.5, dice.choice([1.0, 30.0])
    ends: list[str] = [dice.choice(["none", "stop", "recall"]) for _ in range(2)]

    def supersede() -> None:
        acts.supersede(covers=covers, days=days, on_withdrawal=ends[0], on_expiry=ends[1])

    def relayed() -> None:
        acts.relay()
        acts.deliver(dice_of_its_own, keep=keep)

    dice_of_its_own, keep = dice.randrange(10), dice.random() < 0.3
    which: list[tuple[int, str, Callable[[], None]]] = [
        (9, "releases", lambda: acts.release(video)),
        (4, "handles a message", relayed),
        (3, "recalls", lambda: acts.recall(video)),
        (3, f"withdraws, {effect}", lambda: acts.withdraw(effect)),
        (2, f"supersedes, {'covers' if covers else 'narrower'}, {days:g} days, {ends}", supersede),
        (2, "approves", lambda: acts.approve(video, reviewer)),
        (2, "rejects", lambda: acts.reject(video)),
        (2, "retries", lambda: acts.retry(video)),
        (2, "makes a link", lambda: acts.link(video, 24.0)),
        (1, "suspends", acts.suspend),
        (1, "lifts a suspension", acts.lift),
        (2, "sweeps", acts.sweep),
        (2, "a minute passes", lambda: acts.tick(61.0)),
        (1, "forty days pass", lambda: acts.tick(40 * 86400.0)),
        (1, "sequences the ledger", acts.sequence),
        (1, "loses all messages", acts.lose),
    ]
    weights = [weight for weight, _, _ in which]
    _, name, act = dice.choices(which, weights)[0]
    return name, act


def _crash(dice: Random) -> tuple[str, str] | None:
    from tests.trust import seams

    if dice.random() < 0.5:
        return None
    return dice.choice(seams.RELEASE), dice.choice(sorted(seams.CRASHES))


def _read(path: Path) -> Tally:
    if not path.is_file():
        return Tally()
    kept = json.loads(path.read_text(encoding="utf-8"))
    kept |= {name: Counter(kept[name]) for name in ("ends", "crashes")}
    return Tally(**(kept | {"seeds": [(signer, first) for signer, first in kept["seeds"]]}))


if __name__ == "__main__":
    if len(sys.argv) > 1:  # replay one
        tally = interleave("real" if "real" in sys.argv else "recorded", int(sys.argv[1]), 1, show=True)
        print(json.dumps(vars(tally), indent=1))
        raise SystemExit(1 if tally.violations else 0)
    finish(run(), GOAL)

"""kill -9 of every process of a running installation, again and again: is anything lost, doubled or wrongly served?

Real processes (web, worker, relay, sequencer) on both shapes, half of the kills on each: SQLite, a folder and
the filesystem transport; PostgreSQL, S3 (moto's server) and Redis, which are started here. A kill is `kill -9` at a
named point (in each stage and in the release: the lease taken, the work done, in the transaction, after the commit;
while a message is sent, while the ledger is sequenced, while a person's request or approval is taken) or at a random
moment of a render's life. After each round of kills every invariant is asked for (tests/faults/invariants.py): no
submitted render lost, none released or made twice, no door open to an unapproved file, no lease left, the ledger
verifies.

RECORDED RESULTS stand in for every model, and for the signer in nine of ten kills (see tests/kit and tests/faults):
what is measured is the machinery around them. One in ten is made with the real C2PA signer, its timestamps and the
verifier, on real files: the worker is killed while the library signs a sealed or a published file, or right after.
``FULL=1`` makes 200 kills; rounds are kept, and a run that was ended goes on.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from benchmarks.harness import _commit, cache_folder, finish, full, inputs_digest, wilson

if TYPE_CHECKING:
    from tests.faults.installation import Installation
    from tests.kit.home import Signer

GOAL = {"kills": ">= 30", "lost": "== 0", "released_twice": "== 0", "served_unapproved": "== 0"}
SHAPES = ("files", "servers")
REALLY_SIGNED = " signed"
"""After a shape: its kills with the real signer, counted apart."""


@dataclass
class Tally:
    """What came of the kills so far, by shape."""

    kills: Counter[str] = field(default_factory=Counter)
    rounds: Counter[str] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)
    renders: int = 0
    lost: int = 0
    released_twice: int = 0
    served_unapproved: int = 0
    others: int = 0
    broken: list[str] = field(default_factory=list)
    slowest_s: float = 0.0


def run() -> dict[str, Any]:
    """Thirty kills; ``FULL=1``: two hundred."""
    wanted = 200 if full() else 30
    kept = cache_folder("faults") / f"{_commit()}.json"
    tally = _read(kept) if full() else Tally()
    began = time.monotonic()
    for shape in SHAPES:
        signed = max(2, wanted // 20)
        for name, number in ((shape, wanted // 2 - signed), (shape + REALLY_SIGNED, signed)):
            if tally.kills[name] < number:
                with _running(name) as greenroom:
                    _kill(greenroom, name, number, tally, kept)
    kills = sum(tally.kills.values())
    bad = tally.lost + tally.released_twice + tally.served_unapproved + tally.others
    sources = sorted((Path(__file__).parents[1] / "tests" / "faults").glob("*.py"))
    return {
        "kills": kills,
        "lost": tally.lost,
        "released_twice": tally.released_twice,
        "served_unapproved": tally.served_unapproved,
        "other_invariants_broken": tally.others,
        "broken": tally.broken,
        "with_the_real_signer": sum(tally.kills[shape + REALLY_SIGNED] for shape in SHAPES),
        "by_shape": dict(tally.kills),
        "by_point": dict(sorted(tally.points.items())),
        "renders": tally.renders,
        "slowest_recovery_s": round(tally.slowest_s, 1),
        "wall_s": round(time.monotonic() - began),
        "n": kills,
        "interval": {"broken": wilson(bad, kills)},
        "inputs_sha256": inputs_digest([Path(__file__), *sources]),
    }


def _kill(greenroom: Installation, shape: str, wanted: int, tally: Tally, kept: Path) -> None:
    """Rounds until there were enough kills, each of another kind, in an order that a resumed run goes on with."""
    from tests.faults.invariants import broken

    while tally.kills[shape] < wanted:
        number = tally.rounds[shape]
        greenroom.submitted = []
        campaign = greenroom.world.campaign(release_on_approval=True)
        began = time.monotonic()
        killed: list[str] = []
        try:
            if shape.endswith(REALLY_SIGNED):
                _signed(greenroom, campaign, number, killed)
            else:
                (_life, _single)[number % 2](greenroom, campaign, number // 2 + SHAPES.index(shape), killed)
        except AssertionError as stuck:  # it waited and nothing came: the invariants say what is lost
            tally.broken.append(f"{shape}, stuck after {killed}: {str(stuck)[:300]}")
            tally.others += 1
        found = broken(greenroom)
        tally.slowest_s = max(tally.slowest_s, (time.monotonic() - began) / max(1, len(killed)))
        tally.kills[shape] += len(killed)
        tally.rounds[shape] += 1
        tally.points.update(killed)
        tally.renders += len(greenroom.submitted)
        tally.lost += len(found.lost)
        tally.released_twice += len(found.released_twice)
        tally.served_unapproved += len(found.served_unapproved)
        tally.others += len(found.ledger) + len(found.leases) + len(found.files)
        tally.broken += [
            f"{shape}, {name}: {what}" for name, all_of in vars(found).items() for what in all_of
        ]
        print(f"{shape}: {tally.kills[shape]} kills, {killed[-1:]}", file=sys.stderr)
        kept.write_text(json.dumps(vars(tally)), encoding="utf-8")
        greenroom.mend()


def _life(greenroom: Installation, campaign: Any, number: int, killed: list[str]) -> None:
    """A render's whole life with a kill in each stage and in the release."""
    from tests.faults import kills

    release = kills.RELEASE[number % len(kills.RELEASE)]
    killed += kills.a_life(greenroom, campaign, kills.stage_points(number), release)


def _signed(greenroom: Installation, campaign: Any, number: int, killed: list[str]) -> None:
    """A kill while a file is sealed and one while it is published, by the real signer."""
    from tests.faults import kills

    killed += kills.of_the_signer(greenroom, campaign, number)


def _single(greenroom: Installation, campaign: Any, number: int, killed: list[str]) -> None:
    """A kill at a point of the relay, of the sequencer and of the web each; then four at any moment."""
    from tests.faults import kills

    relay, sequencer, web = (
        which[number % len(which)] for which in (kills.RELAY, kills.SEQUENCER, kills.WEB)
    )
    for kill, point in (
        (kills.of_the_relay, relay),
        (kills.of_the_relay, sequencer),
        (kills.of_the_web, web),
    ):
        kill(greenroom, campaign, point)
        killed.append(point)
    dice = Random(f"faults {number}")
    for process in ("worker-1", "relay", "sequencer", "web"):
        where = kills.at_any_moment(greenroom, campaign, process, dice)
        killed.append(f"{process} at any moment ({where})")


@contextmanager
def _running(shape: str) -> Iterator[Installation]:
    os.environ.setdefault("GREENROOM_ENVIRONMENT", "test")
    from tests.faults.installation import Nursery, installation
    from tests.servers.databases import serving
    from tests.servers.postgres import postgres_server
    from tests.servers.redis import redis_server
    from tests.servers.s3 import s3_server

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        nursery = Nursery()
        stack.callback(nursery.close)
        on = None
        if shape.startswith("servers"):
            postgres = stack.enter_context(postgres_server())
            stack.enter_context(serving(postgres))
            on = postgres, stack.enter_context(redis_server()), stack.enter_context(s3_server())
        signer: Signer = "real" if shape.endswith(REALLY_SIGNED) else "recorded"
        yield stack.enter_context(installation(folder / "home", nursery, on=on, signer=signer))


def _read(path: Path) -> Tally:
    if not path.is_file():
        return Tally()
    kept = json.loads(path.read_text(encoding="utf-8"))
    return Tally(**(kept | {name: Counter(kept[name]) for name in ("kills", "rounds", "points")}))


if __name__ == "__main__":
    finish(run(), GOAL)

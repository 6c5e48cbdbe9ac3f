"""Does a campaign's cost grow with its recipients, and no faster? What does a stage cost beside its model?

RECORDED RESULTS STAND IN FOR EVERY MODEL and for the signer (tests/kit): these are figures of the bookkeeping.

``exponent``: slope of log(cost) over log(recipients), least squares, from 100 recipients on. A campaign's cost is the
batch intake of all its recipients, the relay of all their messages, one sweep, and so many times what a render's
stages to review and its approval cost, measured on a SAMPLE of its renders while all the others are in the database.
On SQLite, in processor seconds of this one process, in which the database works too: other work on the machine
stretches these less. A slope of 1 is a cost that is the same for each recipient.

``stage_overhead_ms``: wall clock of a stage (claim, load, checks, record) less its own work, the mean over the five
stages of a render, the median over renders, on the slower database. ``stage_overhead_cpu_ms`` is this process's share.

``speedup_4_workers``: four worker processes against one where the stages `picture` and `examine` SLEEP a second each in
place of a model on another machine: it says that workers do not stand in each other's way, and nothing about cores.
"""

from __future__ import annotations

import math
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.databases import KINDS, database, load
from benchmarks.harness import finish, full, inputs_digest
from benchmarks.workers import asked, to_review, workers

GOAL = {"exponent": "<= 1.05", "stage_overhead_ms": "<= 30", "speedup_4_workers": ">= 3"}
SAMPLE, OVERHEADS, WAITING = 30, 30, 16
WAIT = 1.0


def run() -> dict[str, Any]:
    """Up to 10,000 recipients; ``FULL=1``: up to 100,000."""
    most = int(os.environ.get("SCALE_MOST", "100000" if full() else "10000"))
    sizes = [10**power for power in range(2, 6) if 10**power <= most]
    curve = []
    for size in sizes:
        with _world("sqlite") as w:
            curve.append(_campaign(w, size))
            print(curve[-1], file=sys.stderr)
    overheads = {}
    for kind in KINDS:
        with _world(kind) as w:
            overheads[kind] = _overhead(w)
            print(kind, overheads[kind], file=sys.stderr)
    with _world("sqlite") as w:
        speedup, seconds = _speedup(w)
    return {
        "exponent": _slope([(row["recipients"], row["cpu_s"]) for row in curve]),
        "exponent_intake": _slope([(row["recipients"], row["intake_cpu_s"]) for row in curve]),
        "stage_overhead_ms": max(one["wall_ms"] for one in overheads.values()),
        "stage_overhead_cpu_ms": max(one["cpu_ms"] for one in overheads.values()),
        "speedup_4_workers": speedup,
        "curve": curve,
        "overheads": overheads,
        "seconds_by_workers": seconds,
        "cores": os.cpu_count(),
        "load": load(),
        "n": {"recipients": sizes, "sample": SAMPLE, "overheads": OVERHEADS, "waiting": WAITING},
        "interval": None,
        "inputs_sha256": inputs_digest([Path(__file__)]),
    }


@contextmanager
def _world(kind: str) -> Iterator[Any]:
    from tests.kit.world import world

    with (
        warnings.catch_warnings(),
        tempfile.TemporaryDirectory() as folder,
        database(kind),
        world(Path(folder) / "home", signer="recorded") as w,
    ):
        warnings.simplefilter("ignore")
        w.supersede(max_renders=1_000_000)
        yield w


def _campaign(w: Any, size: int) -> dict[str, Any]:
    from pipeline import outbox

    began, worked = time.perf_counter(), time.process_time()
    ids = asked(w, size, brief=True)
    intake, intake_wall = time.process_time() - worked, time.perf_counter() - began
    worked = time.process_time()
    while outbox.relay(lambda _topic, _payload: None):
        pass
    relay = time.process_time() - worked
    worked = time.process_time()
    outbox.sweep(lambda _topic, _payload: None)
    sweep = time.process_time() - worked
    # From the whole campaign: its first renders have no fewer neighbours than its last.
    chosen = ids[:: max(1, len(ids) // SAMPLE)][:SAMPLE]
    worked = time.process_time()
    for render_id in chosen:
        w.approve(w.advance(render_id))
    each = (time.process_time() - worked) / len(chosen)
    return {
        "recipients": size,
        "cpu_s": round(intake + relay + sweep + each * size, 3),
        "intake_cpu_s": round(intake, 3),
        "intake_wall_s": round(intake_wall, 3),
        "relay_cpu_s": round(relay, 3),
        "sweep_cpu_s": round(sweep, 4),
        "stages_and_approval_cpu_ms": round(each * 1000, 1),
    }


def _overhead(w: Any) -> dict[str, Any]:
    """Around the stages' own functions, which a clock is put around too."""
    from pipeline import runner

    inside = [0.0, 0.0]

    def timed(run: Any) -> Any:
        def stage(job: Any) -> Any:
            began, worked = time.perf_counter(), time.process_time()
            try:
                return run(job)
            finally:
                inside[0] += time.perf_counter() - began
                inside[1] += time.process_time() - worked

        return stage

    real = dict(runner.STAGE_FUNCTIONS)
    runner.STAGE_FUNCTIONS.update({name: timed(run) for name, run in real.items()})
    try:
        walls, cpus = [], []
        for render_id in asked(w, OVERHEADS):
            inside[:] = [0.0, 0.0]
            began, worked = time.perf_counter(), time.process_time()
            stages = runner.advance(render_id)
            walls.append((time.perf_counter() - began - inside[0]) / stages * 1000)
            cpus.append((time.process_time() - worked - inside[1]) / stages * 1000)
    finally:
        runner.STAGE_FUNCTIONS.update(real)
    return {
        "wall_ms": round(statistics.median(walls), 1),
        "wall_ms_p95": round(sorted(walls)[int(len(walls) * 0.95)], 1),
        "cpu_ms": round(statistics.median(cpus), 1),
    }


def _speedup(w: Any) -> tuple[float, dict[str, float]]:
    seconds: dict[str, float] = {}
    for count in (1, 2, 4):
        ids = asked(w, WAITING, key=f"with-{count}")
        with workers(count, w.home, signer="recorded", confined=False, wait=WAIT) as pool:
            began = time.perf_counter()
            list(pool.map(to_review, ids))
            seconds[str(count)] = round(time.perf_counter() - began, 2)
    print(seconds, file=sys.stderr)
    return round(seconds["1"] / seconds["4"], 2), seconds


def _slope(points: list[tuple[int, float]]) -> float:
    xs, ys = zip(*((math.log(size), math.log(cost)) for size, cost in points), strict=True)
    mean_x, mean_y = statistics.mean(xs), statistics.mean(ys)
    over = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    slope: float = over / sum((x - mean_x) ** 2 for x in xs)
    return round(slope, 3)


if __name__ == "__main__":
    finish(run(), GOAL)

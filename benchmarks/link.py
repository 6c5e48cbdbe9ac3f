"""What opening a delivery link costs, where 10,000 videos are released under one authority.

``p95_ms`` is the link check itself, :func:`delivery.links.open_link` in this process: the token, the row, the
authority's signatures, the ledger's words, the file. ``http_p95_ms`` is a range request of 64 kB over
loopback to a real web process, one at a time. ``cpu_p95_ms``: the processor's time alone of the check, which
other work on the machine stretches less. The home is bulk-made (benchmarks/released_home.py).
"""

from __future__ import annotations

import http.client
import itertools
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.harness import finish, full, inputs_digest
from benchmarks.released_home import released_home
from benchmarks.served import web_process

GOAL = {"p95_ms": "<= 5"}
RENDERS, LINKS = 10_000, 200
FILE_BYTES, RANGE = 1_000_000, 65_536


def run() -> dict[str, Any]:
    opened = 20_000 if full() else 4_000
    with released_home(RENDERS, links=LINKS, sizes=dict.fromkeys(range(LINKS), FILE_BYTES)) as home:
        from delivery.links import open_link

        tokens = [token for _, token in home.sample]
        random.Random(6).shuffle(tokens)
        turn = itertools.cycle(tokens)
        check, cpu = _timed(lambda: open_link(next(turn)), opened)
        with web_process(home.world.home) as port:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            answer, _ = _timed(lambda: _range(connection, next(turn)), opened // 4)
    return {
        "p95_ms": _p95(check),
        "median_ms": round(statistics.median(check), 2),
        "cpu_p95_ms": _p95(cpu),
        "http_p95_ms": _p95(answer),
        "http_median_ms": round(statistics.median(answer), 2),
        "rows": home.renders,
        "entries": home.entries,
        "n": opened,
        "interval": {"p95_ms": _interval(check)},
        "inputs_sha256": inputs_digest([Path(__file__)]),
    }


def _timed(act: Callable[[], object], count: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each, by the clock and of this thread's processor time. The first round, in which each file is
    digested for the first time, is not counted."""
    for _ in range(LINKS):
        act()
    times, cpu = [], []
    for _ in range(count):
        began, worked = time.perf_counter(), time.thread_time()
        act()
        cpu.append((time.thread_time() - worked) * 1000)
        times.append((time.perf_counter() - began) * 1000)
    print(f"p95 {_p95(times)} ms over {count}", file=sys.stderr)
    return times, cpu


def _range(connection: http.client.HTTPConnection, token: str) -> None:
    connection.request("GET", f"/v/{token}/video.mp4", headers={"range": f"bytes=0-{RANGE - 1}"})
    answer = connection.getresponse()
    if answer.status != 206 or len(answer.read()) != RANGE:
        raise RuntimeError(f"the link answered {answer.status}")


def _p95(times: list[float]) -> float:
    return round(sorted(times)[int(len(times) * 0.95)], 2)


def _interval(times: list[float]) -> tuple[float, float]:
    """95 % interval of the 95th percentile: order statistics, by the normal approximation of the binomial."""
    ordered, half = sorted(times), 1.96 * (len(times) * 0.95 * 0.05) ** 0.5
    low, high = (int(len(times) * 0.95 + side * half) for side in (-1, 1))
    return round(ordered[low], 2), round(ordered[min(high, len(times) - 1)], 2)


if __name__ == "__main__":
    finish(run(), GOAL)

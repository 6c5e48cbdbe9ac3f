"""How many videos leave in a minute, each really signed, timestamped, published and verified by both readers.

RECORDED RESULTS STAND IN FOR EVERY MODEL (tests/kit): voice, picture, gates, fingerprint, and the mark's reader. The
rest is the product: intake as a batch, leases, receipts, sealing and publishing under the development authority with
its timestamps, the confined readers (libav's and the C2PA library's, a process a file) and the judgement over them,
review, release, the ledger. The videos are two seconds long and 96 pixels wide (30 kB): bytes cost nothing here, so
these are figures of the machinery around a video.

``releases_per_minute``: approved to released, by one worker process more than there are cores (while one waits for the
database, a disk or its reader, another computes), each of a worker's priority, on the slower database, as the settings
are by default. ``from_nothing``: the same with GREENROOM_MEDIA_FILES_A_NURSERY=0, where every reading
starts Python and loads its library; what files of others cost at any time. ``cpu_ms_a_release``: processor time
of a worker and its confined children, which other work on the machine stretches less; 60 s times the cores over it is
what two idle cores could do at most (``by_cpu_per_minute``: computed, not measured). ``lives_per_minute``: scripted
to approved, with the credential's sealing and the inspection by both readers. ``link_p95_ms``: opening links of
released videos in another process meanwhile.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.databases import KINDS, database, load, slowest
from benchmarks.harness import finish, full, inputs_digest

GOAL = {"releases_per_minute": ">= 600", "link_p95_ms": "<= 5"}
WORKERS = (os.cpu_count() or 1) + 1
NURSERY = "GREENROOM_MEDIA_FILES_A_NURSERY"
_open_home = ExitStack()


def run() -> dict[str, Any]:
    """96 videos on each database, and 24 from nothing; ``FULL=1``: 600."""
    count = int(os.environ.get("DELIVERY_VIDEOS", "600" if full() else "96"))
    ways: dict[str, dict[str, dict[str, Any]]] = {}
    for name, files in (("default", None), ("from_nothing", "0")):
        os.environ.pop(NURSERY, None)
        if files is not None:
            os.environ[NURSERY] = files
        ways[name] = {kind: _measured(kind, count if files is None else min(count, 24)) for kind in KINDS}
    default, slow = ways["default"], ways["from_nothing"]
    return {
        "releases_per_minute": slowest(default, "releases_per_minute"),
        "lives_per_minute": slowest(default, "lives_per_minute"),
        "link_p95_ms": max(one["link_p95_ms"] for one in default.values()),
        "cpu_ms_a_release": max(one["cpu_ms_a_release"] for one in default.values()),
        "by_cpu_per_minute": slowest(default, "by_cpu_per_minute"),
        "from_nothing": {
            **{
                key: slowest(slow, key)
                for key in ("releases_per_minute", "lives_per_minute", "by_cpu_per_minute")
            },
            **{key: max(one[key] for one in slow.values()) for key in ("cpu_ms_a_release", "cpu_ms_a_life")},
        },
        "by_database": ways,
        "workers": WORKERS,
        "cores": os.cpu_count(),
        "load": load(),
        "n": {"videos": count, "ways": len(ways), "databases": len(KINDS)},
        "interval": None,
        "inputs_sha256": inputs_digest([Path(__file__)]),
    }


def _measured(kind: str, count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, database(kind), _world(Path(folder) / "home") as w:
        ids = _asked(w, count)
        with ProcessPoolExecutor(WORKERS, get_context("spawn"), _open, (str(w.home),)) as pool:
            list(pool.map(_nothing, range(WORKERS * 2)))
            lives, life_cpu = _timed(pool, _to_approved, ids, w)
            links, before = _links(w, ids[:4]), time.monotonic()
            releases, release_cpu = _timed(pool, _released, ids[4:], w, links)
        report = w.ledger()
        if not report.good:
            raise RuntimeError(report.text())
    result = {
        "releases_per_minute": round(60 * (count - 4) / releases),
        "lives_per_minute": round(60 * count / lives),
        "cpu_ms_a_release": round(1000 * release_cpu / (count - 4)),
        "cpu_ms_a_life": round(1000 * life_cpu / count),
        "by_cpu_per_minute": round(60 * (os.cpu_count() or 1) * (count - 4) / release_cpu),
        "link_p95_ms": round(sorted(_opened)[int(len(_opened) * 0.95)], 2),
        "links_opened": len(_opened),
        "load": load(),
    }
    print(f"{kind}: {json.dumps(result)} after {time.monotonic() - before:.0f} s", file=sys.stderr)
    return result


_opened: list[float] = []


@contextmanager
def _world(home: Path) -> Iterator[Any]:
    from tests.kit.world import world

    with warnings.catch_warnings(), world(home, signer="real", confined=True) as w:
        warnings.simplefilter("ignore")
        yield w


def _asked(w: Any, count: int) -> list[str]:
    """So many renders of one campaign, through the batch intake; their ids."""
    from sqlalchemy import select

    from core.database import reading
    from pipeline.batch import submit
    from pipeline.tables import RenderRow
    from tests.kit.world import ASHA

    lines = (json.dumps(ASHA | {"remark": f"You are number {n}."}).encode() + b"\n" for n in range(count))
    campaign = w.campaign()
    report = submit(campaign.id, lines, "jsonl", key="bench", brand_id=w.brand_id, maker_id=w.operator)
    if report.made != count:
        raise RuntimeError(str(report.as_dict()))
    with reading() as session:
        return list(session.scalars(select(RenderRow.id).where(RenderRow.campaign_id == campaign.id)))


def _links(w: Any, ids: list[str]) -> list[str]:
    from delivery.links import make_link

    for render_id in ids:
        w.release(render_id)
    return [make_link(render_id, brand_id=w.brand_id) for render_id in ids]


def _timed(
    pool: ProcessPoolExecutor, act: Any, ids: list[str], w: Any, links: list[str] | None = None
) -> tuple[float, float]:
    """Seconds until all are done, and the workers' own processor seconds; links are opened meanwhile."""
    from delivery.links import open_link

    _opened.clear()
    began = time.perf_counter()
    running = [pool.submit(act, render_id, w.brand_id, w.reviewer, w.operator) for render_id in ids]
    turn = 0
    while not all(one.done() for one in running):
        time.sleep(0.05)
        if links:
            opened = time.perf_counter()
            open_link(links[turn % len(links)])
            _opened.append((time.perf_counter() - opened) * 1000)
            turn += 1
    return time.perf_counter() - began, sum(one.result() for one in running)


# In a worker process


def _open(home: str) -> None:
    """The home as this worker's own, with the same stand-ins."""
    os.environ.setdefault("GREENROOM_ENVIRONMENT", "test")
    import delivery.release  # noqa: F401 - what stands in is put where it was imported
    import pipeline.runner  # noqa: F401
    from greenroom.priority import step_back
    from tests.kit.home import at_home

    step_back()  # as `greenroom worker` does
    warnings.simplefilter("ignore")
    _open_home.enter_context(at_home(Path(home), signer="real", confined=True))


def _nothing(_number: int) -> None:
    time.sleep(0.5)


def _cpu() -> float:
    """Processor seconds of this worker and of every confined child that it has had, also those of its nurseries."""
    from core.media.nurseries import OPEN

    times = os.times()
    total = times.user + times.system + times.children_user + times.children_system
    for nursery in OPEN.values():
        if nursery.process is not None:
            stat = Path(f"/proc/{nursery.process.pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(int(ticks) for ticks in stat[11:15]) / os.sysconf("SC_CLK_TCK")
    return total


def _to_approved(render_id: str, brand_id: str, reviewer: str, _operator: str) -> float:
    from pipeline.review import approve
    from pipeline.runner import advance
    from pipeline.service import get_render
    from pipeline.states import State

    began = _cpu()
    advance(render_id)
    row = get_render(render_id, brand_id=brand_id)
    if row.state != State.IN_REVIEW:
        raise RuntimeError(f"{row.state}: {row.reason}")
    seen = ((0.0, row.seconds or 0.0),)
    approve(
        render_id, brand_id=brand_id, reviewer_id=reviewer, sealed_sha256=row.sealed_sha256 or "", played=seen
    )
    return _cpu() - began


def _released(render_id: str, brand_id: str, _reviewer: str, operator: str) -> float:
    from delivery.release import release
    from pipeline.states import State

    began = _cpu()
    if release(render_id, brand_id=brand_id, actor_id=operator).state != State.RELEASED:
        raise RuntimeError(render_id)
    return _cpu() - began


if __name__ == "__main__":
    finish(run(), GOAL)

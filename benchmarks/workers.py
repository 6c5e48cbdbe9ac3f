"""Worker processes on one home for benchmarks, with the recorded models of tests/kit in each."""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

Signer = Literal["real", "recorded"]
_opened = ExitStack()


@contextmanager
def workers(
    count: int, home: Path, *, signer: Signer, confined: bool, wait: float = 0.0
) -> Iterator[ProcessPoolExecutor]:
    """``wait``: seconds that the stages `picture` and `examine` sleep each, as if a model elsewhere worked."""
    given = (str(home), signer, confined, wait)
    with ProcessPoolExecutor(count, get_context("spawn"), _open, given) as pool:
        list(pool.map(_nothing, range(count * 2)))  # every one is there before anything is timed
        yield pool


def _open(home: str, signer: Signer, confined: bool, wait: float) -> None:
    os.environ.setdefault("GREENROOM_ENVIRONMENT", "test")
    import delivery.release  # noqa: F401 - what stands in is put where it was imported
    from pipeline import runner
    from tests.kit.home import at_home

    warnings.simplefilter("ignore")
    _opened.enter_context(at_home(Path(home), signer=signer, confined=confined))
    for stage in ("picture", "examine") if wait else ():
        runner.STAGE_FUNCTIONS[stage] = _slow(runner.STAGE_FUNCTIONS[stage], wait)


def _slow(run: Any, seconds: float) -> Any:
    def slow(job: Any) -> Any:
        time.sleep(seconds)
        return run(job)

    return slow


def _nothing(_number: int) -> None:
    time.sleep(0.5)


def to_review(render_id: str) -> None:
    """Every stage of one render, by the worker."""
    from pipeline.runner import advance

    advance(render_id)


def asked(w: Any, count: int, *, key: str = "bench", brief: bool = False) -> list[str]:
    """So many renders of a campaign of their own, through the batch intake; their ids (``brief``: of the first 500)."""
    from sqlalchemy import select

    from core.database import reading
    from pipeline.batch import submit
    from pipeline.tables import RenderRow
    from tests.kit.world import ASHA

    lines = (json.dumps(ASHA | {"remark": f"You are number {n}."}).encode() + b"\n" for n in range(count))
    campaign = w.campaign()
    report = submit(campaign.id, lines, "jsonl", key=key, brand_id=w.brand_id, maker_id=w.operator)
    if report.made != count:
        raise RuntimeError(str(report.as_dict()))
    with reading() as session:
        query = select(RenderRow.id).where(RenderRow.campaign_id == campaign.id).order_by(RenderRow.id)
        return list(session.scalars(query.limit(500 if brief else None)))

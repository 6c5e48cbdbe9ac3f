"""Jobs: a check that goes on after its request was answered (``Prefer: respond-async``, RFC 7240).

The file lies with the web process that took it, and a child of that process checks it; its row is in the database, so
that any process says how it stands. A process that ends takes its jobs along: they stop beating, and are told as
``failed``. Rows and answers are gone after a day.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field, TypeAdapter
from sqlalchemy import func, select, update

from core.database import now, reading, transaction
from core.errors import GreenroomError, NotFound
from core.ids import new_id
from pipeline.models import Analysis
from review_ui.api.caller import Caller, Viewer
from review_ui.api.documents import NAMED, V1, ErrorBody
from review_ui.api.tables import JobRow
from review_ui.api.verification import Verification
from review_ui.locked import lock, unlock
from review_ui.rates import TooManyTries

router = APIRouter(prefix=V1, tags=["checks"])
log = logging.getLogger("greenroom.web")

Task = Literal["analyze", "verify"]

KEPT = timedelta(hours=24)
BEAT_SECONDS = 15.0
LOST_AFTER = timedelta(seconds=90)
MOST_AT_ONCE = 3  # that one account has on their way
MOST_KEPT = 2_000  # of one brand at a time

_on_their_way: set[asyncio.Task[None]] = set()
_ANALYSIS = TypeAdapter(Analysis)


class Job(BaseModel):
    """A check that goes on. `analysis` or `verification` is there once it is `done`, `error` where it `failed`."""

    job: str
    at: str = Field(description="Where to ask for it again.")
    task: Task
    state: Literal["working", "done", "failed"]
    created_at: datetime
    ended_at: datetime | None
    analysis: Analysis | None = None
    verification: Verification | None = None
    error: ErrorBody | None = None


@router.get("/jobs/{job_id}", responses=NAMED)
def job(caller: Viewer, job_id: str) -> Job:
    """How a check stands that was asked for with `Prefer: respond-async`; its answer is kept for a day."""
    with reading() as session:
        row = session.get(JobRow, job_id)
    if row is None or row.brand_id != caller.brand_id or row.expires_at <= now():
        raise NotFound("no such job", where=job_id, next_step="check the id; jobs are kept for a day")
    return document_of(row)


def document_of(row: JobRow) -> Job:
    """A job as it is told."""
    shown = Job(
        job=row.id,
        at=f"{V1}/jobs/{row.id}",
        task="analyze" if row.task == "analyze" else "verify",
        state="working",
        created_at=row.created_at,
        ended_at=row.ended_at,
    )
    if row.state == "working":
        if row.beat_at > now() - LOST_AFTER:
            return shown
        lost = ErrorBody(
            code="job_lost",
            what="the process that checked this file has ended",
            where=row.id,
            next="send it again",
        )
        return shown.model_copy(update={"state": "failed", "error": lost})
    answer = json.loads(unlock(row.answer or "", purpose="api-jobs", place=_place(row)))
    if row.state == "failed":
        return shown.model_copy(update={"state": "failed", "error": ErrorBody(**answer)})
    if row.task == "analyze":
        return shown.model_copy(update={"state": "done", "analysis": _ANALYSIS.validate_python(answer)})
    return shown.model_copy(update={"state": "done", "verification": Verification(**answer)})


async def start(
    caller: Caller, task: Task, check: Callable[[], Awaitable[dict[str, Any]]], keeping: AsyncExitStack
) -> Job:
    """Let a check go on beside the answer to its request.

    Args:
        check: answers with the task's document.
        keeping: what the check stands on, such as its file; taken over, and closed when the check is over.

    Raises TooManyTries: the account has ``MOST_AT_ONCE`` on their way, or the brand ``MOST_KEPT`` of the last day.
    """
    row = await run_in_threadpool(_begin, caller, task)
    carried = asyncio.create_task(_carry(row, check, keeping.pop_all()))
    _on_their_way.add(carried)
    carried.add_done_callback(_on_their_way.discard)
    return document_of(row)


async def stop() -> None:
    """End what is on its way, with the process."""
    for carried in list(_on_their_way):
        carried.cancel()
    await asyncio.gather(*_on_their_way, return_exceptions=True)


def _begin(caller: Caller, task: Task) -> JobRow:
    moment = now()
    row = JobRow(
        id=new_id("job"),
        brand_id=caller.brand_id,
        account_id=caller.account.id,
        task=task,
        state="working",
        beat_at=moment,
        created_at=moment,
        expires_at=moment + KEPT,
    )
    mine = select(JobRow.id).where(
        JobRow.account_id == caller.account.id,
        JobRow.state == "working",
        JobRow.beat_at > moment - LOST_AFTER,
    )
    all_of_brand = select(JobRow.id).where(
        JobRow.brand_id == caller.brand_id, JobRow.created_at > moment - KEPT
    )
    with transaction() as session:
        for found, most, what in (
            (mine, MOST_AT_ONCE, f"{MOST_AT_ONCE} files of this account are being checked already"),
            (all_of_brand, MOST_KEPT, f"this brand has had {MOST_KEPT:,} files checked in a day"),
        ):
            if session.scalar(select(func.count()).select_from(found.limit(most).subquery())) == most:
                raise TooManyTries(30, what)
        session.add(row)
    return row


async def _carry(
    row: JobRow, check: Callable[[], Awaitable[dict[str, Any]]], keeping: AsyncExitStack
) -> None:
    beating = asyncio.create_task(_beat(row.id))
    state, answer = (
        "failed",
        GreenroomError("this file could not be checked", next_step="send it again").as_dict(),
    )
    try:
        async with keeping:
            state, answer = "done", await check()
    except GreenroomError as error:
        state, answer = "failed", error.as_dict()
    except Exception:
        log.exception("a job failed")
    finally:
        beating.cancel()
    await run_in_threadpool(_end, row, state, answer)


async def _beat(job_id: str) -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        try:
            await run_in_threadpool(_say_alive, job_id)
        except GreenroomError:  # the next beat may come through
            log.warning("a job could not beat: %s", job_id)


def _say_alive(job_id: str) -> None:
    with transaction() as session:
        session.execute(update(JobRow).where(JobRow.id == job_id).values(beat_at=now()))


def _end(begun: JobRow, state: str, answer: dict[str, Any]) -> None:
    with transaction() as session:
        row = session.get(JobRow, begun.id, with_for_update=True)
        if row is None:
            return
        row.state, row.ended_at = state, now()
        row.answer = lock(json.dumps(answer), purpose="api-jobs", place=_place(row))


def _place(row: JobRow) -> str:
    return f"{row.id}:{row.brand_id}:{row.task}:{row.state}"

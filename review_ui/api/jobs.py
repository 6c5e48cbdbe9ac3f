"""Jobs: a check that goes on after its request was answered (``Prefer: respond-async``, RFC 7240).

The row and the encrypted file outlive the web process that took them (:mod:`review_ui.api.carrying`), so that any
process says how a job stands, and goes on with it. Rows and answers are gone after a day.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Literal

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field, TypeAdapter
from sqlalchemy import func, select

from core.blobs import blobs
from core.database import now, reading, transaction
from core.errors import GreenroomError, NotFound
from core.ids import new_id
from pipeline.leases import database_seconds
from pipeline.models import Analysis
from review_ui.api import carrying
from review_ui.api.caller import Caller, Viewer
from review_ui.api.documents import NAMED, V1, ErrorBody
from review_ui.api.measuring import Task
from review_ui.api.tables import JobRow
from review_ui.api.verification import Verification
from review_ui.locked import unlock
from review_ui.rates import TooManyTries

router = APIRouter(prefix=V1, tags=["checks"])

MOST_AT_ONCE = 3  # that one account has on their way
MOST_KEPT = 2_000  # of one brand at a time
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
        return shown
    answer = json.loads(unlock(row.answer or "", purpose="api-jobs", place=carrying.place_of(row)))
    if row.state == "failed":
        return shown.model_copy(update={"state": "failed", "error": ErrorBody(**answer)})
    if row.task == "analyze":
        return shown.model_copy(update={"state": "done", "analysis": _ANALYSIS.validate_python(answer)})
    return shown.model_copy(update={"state": "done", "verification": Verification(**answer)})


async def start(caller: Caller, task: Task, path: Path, url: str) -> Job:
    """Let a check go on beside the answer to its request.

    Args:
        url: where the file is fetched from; "" where it lies at the path.

    Raises TooManyTries: the account has ``MOST_AT_ONCE`` on their way, or the brand ``MOST_KEPT`` of the last day.
    """
    row = await run_in_threadpool(_begin, caller, task, path, url)
    carrying.begin(carrying.taken(row))
    return document_of(row)


def _begin(caller: Caller, task: Task, path: Path, url: str) -> JobRow:
    moment, job_id = now(), new_id("job")
    file = None if url else carrying.store(path, job_id)
    row = JobRow(
        id=job_id,
        brand_id=caller.brand_id,
        account_id=caller.account.id,
        task=task,
        state="working",
        asked=carrying.asked_of(job_id, url, path.suffix),
        file_sha256=file,
        fence=1,
        attempts=1,
        beat_at=moment,
        created_at=moment,
        expires_at=moment + carrying.KEPT,
    )
    mine = select(JobRow.id).where(JobRow.account_id == caller.account.id, JobRow.state == "working")
    all_of_brand = select(JobRow.id).where(
        JobRow.brand_id == caller.brand_id, JobRow.created_at > moment - carrying.KEPT
    )
    try:
        with transaction() as session:
            for found, most, what in (
                (mine, MOST_AT_ONCE, f"{MOST_AT_ONCE} files of this account are being checked already"),
                (all_of_brand, MOST_KEPT, f"this brand has had {MOST_KEPT:,} files checked in a day"),
            ):
                if session.scalar(select(func.count()).select_from(found.limit(most).subquery())) == most:
                    raise TooManyTries(30, what)
            row.lease_until = database_seconds(session) + carrying.LEASE_SECONDS
            session.add(row)
    except GreenroomError:
        if file is not None:
            blobs().delete(file, carrying.ROLE)
        raise
    return row

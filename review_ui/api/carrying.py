"""Jobs are carried by web processes: whichever is there. The row is the job, as a render's is.

The file lies encrypted in the blob store until its job is over, so that the job does not end with the process that took
it: its lease runs out, and the next web process that looks begins it again, at most ``MOST_TRIES`` times. A process
that is told to end gives its jobs back at once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from fastapi.concurrency import run_in_threadpool
from sqlalchemy import CursorResult, and_, or_, select, update
from sqlalchemy.orm import Session

from core.blobs import blobs
from core.database import now, reading, transaction
from core.errors import GreenroomError
from pipeline.leases import database_clock
from review_ui.api.measuring import Task, measure
from review_ui.api.tables import JobRow
from review_ui.child import Busy
from review_ui.locked import lock, lock_file, unlock, unlock_file
from review_ui.uploads import room_for

log = logging.getLogger("greenroom.web")

KEPT = timedelta(hours=24)
LEASE_SECONDS, BEAT_SECONDS = 90.0, 15.0
LOOK_SECONDS = 15.0  # between two looks for jobs whose process has ended
MOST_TRIES = 3
MOST_TAKEN = 4  # of others, at a time
ROLE = "check"

_on_their_way: set[asyncio.Task[None]] = set()


class JobLost(GreenroomError):
    """Nobody brought a job to its end."""

    code = "job_lost"
    retryable = True


@dataclass(frozen=True)
class Taken:
    """The right to carry one job until its lease ends. ``url``: "" where its file is in the store."""

    id: str
    brand_id: str
    task: Task
    fence: int
    file_sha256: str | None
    url: str
    suffix: str

    def ours(self) -> tuple[Any, ...]:
        """What holds of the row while the lease is ours."""
        return (JobRow.id == self.id, JobRow.fence == self.fence, JobRow.state == "working")


def asked_of(job_id: str, url: str, suffix: str) -> str:
    """What a job's row says of its file, encrypted."""
    return lock(json.dumps([url, suffix]), purpose="api-jobs", place=f"{job_id}:asked")


def store(path: Path, job_id: str) -> str:
    """Keep a job's file, encrypted, until the job is over; its name in the store."""
    with room_for("sealed") as sealed:
        lock_file(path, sealed, purpose="api-jobs-files", place=job_id)
        return blobs().put_file(sealed, ROLE).sha256


def taken(row: JobRow) -> Taken:
    """The lease that this row states. Raises IntegrityError where somebody changed what was asked."""
    url, suffix = json.loads(unlock(row.asked or "", purpose="api-jobs", place=f"{row.id}:asked"))
    task: Task = "analyze" if row.task == "analyze" else "verify"
    return Taken(row.id, row.brand_id, task, row.fence, row.file_sha256, url, suffix)


def begin(job: Taken) -> None:
    """Carry a job beside whatever else this process does."""
    carried = asyncio.create_task(_carry(job))
    _on_their_way.add(carried)
    carried.add_done_callback(_on_their_way.discard)


async def stop() -> None:
    """Give back what is on its way: this process ends."""
    for carried in list(_on_their_way):
        carried.cancel()
    await asyncio.gather(*_on_their_way, return_exceptions=True)


async def look() -> None:
    """For as long as this process runs: begin again what another one left, and delete files of jobs that are gone."""
    swept = 0.0
    while True:
        try:
            for job in await run_in_threadpool(take_over, MOST_TAKEN - len(_on_their_way)):
                begin(job)
            if not swept or time.monotonic() - swept > 3600:
                swept = time.monotonic()
                await run_in_threadpool(sweep)
        except Exception:  # the next look tries again
            log.exception("jobs could not be looked for")
        await asyncio.sleep(LOOK_SECONDS)


def take_over(most: int = MOST_TAKEN) -> list[Taken]:
    """Leases of jobs whose process has ended; a job that was begun too often has failed."""
    with reading() as session:
        left = select(JobRow.id).where(*_left(session)).order_by(JobRow.created_at)
        ids = list(session.scalars(left.limit(max(0, most))))
    return [job for job_id in ids if (job := _claimed(job_id)) is not None]


def sweep() -> int:
    """Delete files of jobs that are gone: of an installation that stood still, or of a process that was killed between
    keeping a file and its row. How many."""
    gone = 0
    before = time.time() - KEPT.total_seconds() - 3600
    for sha256, put in list(blobs().names(ROLE)):
        if put < before:
            blobs().delete(sha256, ROLE)
            gone += 1
    return gone


def _claimed(job_id: str) -> Taken | None:
    with transaction() as session:
        clock = database_clock(session)
        row = session.scalars(
            update(JobRow)
            .where(JobRow.id == job_id, *_left(session))
            .values(
                fence=JobRow.fence + 1,
                attempts=JobRow.attempts + 1,
                lease_until=clock + LEASE_SECONDS,
                beat_at=now(),
            )
            .returning(JobRow)
            .execution_options(synchronize_session=False, populate_existing=True)
        ).one_or_none()
    if row is None:
        return None
    try:
        if row.asked is None or row.attempts > MOST_TRIES:
            raise JobLost(
                "each process that checked this file ended before it was done",
                where=row.id,
                next_step="send it again",
            )
        return taken(row)
    except GreenroomError as error:
        _end(row.id, row.fence, "failed", error.as_dict())
        return None


def _left(session: Session) -> tuple[Any, ...]:
    """What holds of the row of a job that nobody carries."""
    # A lease of NULL: of a process with older code, which beats and keeps the file to itself.
    silent = and_(JobRow.lease_until.is_(None), JobRow.beat_at < now() - timedelta(seconds=LEASE_SECONDS))
    return (JobRow.state == "working", or_(JobRow.lease_until < database_clock(session), silent))


async def _carry(job: Taken) -> None:
    work = asyncio.current_task()
    assert work is not None
    beating = asyncio.create_task(_beat(job, work))
    failed = GreenroomError("this file could not be checked", next_step="send it again").as_dict()
    state, answer = "failed", failed
    try:
        with room_for(f"job{job.suffix}") as path:
            if job.file_sha256 is not None:
                await run_in_threadpool(_fetch, job, path)
            state, answer = "done", await measure(job.task, path, job.url)
    except Busy:
        await run_in_threadpool(_give_back, job)
        return
    except GreenroomError as error:
        answer = error.as_dict()
    except asyncio.CancelledError:
        _give_back(job)  # this process ends, or the lease was another's already
        raise
    except Exception:
        log.exception("a job failed")
    finally:
        beating.cancel()
    await run_in_threadpool(_end, job.id, job.fence, state, answer)


def _fetch(job: Taken, path: Path) -> None:
    sealed = blobs().get_file(job.file_sha256 or "", ROLE)
    unlock_file(sealed, path, purpose="api-jobs-files", place=job.id)


async def _beat(job: Taken, work: asyncio.Task[Any]) -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        try:
            if not await run_in_threadpool(_renewed, job):
                work.cancel()
                return
        except GreenroomError:  # the next beat may come through
            log.warning("a job could not beat: %s", job.id)


def _renewed(job: Taken) -> bool:
    with transaction() as session:
        lease = database_clock(session) + LEASE_SECONDS
        done = session.execute(
            update(JobRow)
            .where(*job.ours())
            .values(lease_until=lease, beat_at=now())
            .execution_options(synchronize_session=False)
        )
        return cast("CursorResult[Any]", done).rowcount == 1


def _give_back(job: Taken) -> None:
    """Another process may begin it now; this try does not count."""
    try:
        with transaction() as session:
            session.execute(
                update(JobRow)
                .where(*job.ours())
                .values(lease_until=0.0, attempts=JobRow.attempts - 1)
                .execution_options(synchronize_session=False)
            )
    except GreenroomError:
        log.warning("a job's lease ends by itself: %s", job.id)


def _end(job_id: str, fence: int, state: str, answer: dict[str, Any]) -> None:
    """Record what came of it, where the lease is still ours; then its file is deleted."""
    with transaction() as session:
        row = session.get(JobRow, job_id, with_for_update=True)
        if row is None or (row.fence, row.state) != (fence, "working"):
            return
        row.state, row.ended_at, row.lease_until = state, now(), None
        row.answer = lock(json.dumps(answer), purpose="api-jobs", place=place_of(row))
        file, row.file_sha256 = row.file_sha256, None
    if file is not None:
        blobs().delete(file, ROLE)


def place_of(row: JobRow) -> str:
    """What a job's answer is bound to."""
    return f"{row.id}:{row.brand_id}:{row.task}:{row.state}"

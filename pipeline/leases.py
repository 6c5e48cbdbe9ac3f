"""Leases with fencing tokens: one worker at a time works on a stage, and a late one's result is thrown
away.

A lease is renewed by work, never by a timer: long loops call ``core.heartbeat.beat``, and a worker that
hangs loses it. Times are the database's.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, Float, literal_column, or_, select, update
from sqlalchemy.orm import Session

from core.database import transaction
from core.errors import DatabaseBusy
from core.settings import PipelineSettings, get_settings
from pipeline.course import Course, is_at
from pipeline.errors import LeaseLost
from pipeline.states import KINDS, STAGE_AT, StageSpec, State
from pipeline.tables import RenderRow

FREE: dict[str, Any] = {
    "lease_owner": None,
    "lease_started": None,
    "lease_until": None,
    "attempts": 0,
    "waits": 0,
    "retry_at": None,
    "hinted_at": None,
}
"""A render that nobody works on, with every try before it."""

LONGEST_WAIT = 60.0  # seconds between two tries of a stage


def owner_name(pid: int | None = None) -> str:
    """This process's name on a lease."""
    return f"{socket.gethostname()}:{pid or os.getpid()}"


def database_clock(session: Session) -> ColumnElement[float]:
    """Seconds since the epoch by the database's clock, for a statement that compares with it or writes it down."""
    if session.get_bind().dialect.name == "sqlite":
        return literal_column("(julianday('now') - 2440587.5) * 86400.0", Float)
    return literal_column("extract(epoch FROM clock_timestamp())::double precision", Float)


def database_seconds(session: Session) -> float:
    """Seconds since the epoch by the database's clock."""
    return float(session.execute(select(database_clock(session))).scalar_one())


@dataclass
class Claim:
    """The right to work on one stage of one render until the lease ends. ``waits``: how often it waited for others."""

    render_id: str
    stage: StageSpec
    fence: int
    waits: int = 0
    watcher: Callable[[float], None] | None = None  # shows the progress where a person looks on
    _fraction: float = 0.0
    _last_renewal: float = field(default_factory=time.monotonic)

    def progress(self, fraction: float) -> None:
        """Report progress in [0, 1]; renews the lease. Raises as :meth:`beat`."""
        self._fraction = max(0.0, min(1.0, fraction))
        if self.watcher is not None:
            self.watcher(self._fraction)
        self.beat()

    def beat(self) -> None:
        """The work goes on: renew the lease, at most every few seconds.

        Raises:
            LeaseLost: the lease was taken over, the render was moved (withdrawn, rejected), or the stage is past its
                hard deadline.
        """
        settings = get_settings().pipeline
        if time.monotonic() - self._last_renewal < min(2.0, settings.lease_seconds / 4):
            return
        try:
            renewed = self._renew(settings)
        except DatabaseBusy:
            return  # the next beat tries again; whether the lease is still ours is asked when the result is recorded
        if not renewed:
            raise LeaseLost("this stage is no longer ours", where=f"{self.render_id}, {self.stage.name}")
        self._last_renewal = time.monotonic()

    def _renew(self, settings: PipelineSettings) -> bool:
        with transaction() as session:
            clock = database_clock(session)
            young = RenderRow.lease_started > clock - settings.stage_deadline_seconds
            renewed = session.execute(
                update(RenderRow)
                .where(*self._ours(), young)
                .values(lease_until=clock + settings.lease_seconds, progress=self._fraction)
                .execution_options(synchronize_session=False)
            )
            return _count(renewed) == 1

    def _ours(self) -> tuple[Any, ...]:
        return (
            RenderRow.id == self.render_id,
            RenderRow.state == self.stage.start,
            RenderRow.fence == self.fence,
        )

    def postpone(self, *, retryable: bool) -> None:
        """Give the stage back, to be tried again after a pause that doubles each time.

        Args:
            retryable: the trouble is somebody else's and will pass (an authority that does not answer): such a result
                does not count as a try of ours.
        """
        with transaction() as session:
            row = session.get(RenderRow, self.render_id)
            if row is None:
                return
            tries, waits = (row.attempts - 1, row.waits + 1) if retryable else (row.attempts, row.waits)
            pause = min(LONGEST_WAIT, 2.0 ** min(10, waits if retryable else tries) / 2)
            session.execute(
                update(RenderRow)
                .where(*self._ours())
                .values(
                    **{
                        **FREE,
                        "attempts": max(0, tries),
                        "waits": waits,
                        "retry_at": database_clock(session) + pause,
                    }
                )
                .execution_options(synchronize_session=False)
            )


def claim(
    render_id: str, stage: StageSpec | None = None, *, kinds: Collection[str] = KINDS, at_once: bool = False
) -> Claim | None:
    """Take the stage that a render waits for; None when there is nothing to do or someone else does it.

    Args:
        stage: a stage that is not the pipeline's own (the release).
        kinds: of the pipeline's stages, those that may be taken.
        at_once: a person asks: do not wait for the pause after a failed try, nor stop for a cancelled campaign.

    Nothing of a paused campaign is taken.
    """
    seconds = get_settings().pipeline.lease_seconds
    wanted = {stage.start: stage} if stage is not None else STAGE_AT
    states = [state for state, one in wanted.items() if one.kind in kinds]
    with transaction() as session:
        clock = database_clock(session)
        rests = [] if at_once else [or_(RenderRow.retry_at.is_(None), RenderRow.retry_at <= clock)]
        halts = (Course.PAUSED,) if at_once else (Course.PAUSED, Course.CANCELLED)
        # One statement looks and takes: a render that moves meanwhile is taken where it is then, or not at all.
        taken = session.execute(
            update(RenderRow)
            .where(
                RenderRow.id == render_id,
                RenderRow.state.in_(states),
                or_(RenderRow.lease_until.is_(None), RenderRow.lease_until < clock),
                ~is_at(RenderRow.campaign_id, *halts),
                *rests,
            )
            .values(
                fence=RenderRow.fence + 1,
                attempts=RenderRow.attempts + 1,
                lease_owner=owner_name(),
                lease_started=clock,
                lease_until=clock + seconds,
                retry_at=None,
                hinted_at=None,  # if this worker dies, the next sweep says so at once
                progress=0.0,
            )
            .returning(RenderRow.state, RenderRow.fence, RenderRow.waits)
            .execution_options(synchronize_session=False)
        ).one_or_none()
    if taken is None:
        return None
    return Claim(render_id, wanted[State(taken.state)], taken.fence, taken.waits)


def free_leases_of(owner: str) -> list[str]:
    """End the leases of a process that is known to be dead; returns the renders that wait again."""
    with transaction() as session:
        freed = session.scalars(
            update(RenderRow)
            .where(RenderRow.lease_owner == owner)
            .values(lease_owner=None, lease_until=None, lease_started=None, hinted_at=None)
            .returning(RenderRow.id)
            .execution_options(synchronize_session=False)
        )
        return list(freed)


def _count(result: Any) -> int:
    return cast("CursorResult[Any]", result).rowcount

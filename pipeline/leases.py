"""Leases with fencing tokens: one worker at a time works on a stage, and a late one's result is thrown away.

A lease is renewed by progress, never by a timer: a worker that hangs loses it. Times are the database's.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import CursorResult, or_, text, update
from sqlalchemy.orm import Session

from core.database import now, transaction
from core.settings import get_settings
from pipeline.errors import LeaseLost
from pipeline.states import STAGE_AT, StageSpec, State
from pipeline.tables import RenderRow


def owner_name(pid: int | None = None) -> str:
    """This process's name on a lease."""
    return f"{socket.gethostname()}:{pid or os.getpid()}"


def database_seconds(session: Session) -> float:
    """Seconds since the epoch by the database's clock."""
    if session.get_bind().dialect.name == "sqlite":
        statement = "SELECT (julianday('now') - 2440587.5) * 86400.0"
    else:
        statement = "SELECT extract(epoch FROM clock_timestamp())"
    return float(session.execute(text(statement)).scalar_one())


@dataclass
class Claim:
    """The right to work on one stage of one render until the lease ends."""

    render_id: str
    stage: StageSpec
    fence: int
    watcher: Callable[[float], None] | None = None  # shows the progress where a person looks on
    _last_renewal: float = 0.0

    def progress(self, fraction: float) -> None:
        """Report progress in [0, 1]; renews the lease at most every few seconds.

        Raises:
            LeaseLost: the lease was taken over, or the stage is past its hard deadline.
        """
        settings = get_settings().pipeline
        if self.watcher is not None:
            self.watcher(fraction)
        if time.monotonic() - self._last_renewal < min(2.0, settings.lease_seconds / 4):
            return
        with transaction() as session:
            clock = database_seconds(session)
            renewed = _count(
                session.execute(
                    update(RenderRow)
                    .where(
                        RenderRow.id == self.render_id,
                        RenderRow.fence == self.fence,
                        RenderRow.lease_started > clock - settings.stage_deadline_seconds,
                    )
                    .values(lease_until=clock + settings.lease_seconds, progress=max(0.0, min(1.0, fraction)))
                )
            )
        if not renewed:
            raise LeaseLost("this stage is no longer ours", where=f"{self.render_id}, {self.stage.name}")
        self._last_renewal = time.monotonic()


def claim(render_id: str) -> Claim | None:
    """Take the stage that a render waits for; None when there is nothing to do or someone else does it."""
    settings = get_settings().pipeline
    with transaction() as session:
        row = session.get(RenderRow, render_id)
        if row is None or State(row.state) not in STAGE_AT:
            return None
        clock = database_seconds(session)
        stage, fence = STAGE_AT[State(row.state)], row.fence + 1  # before the update refreshes the row
        taken = _count(
            session.execute(
                update(RenderRow)
                .where(
                    RenderRow.id == render_id,
                    RenderRow.state == row.state,
                    RenderRow.fence == fence - 1,
                    or_(RenderRow.lease_until.is_(None), RenderRow.lease_until < clock),
                )
                .values(
                    fence=fence,
                    attempts=RenderRow.attempts + 1,
                    lease_owner=owner_name(),
                    lease_started=clock,
                    lease_until=clock + settings.lease_seconds,
                    progress=0.0,
                )
            )
        )
        if not taken:
            return None
        return Claim(render_id, stage, fence)


def settle(session: Session, claim: Claim, **values: Any) -> None:
    """Record a stage's result, only if the fence still holds; frees the lease. In the caller's transaction.

    Raises:
        LeaseLost: someone else holds the stage, or the render was moved meanwhile (rejected, withdrawn).
    """
    recorded = _count(
        session.execute(
            update(RenderRow)
            .where(
                RenderRow.id == claim.render_id,
                RenderRow.fence == claim.fence,
                RenderRow.state == claim.stage.start,
            )
            .values(lease_owner=None, lease_started=None, lease_until=None, changed_at=now(), **values)
        )
    )
    if not recorded:
        raise LeaseLost("this stage is no longer ours", where=f"{claim.render_id}, {claim.stage.name}")


def free_leases_of(owner: str) -> list[str]:
    """End the leases of a process that is known to be dead; returns the renders that wait again."""
    with transaction() as session:
        rows = session.query(RenderRow).filter(RenderRow.lease_owner == owner).all()
        for row in rows:
            row.lease_owner, row.lease_until, row.lease_started = None, None, None
        return [row.id for row in rows]


def _count(result: Any) -> int:
    return cast("CursorResult[Any]", result).rowcount

"""The outbox: messages leave after the transaction that wrote them, and again until someone has done the work.

A message is a hint, the row is the job. Losing every message loses nothing: the sweeper finds waiting renders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from core.database import now, reading, transaction
from core.tables import OutboxRow
from pipeline.leases import database_seconds
from pipeline.states import STAGE_AT, WAITING, State
from pipeline.tables import CampaignRow, RenderRow

Send = Callable[[str, dict[str, Any]], None]

ADVANCE = "render.advance"
APPROVED = "render.approved"
RECALLED = "render.recalled"


def post(session: Session, topic: str, **payload: Any) -> None:
    """Write a message in the caller's transaction."""
    session.add(OutboxRow(topic=topic, payload=payload))


def relay(send: Send, *, limit: int = 200) -> int:
    """Send what has not been sent, oldest first; a message that cannot be sent stays. Returns how many left."""
    with reading() as session:
        waiting = session.execute(
            select(OutboxRow.id, OutboxRow.topic, OutboxRow.payload)
            .where(OutboxRow.sent_at.is_(None))
            .order_by(OutboxRow.id)
            .limit(limit)
        ).all()
    sent = 0
    for row_id, topic, payload in waiting:
        try:
            send(topic, payload)
            error = ""
        except Exception as problem:  # any broker error: the row stays and is sent again
            error = f"{type(problem).__name__}"
        with transaction() as session:
            row = session.get(OutboxRow, row_id)
            if row is None:
                continue
            row.attempts += 1
            row.last_error = error
            row.sent_at = None if error else now()
        sent += not error
    return sent


def sweep(send: Send, *, limit: int = 200) -> list[str]:
    """Send a hint for each render that waits and that nobody works on. Returns their ids."""
    with reading() as session:
        clock = database_seconds(session)
        stalled = session.execute(
            select(RenderRow.id, RenderRow.state)
            .join(CampaignRow, CampaignRow.id == RenderRow.campaign_id)
            .where(
                or_(
                    RenderRow.state.in_(WAITING),
                    # A release that was refused has its reason on the row and waits for a person.
                    and_(
                        RenderRow.state == State.APPROVED,
                        RenderRow.reason.is_(None),
                        CampaignRow.release_on_approval,
                    ),
                ),
                or_(RenderRow.lease_until.is_(None), RenderRow.lease_until < clock),
            )
            .order_by(RenderRow.created_at)
            .limit(limit)
        ).all()
    for render_id, state in stalled:
        topic = APPROVED if state == State.APPROVED else ADVANCE
        send(topic, {"render_id": render_id})
    return [render_id for render_id, _ in stalled]


def hint(session: Session, render_id: str, state: State) -> None:
    """The message that fits a render's new state, if it needs one."""
    if state in STAGE_AT:
        post(session, ADVANCE, render_id=render_id, kind=STAGE_AT[state].kind)
    elif state is State.APPROVED:
        post(session, APPROVED, render_id=render_id)
    elif state is State.RECALLED:
        post(session, RECALLED, render_id=render_id)

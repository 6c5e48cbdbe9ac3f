"""The outbox: messages leave after the transaction that wrote them, and again until someone has done the work.

A message is a hint, the row is the job. Losing every message loses nothing: the sweeper finds waiting renders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from core.database import now, reading, transaction
from core.settings import get_settings
from core.tables import OutboxRow
from pipeline.leases import database_seconds
from pipeline.states import RELEASE, STAGE_AT, WAITING, State
from pipeline.tables import CampaignRow, RenderRow

Send = Callable[[str, dict[str, Any]], None]

ADVANCE = "render.advance"
APPROVED = "render.approved"
RECALLED = "render.recalled"

NOTED_AT_ONCE = 50  # messages that a crash of the relay may send twice; one transaction for all


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
    for start in range(0, len(waiting), NOTED_AT_ONCE):
        left: list[int] = []
        stayed: dict[int, str] = {}
        for row_id, topic, payload in waiting[start : start + NOTED_AT_ONCE]:
            try:
                send(topic, payload)
                left.append(row_id)
            except Exception as problem:  # any broker error: the row stays and is sent again
                stayed[row_id] = type(problem).__name__
        with transaction() as session:
            _note(session, left, sent_at=now(), last_error="")
            for row_id, error in stayed.items():
                _note(session, [row_id], sent_at=None, last_error=error)
        sent += len(left)
    return sent


def _note(session: Session, row_ids: list[int], **values: Any) -> None:
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.id.in_(row_ids))
        .values(attempts=OutboxRow.attempts + 1, **values)
        .execution_options(synchronize_session=False)
    )


def sweep(send: Send, *, limit: int = 200) -> list[str]:
    """Send a hint for each render that waits, that nobody works on and of which no message is on its way.

    A message counts as lost after ``resend_seconds``. Returns the renders' ids.
    """
    settings = get_settings().pipeline
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
                or_(RenderRow.retry_at.is_(None), RenderRow.retry_at <= clock),
                or_(RenderRow.hinted_at.is_(None), RenderRow.hinted_at < clock - settings.resend_seconds),
            )
            .order_by(RenderRow.created_at)
            .limit(limit)
        ).all()
    if stalled:
        with transaction() as session:
            session.execute(
                update(RenderRow)
                .where(RenderRow.id.in_([render_id for render_id, _ in stalled]))
                .values(hinted_at=clock)
                .execution_options(synchronize_session=False)
            )
    for render_id, state in stalled:
        topic, payload = message(render_id, State(state))
        send(topic, payload)
    return [render_id for render_id, _ in stalled]


def message(render_id: str, state: State) -> tuple[str, dict[str, Any]]:
    """The message about a render that waits in a state, on the queue of its next stage's kind."""
    if state in STAGE_AT:
        return ADVANCE, {"render_id": render_id, "kind": STAGE_AT[state].kind}
    return APPROVED, {"render_id": render_id, "kind": RELEASE.kind}


def hint(session: Session, row: RenderRow) -> None:
    """The message that fits a render's state, if it needs one, in the caller's transaction."""
    state = State(row.state)
    if state in STAGE_AT or state is State.APPROVED:
        topic, payload = message(row.id, state)
        post(session, topic, **payload)
        row.hinted_at = database_seconds(session)
    elif state is State.RECALLED:
        post(session, RECALLED, render_id=row.id)

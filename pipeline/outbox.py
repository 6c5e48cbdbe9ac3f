"""The outbox: messages leave after the transaction that wrote them, and again until someone has done the work.

A message is a hint, the row is the job. Losing every message loses nothing: the sweeper finds waiting renders.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, and_, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from audit.events import Event
from audit.tables import LedgerEntryRow
from core.database import exclusive, now, reading, transaction
from core.settings import get_settings
from core.tables import OutboxRow
from pipeline.course import Course, is_at
from pipeline.leases import database_clock, database_seconds
from pipeline.states import RELEASE, STAGE_AT, WAITING, State
from pipeline.tables import CampaignRow, RenderRow

_HINTED = frozenset({*STAGE_AT, State.APPROVED})

Send = Callable[[str, dict[str, Any]], None]

PRUNED_AT_ONCE = 5_000
_PRUNINGS = 20  # batches of one sweep: others wait for it

_AWAY = 3  # failures in a row: it is the broker, not the message, and the rest need not be tried now

ADVANCE = "render.advance"
APPROVED = "render.approved"
RECALLED = "render.recalled"


def post(session: Session, topic: str, **payload: Any) -> None:
    """Write a message in the caller's transaction."""
    session.add(OutboxRow(topic=topic, payload=payload))


def relay(send: Send, *, limit: int = 200) -> int:
    """Send what has not been sent, oldest first; a message that cannot be sent stays. Returns how many left.

    Of several relays one sends at a time. One that dies between sending and writing that down sends again.
    """
    with exclusive("relay", wait=False) as mine:
        return _relay(send, limit) if mine else 0


def _relay(send: Send, limit: int) -> int:
    with reading() as session:
        waiting = session.execute(
            select(OutboxRow.id, OutboxRow.topic, OutboxRow.payload)
            .where(OutboxRow.sent_at.is_(None))
            .order_by(OutboxRow.id)
            .limit(limit)
        ).all()
    sent: list[int] = []
    failed: dict[int, str] = {}
    in_a_row = 0
    for row_id, topic, payload in waiting:
        try:
            send(topic, payload)
        except Exception as problem:  # any broker error: the row stays and is sent again
            failed[row_id], in_a_row = type(problem).__name__, in_a_row + 1
            if in_a_row == _AWAY:
                break
        else:
            sent.append(row_id)
            in_a_row = 0
    if sent or failed:
        with transaction() as session:
            _mark(session, sent, sent_at=now(), last_error="")
            for row_id, error in failed.items():
                _mark(session, [row_id], last_error=error)
    return len(sent)


def _mark(session: Session, ids: list[int], **values: Any) -> None:
    session.execute(
        update(OutboxRow).where(OutboxRow.id.in_(ids)).values(attempts=OutboxRow.attempts + 1, **values)
    )


def prune() -> int:
    """Delete the messages that were sent long ago, in short transactions. Returns how many.

    What was not sent stays. Two at once share the work.
    """
    before = now() - timedelta(seconds=get_settings().pipeline.sent_seconds)
    pruned = 0
    for _ in range(_PRUNINGS):
        with transaction() as session:
            oldest = (
                select(OutboxRow.id)
                .where(OutboxRow.sent_at < before)
                .order_by(OutboxRow.sent_at)
                .limit(PRUNED_AT_ONCE)
                .with_for_update(skip_locked=True)
            )
            step = session.execute(
                delete(OutboxRow)
                .where(OutboxRow.id.in_(oldest.scalar_subquery()))
                .execution_options(synchronize_session=False)
            )
        gone = cast("CursorResult[Any]", step).rowcount
        pruned += gone
        if gone < PRUNED_AT_ONCE:
            break
    return pruned


def sweep(send: Send, *, limit: int = 200) -> list[str]:
    """Send a hint for each render that waits, that nobody works on and of which no message is on its way. Those of a
    paused campaign wait without one.

    A message counts as lost after ``resend_seconds``. Returns the renders' ids.
    """
    settings = get_settings().pipeline
    asked = exists().where(
        LedgerEntryRow.subject == RenderRow.id, LedgerEntryRow.event == Event.RELEASE_ASKED.value
    )
    by_itself = and_(CampaignRow.release_on_approval, ~is_at(RenderRow.campaign_id, Course.CANCELLED))
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
                        or_(by_itself, asked),
                    ),
                ),
                ~is_at(RenderRow.campaign_id, Course.PAUSED),
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
    """The message that fits a render's state, if it needs one, in the caller's transaction.

    Whoever comes into the state notes the time: see :func:`hinted`.
    """
    state = State(row.state)
    if state in _HINTED:
        topic, payload = message(row.id, state)
        post(session, topic, **payload)
    elif state is State.RECALLED:
        post(session, RECALLED, render_id=row.id)


def hinted(session: Session, state: State) -> dict[str, Any]:
    """What is written into a render that comes into this state, of which :func:`hint` tells."""
    return {"hinted_at": database_clock(session) if state in _HINTED else None}

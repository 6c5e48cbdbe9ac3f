"""A person pauses, resumes or cancels a campaign: one transaction with its entry, and what follows of it.

Workers do not wait for what follows: the claim of a job asks the course (pipeline/course.py). Ending what was not made
yet takes a transaction for every few renders and can be repeated at any time: a message is sent again until nothing of
a cancelled campaign is left to end.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from audit.commitments import row_name
from audit.errors import LedgerInconsistent
from audit.ledger import Event, append
from audit.ledger.agreement import agrees
from core.database import now, reading, transaction
from core.errors import Conflict, InputError
from core.heartbeat import beat
from pipeline import outbox
from pipeline.agreement import CODE
from pipeline.course import Course, cancelled, take_helm
from pipeline.life import move_all
from pipeline.ownership import owned
from pipeline.shift import SLICE_SECONDS
from pipeline.states import STAGE_AT, State
from pipeline.tables import CampaignCourseRow, CampaignRow, RecipientListRow, RenderRow

CANCELLED = "campaign.cancelled"
MOST_WORDS = 2000

CHUNK = 50  # renders a transaction: nobody else writes meanwhile
_HINTED_AT_ONCE = 1000
_OPEN = (*STAGE_AT, State.IN_REVIEW, State.FAILED)
"""What nobody has approved, and may still end."""


def pause(campaign_id: str, *, brand_id: str, actor: str, reason: str = "") -> None:
    """Workers take nothing new of it from now on; what is in their hands they finish.

    Raises NotFound; CampaignHalted where it was cancelled; Conflict where it is paused already.
    """
    with transaction() as session:
        _steer(session, campaign_id, brand_id, Course.PAUSED, actor=actor, reason=reason)


def resume(campaign_id: str, *, brand_id: str, actor: str, reason: str = "") -> None:
    """What waits goes on. Raises as :func:`pause`; Conflict where it runs already."""
    with transaction() as session:
        _steer(session, campaign_id, brand_id, Course.RUNNING, actor=actor, reason=reason)
        waiting = (
            select(RenderRow.id)
            .where(RenderRow.campaign_id == campaign_id, RenderRow.state.in_([*STAGE_AT, State.APPROVED]))
            .limit(_HINTED_AT_ONCE)
        )
        lists = update(RecipientListRow).where(RecipientListRow.campaign_id == campaign_id)
        for which in (update(RenderRow).where(RenderRow.id.in_(waiting)), lists):
            # The next sweep tells workers of these; of the rest, once their messages count as lost.
            session.execute(which.values(hinted_at=None).execution_options(synchronize_session=False))


def cancel(campaign_id: str, *, brand_id: str, actor: str, reason: str) -> None:
    """It takes nothing new, for good, and what nobody has approved ends; what is approved or released stays.

    Raises as :func:`pause`; InputError without a reason.
    """
    if not reason.strip():
        raise InputError("a cancellation needs a reason", where="reason", next_step="say why in a sentence")
    with transaction() as session:
        _steer(session, campaign_id, brand_id, Course.CANCELLED, actor=actor, reason=reason)
        outbox.post(session, CANCELLED, campaign_id=campaign_id, kind="cpu")


_EVENTS = {
    Course.PAUSED: Event.CAMPAIGN_PAUSED,
    Course.RUNNING: Event.CAMPAIGN_RESUMED,
    Course.CANCELLED: Event.CAMPAIGN_CANCELLED,
}


def _steer(session: Session, campaign_id: str, brand_id: str, to: Course, *, actor: str, reason: str) -> None:
    if len(reason) > MOST_WORDS:
        what = f"a reason has at most {MOST_WORDS:,} characters"
        raise InputError(what, where="reason", next_step="shorten it")
    owned(session, CampaignRow, campaign_id, brand_id)
    at = take_helm(session, campaign_id)
    if at is Course.CANCELLED:
        raise cancelled(campaign_id)
    if at is to:
        what = f"the campaign is {to.value} already"
        raise Conflict(what, where=campaign_id, next_step="reload the page", code="no_change")
    row = session.get(CampaignCourseRow, campaign_id)
    if row is None:
        row = CampaignCourseRow(campaign_id=campaign_id, brand_id=brand_id)
    elif not agrees(session, row, subject=campaign_id):
        raise LedgerInconsistent(
            "the campaign's course is not what the ledger recorded",
            where=row_name(row),
            next_step="run `greenroom ledger verify` and find out who changed it",
            code=CODE,
        )
    row.course, row.reason, row.changed_by, row.changed_at = to.value, reason.strip(), actor, now()
    facts = {"status": to.value, "actor": actor}
    append(session, _EVENTS[to], campaign_id, facts, rows=[row])


def on_cancelled(payload: dict[str, Any]) -> int:
    """End what nobody has approved of a cancelled campaign, its lists too. Of a large one a slice is ended, and the
    message goes out again. Returns how many renders ended."""
    campaign_id, ended, after = str(payload["campaign_id"]), 0, ""
    until = time.monotonic() + SLICE_SECONDS
    with transaction() as session:
        if take_helm(session, campaign_id) is not Course.CANCELLED:
            return 0
        discard_lists(session, RecipientListRow.campaign_id == campaign_id)
    while True:
        beat()
        with transaction() as session:
            rows = _open(session, campaign_id, after)
            reason = {"code": "campaign_cancelled", "message": "the campaign was cancelled"}
            facts = {"reason_code": "campaign_cancelled"}
            if rows:
                move_all(session, rows, State.BLOCKED, values={"reason": reason}, facts=facts)
            over = bool(rows) and time.monotonic() >= until
            if over:
                outbox.post(session, CANCELLED, campaign_id=campaign_id, kind="cpu")
        ended += len(rows)
        if over or not rows:
            return ended
        after = rows[-1].id


def _open(session: Session, campaign_id: str, after: str) -> Sequence[RenderRow]:
    """The next ones, by id; each is ours until we end. PostgreSQL looks again once it has a render's turn."""
    query = (
        select(RenderRow)
        .where(RenderRow.campaign_id == campaign_id, RenderRow.state.in_(_OPEN), RenderRow.id > after)
        .order_by(RenderRow.id)
        .limit(CHUNK)
    )
    ours = query.with_for_update(key_share=True, of=RenderRow).execution_options(populate_existing=True)
    return session.scalars(ours).all()


def discard_lists(session: Session, *which: Any) -> int:
    """Lists that are not entered to their end go no further, and their files are forgotten. Returns how many."""
    done = session.execute(
        update(RecipientListRow)
        .where(*which, RecipientListRow.phase.in_(["checking", "checked", "entering", "unusable"]))
        .values(
            phase="discarded",
            file_sha256=None,
            verdicts_sha256=None,
            lease_until=None,
            fence=RecipientListRow.fence + 1,
            changed_at=now(),
        )
        .returning(RecipientListRow.id)
        .execution_options(synchronize_session=False)
    )
    return len(done.all())


def unfinished(*, limit: int = 100) -> list[str]:
    """Cancelled campaigns of which something is still open: their message was lost, and the sweeper sends it again."""
    left = (
        select(RenderRow.id)
        .where(RenderRow.campaign_id == CampaignCourseRow.campaign_id, RenderRow.state.in_(_OPEN))
        .exists()
    )
    with reading() as session:
        return list(
            session.scalars(
                select(CampaignCourseRow.campaign_id)
                .where(CampaignCourseRow.course == Course.CANCELLED, left)
                .limit(limit)
            )
        )

"""Trust step 11: a person decides over the sealed asset; two for a high-risk class, none of them the maker."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from audit.approvals import approvals_for, record
from audit.ledger import Event, append
from core.database import now, transaction
from core.errors import Conflict, NotFound
from pipeline import outbox
from pipeline.states import State
from pipeline.tables import CampaignRow, RenderRow

REVIEWERS_NEEDED = {"standard": 1, "high": 2}


def approve(render_id: str, *, brand_id: str, reviewer_id: str, sealed_sha256: str, note: str = "") -> State:
    """Approve one sealed asset, seen in full. Answers with the render's state after it.

    Args:
        sealed_sha256: what the reviewer saw; a stale page names another asset and is refused.

    Raises:
        Conflict: the render is not in review any more, or the page was stale.
        Forbidden: the reviewer made this render (from ``audit.approvals``).
    """
    with transaction() as session:
        row = _in_review(session, render_id, brand_id, sealed_sha256)
        record(
            session,
            render_id=row.id,
            sealed_sha256=sealed_sha256,
            reviewer_id=reviewer_id,
            maker_id=row.maker_id,
            verdict="approve",
            reason=note,
            manner="seen",
            brand_id=brand_id,
        )
        given = [a for a in approvals_for(session, sealed_sha256) if a.verdict == "approve"]
        if len(given) < approvals_needed(session, row):
            return State.IN_REVIEW
        _move(session, row, State.APPROVED, Event.RENDER_APPROVED)
        return State.APPROVED


def reject(render_id: str, *, brand_id: str, reviewer_id: str, sealed_sha256: str, reason: str) -> State:
    """Reject with a reason; one rejection is enough."""
    with transaction() as session:
        row = _in_review(session, render_id, brand_id, sealed_sha256)
        record(
            session,
            render_id=row.id,
            sealed_sha256=sealed_sha256,
            reviewer_id=reviewer_id,
            maker_id=row.maker_id,
            verdict="reject",
            reason=reason,
            manner="seen",
            brand_id=brand_id,
        )
        _move(session, row, State.REJECTED, Event.RENDER_REJECTED)
        return State.REJECTED


def approvals_needed(session: Session, row: RenderRow) -> int:
    """How many different people must approve; an unknown risk class asks for the most."""
    risk = session.scalar(select(CampaignRow.risk_class).where(CampaignRow.id == row.campaign_id))
    return REVIEWERS_NEEDED.get(risk or "", max(REVIEWERS_NEEDED.values()))


def _in_review(session: Session, render_id: str, brand_id: str, sealed_sha256: str) -> RenderRow:
    row = session.get(RenderRow, render_id)
    if row is None or row.brand_id != brand_id:
        raise NotFound("no such render", where=render_id, next_step="check the id")
    if row.state != State.IN_REVIEW:
        raise Conflict(
            f"this render is not in review any more: it is {row.state}",
            where=render_id,
            next_step="reload the page; your decision was not recorded",
            code="not_in_review",
        )
    if row.sealed_sha256 != sealed_sha256:
        raise Conflict(
            "the page showed another file than the one in review",
            where=render_id,
            next_step="reload the page and look at the video again",
            code="stale_page",
        )
    return row


def _move(session: Session, row: RenderRow, state: State, event: Event) -> None:
    moved = session.execute(
        update(RenderRow)
        .where(RenderRow.id == row.id, RenderRow.state == State.IN_REVIEW)
        .values(state=state, changed_at=now())
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict("the render was decided by someone else", where=row.id, next_step="reload the page")
    append(session, event, row.id, {"sealed_sha256": row.sealed_sha256, "state": state.value})
    outbox.hint(session, row.id, state)

"""Approvals: a person's decision over one sealed asset (trust step 11). One each, never edited."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.errors import AlreadyDecided, MakerMayNotApprove
from audit.events import Event
from audit.ledger.entries import append_row
from audit.models import Approval
from audit.tables import ApprovalRow
from core.database import now
from core.errors import InputError
from core.ids import new_id


def record(
    session: Session,
    *,
    render_id: str,
    sealed_sha256: str,
    reviewer_id: str,
    maker_id: str,
    verdict: Literal["approve", "reject"],
    reason: str = "",
    manner: Literal["seen", "sampled"] = "seen",
    brand_id: str = "",
) -> Approval:
    """Record a decision, with its ledger entry in the same transaction.

    Args:
        sealed_sha256: digest of the sealed asset that the reviewer was shown, lower-case hex.
        maker_id: who made or imported the render; must be another person than the reviewer.
        reason: required for a rejection; at most 2,000 characters are kept.
        manner: ``seen`` in full, or ``sampled`` under a sampling plan.

    Raises:
        MakerMayNotApprove, AlreadyDecided, InputError.
    """
    if verdict not in ("approve", "reject") or manner not in ("seen", "sampled"):
        raise InputError(
            "a decision is approve or reject, seen or sampled", where=f"{verdict}, {manner}"[:60]
        )
    if not reviewer_id or not maker_id:
        raise InputError("a decision names its reviewer and the maker", where=render_id)
    if len(sealed_sha256) != 64 or not set(sealed_sha256) <= set("0123456789abcdef"):
        raise InputError("a decision names the sealed asset by SHA-256", where=render_id)
    if reviewer_id == maker_id:
        raise MakerMayNotApprove(
            "the person who made a render may not decide over it",
            where=render_id,
            next_step="ask another reviewer",
        )
    if verdict == "reject" and not reason.strip():
        raise InputError("a rejection needs a reason", where="reason", next_step="say what is wrong")
    taken = select(ApprovalRow.id).where(
        ApprovalRow.sealed_sha256 == sealed_sha256, ApprovalRow.reviewer_id == reviewer_id
    )
    if session.scalar(taken) is not None:
        raise AlreadyDecided(
            "this reviewer has already decided over this asset",
            where=render_id,
            next_step="a change of mind is a recall or a new render",
        )
    row = ApprovalRow(
        id=new_id("apr"),
        brand_id=brand_id,
        render_id=render_id,
        sealed_sha256=sealed_sha256,
        reviewer_id=reviewer_id,
        maker_id=maker_id,
        verdict=verdict,
        reason=reason.strip()[:2000],
        manner=manner,
        created_at=now(),
    )
    facts = {
        "approval_id": row.id,
        "sealed_sha256": sealed_sha256,
        "reviewer_id": reviewer_id,
        "verdict": verdict,
        "manner": manner,
    }
    append_row(session, Event.APPROVAL_RECORDED, render_id, row, facts)
    return _approval(row)


def approvals_for(session: Session, sealed_sha256: str) -> list[Approval]:
    """Every decision over a sealed asset, oldest first."""
    query = select(ApprovalRow).where(ApprovalRow.sealed_sha256 == sealed_sha256)
    return [_approval(row) for row in session.scalars(query.order_by(ApprovalRow.created_at, ApprovalRow.id))]


def _approval(row: ApprovalRow) -> Approval:
    return Approval(
        id=row.id,
        brand_id=row.brand_id,
        render_id=row.render_id,
        sealed_sha256=row.sealed_sha256,
        reviewer_id=row.reviewer_id,
        verdict=row.verdict,
        reason=row.reason,
        manner=row.manner,
        time=row.created_at,
    )

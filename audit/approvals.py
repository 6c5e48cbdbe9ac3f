"""Approvals: a person's decision over one sealed asset (trust step 11). One each, never edited."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.errors import AlreadyDecided, ForgedApproval, MakerMayNotApprove
from audit.events import Event
from audit.ledger.entries import append_row
from audit.models import Approval
from audit.tables import ApprovalRow, LedgerEntryRow, commitment
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
    """Every decision over a sealed asset, oldest first, each held against its ledger entry.

    Raises :class:`ForgedApproval` (an IntegrityError) for a row that was changed, or put there by other means
    than :func:`record`. Somebody who can also add ledger entries is not noticed here.
    """
    query = select(ApprovalRow).where(ApprovalRow.sealed_sha256 == sealed_sha256)
    rows = session.scalars(query.order_by(ApprovalRow.created_at, ApprovalRow.id)).all()
    return [_verified(session, row) for row in rows]


def _verified(session: Session, row: ApprovalRow) -> Approval:
    entries = session.scalars(
        select(LedgerEntryRow).where(
            LedgerEntryRow.subject == row.render_id, LedgerEntryRow.event == Event.APPROVAL_RECORDED.value
        )
    )
    if commitment(row) not in [entry.facts.get("commitment") for entry in entries]:
        raise ForgedApproval(
            "a decision is not what the ledger says was decided",
            where=row.id,
            next_step="run `greenroom ledger verify`; nothing is released on this decision",
        )
    return _approval(row)


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

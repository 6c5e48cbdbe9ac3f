"""Approvals: a person's decision over one sealed asset (trust step 11). One each, signed, never edited.

The signature is made where the person decided (the web, or the command line of the same user) with a key
that workers do not hold. Rows and ledger entries that somebody writes into the database are therefore no
decision.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from audit import keys
from audit.errors import AlreadyDecided, ForgedApproval, MakerMayNotApprove
from audit.events import Event
from audit.key_record import KEY_EVENTS, Entry, ends, key_subjects
from audit.ledger.entries import append, timestamp
from audit.models import Approval, Decision, Factor, Manner
from audit.signing import sign_in_use
from audit.tables import ApprovalRow, LedgerEntryRow
from core.canonical import canonical_json
from core.database import now
from core.errors import InputError
from core.ids import new_id

TYPE = "greenroom.approval.v1"


def record(
    session: Session,
    *,
    render_id: str,
    sealed_sha256: str,
    essence: str,
    reviewer_id: str,
    maker_id: str,
    verdict: Decision,
    reason: str = "",
    manner: Manner = "decided",
    factor: Factor = "none",
    shown_sha256: str,
    played: Sequence[tuple[float, float]] = (),
    proxy_sha256: str | None = None,
    brand_id: str = "",
) -> Approval:
    """Sign and record a decision, with its ledger entry in the same transaction.

    Args:
        sealed_sha256: digest of the sealed asset that the reviewer was shown, lower-case hex; ``essence`` of its media.
        maker_id: who made or imported the render; must be another person than the reviewer.
        reason: required for a rejection; at most 2,000 characters are kept.
        manner: ``seen``, ``decided`` or ``sampled``; the caller has compared it with ``played``.
        factor: what the reviewer proved beyond the sign-in.
        shown_sha256: digest of what was shown: script, findings, verdict, receipts.
        played: seconds that the player reported, as (start, end).
        proxy_sha256: digest of the proxy that was played; such a decision is never ``seen``.

    Raises:
        MakerMayNotApprove, AlreadyDecided, InputError; KeyProblem where this process may not sign decisions.
    """
    if not reviewer_id or not maker_id:
        raise InputError("a decision names its reviewer and the maker", where=render_id)
    if any(
        len(digest) != 64 or not set(digest) <= set("0123456789abcdef") for digest in (sealed_sha256, essence)
    ):
        raise InputError("a decision names the sealed asset and its essence by SHA-256", where=render_id)
    if reviewer_id == maker_id:
        raise MakerMayNotApprove(
            "the person who made a render may not decide over it",
            where=render_id,
            next_step="ask another reviewer",
        )
    if proxy_sha256 is not None and manner == "seen":
        raise InputError("what was played was a proxy: the file was not seen", where=render_id)
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
    moment = now()
    try:
        approval = Approval(
            id=new_id("apr"),
            brand_id=brand_id,
            render_id=render_id,
            sealed_sha256=sealed_sha256,
            essence=essence,
            reviewer_id=reviewer_id,
            maker_id=maker_id,
            verdict=verdict,
            reason=reason.strip()[:2000],
            manner=manner,
            factor=factor,
            shown_sha256=shown_sha256,
            played=tuple(played),
            proxy_sha256=proxy_sha256,
            time=moment,
        )
    except ValidationError as error:
        raise InputError("the decision is not complete", where=str(error.errors()[0]["loc"][0])) from error
    document = canonical_json({"type": TYPE, **approval.model_dump(mode="json"), "time": timestamp(moment)})
    signature = sign_in_use(session, keys.APPROVALS, document)
    row = ApprovalRow(
        id=approval.id,
        brand_id=brand_id,
        render_id=render_id,
        sealed_sha256=sealed_sha256,
        reviewer_id=reviewer_id,
        maker_id=maker_id,
        verdict=verdict,
        reason=approval.reason,
        manner=manner,
        document=document.decode("utf-8"),
        key_id=signature.key_id,
        signature=signature.value,
        created_at=moment,
    )
    facts = {
        "approval_id": row.id,
        "sealed_sha256": sealed_sha256,
        "essence": essence,
        "reviewer_id": reviewer_id,
        "verdict": verdict,
        "manner": manner,
        "manner_reported_by": "plan" if manner == "sampled" else "player",
        "factor": factor,
        "shown_sha256": shown_sha256,
        "proxy_sha256": proxy_sha256,
    }
    append(session, Event.APPROVAL_RECORDED, render_id, facts, rows=[row])
    return approval


def approvals_for(session: Session, sealed_sha256: str, *, render_id: str | None = None) -> list[Approval]:
    """Every signed decision over a sealed asset, oldest first.

    A decision from before decisions were signed is left out: nothing is released on it.

    Args:
        render_id: whose asset it is: decisions are then missed even where every row is gone.

    Raises:
        ForgedApproval: a row is not what was signed, or the ledger knows other decisions than the rows: one was
            taken away, or put there.
    """
    query = select(ApprovalRow).where(ApprovalRow.sealed_sha256 == sealed_sha256)
    rows = session.scalars(query.order_by(ApprovalRow.created_at, ApprovalRow.id)).all()
    found = [verified(row) for row in rows if row.document is not None]
    signers = {row.key_id for row in rows if row.key_id}
    said = _said(session, {row.render_id for row in rows} | {render_id or ""}, signers)
    known, ended = _decisions(said), ends(session, keys.APPROVALS, signers, said)
    here = {
        approval for approval, entry in known.items() if entry.facts.get("sealed_sha256") == sealed_sha256
    }
    for row in rows:
        _check_key(row, ended, known)
    if here != {row.id for row in rows}:
        raise ForgedApproval(
            "the ledger knows other decisions over this asset than the database",
            where=sealed_sha256[:12],
            next_step="run `greenroom ledger verify`; nothing is released on these decisions",
        )
    return found


def check_key_in_use(session: Session, row: ApprovalRow) -> None:
    """A key that was retired, or never was for decisions, signs none. Raises ForgedApproval."""
    signers = {row.key_id} if row.key_id else set()
    said = _said(session, {row.render_id}, signers)
    _check_key(row, ends(session, keys.APPROVALS, signers, said), _decisions(said))


def _check_key(row: ApprovalRow, ended: Mapping[str, int], known: Mapping[str, Entry]) -> None:
    """Whoever kept a key that was retired makes no decision.

    Args:
        ended: what :func:`audit.key_record.ends` says of the keys. known: the entries of decisions, by their ids.
    """
    last, entry = ended.get(row.key_id or ""), known.get(row.id)
    if last is not None and (entry is None or entry.id > last):
        raise _forged(row, "a decision was signed with a key after it was retired")


def _said(session: Session, renders: set[str], key_ids: set[str]) -> list[Entry]:
    """What the ledger says of decisions over these renders and of the keys that signed them, in one query."""
    subjects = [*renders, *key_subjects(keys.APPROVALS, key_ids)]
    query = select(
        LedgerEntryRow.id, LedgerEntryRow.subject, LedgerEntryRow.event, LedgerEntryRow.facts
    ).where(
        LedgerEntryRow.subject.in_(subjects),
        LedgerEntryRow.event.in_([Event.APPROVAL_RECORDED.value, *KEY_EVENTS]),
    )
    # Sorted here: told to sort, a planner may walk the whole ledger in the order of its ids.
    return sorted(session.execute(query).all(), key=lambda entry: entry.id)


def _decisions(said: Iterable[Entry]) -> dict[str, Entry]:
    """The entries of decisions, by the decision's id."""
    recorded = Event.APPROVAL_RECORDED.value
    return {str(entry.facts.get("approval_id")): entry for entry in said if entry.event == recorded}


def verified(row: ApprovalRow) -> Approval:
    """What a row says, its signature checked. Raises :class:`ForgedApproval`."""
    data = (row.document or "").encode("utf-8")
    if not keys.verify(keys.APPROVALS, keys.Signature(row.key_id or "", row.signature or ""), data):
        raise _forged(row, "a decision was not signed by anybody who may decide here")
    try:
        document = json.loads(data)
        if document.pop("type", None) != TYPE:
            raise ValueError("another kind of document")
        approval = Approval.model_validate(document)
    except (ValueError, AttributeError) as error:
        raise _forged(row, "a signed decision cannot be read") from error
    names = (
        "id",
        "brand_id",
        "render_id",
        "sealed_sha256",
        "reviewer_id",
        "maker_id",
        "verdict",
        "reason",
        "manner",
    )
    if (
        any(getattr(row, name) != getattr(approval, name) for name in names)
        or row.created_at != approval.time
    ):
        raise _forged(row, "a decision's columns differ from what was signed")
    return approval


def _forged(row: ApprovalRow, what: str) -> ForgedApproval:
    return ForgedApproval(
        what, where=row.id, next_step="run `greenroom ledger verify`; nothing is released on this decision"
    )

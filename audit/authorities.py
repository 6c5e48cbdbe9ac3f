"""Authorities: what allows a persona to be rendered (trust step 1).

A consent (a real person) or a provenance statement (a presenter who does not exist). Each version is
signed and never edited: a change is a new version that supersedes the old, a status is a new row. The
record here says what was agreed; whether a use is inside it is asked of ``policy.consent``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from audit import keys
from audit.authority_reading import (
    authorities_of,
    authority_receipt,
    fact_of,
    get_authority,
    status_bytes,
    verify_authority_receipt,
)
from audit.events import Event
from audit.ledger.entries import append, timestamp
from audit.models import (
    Authority,
    AuthorityDocument,
    AuthorityStatus,
    Consent,
    Effect,
    ProvenanceStatement,
    Scope,
)
from audit.signing import sign_in_use
from audit.tables import AuthorityRow, AuthorityStatusRow
from core.canonical import canonical_json
from core.database import now, seize
from core.errors import Conflict, InputError
from core.faults import worded
from core.ids import new_id
from core.tables import OutboxRow

__all__ = [
    "authorities_of",
    "authority_receipt",
    "create_consent",
    "create_provenance_statement",
    "get_authority",
    "set_status",
    "verify_authority_receipt",
]

AUTHORITY_CHANGED = "authority.changed"
"""Topic of the message that follows every change of an authority's standing."""

_NEXT = {
    AuthorityStatus.REVOKED: (AuthorityStatus.REVOKED,),
    # Links may go on after the end: the person can still take back what is out.
    AuthorityStatus.EXPIRED: (AuthorityStatus.EXPIRED, AuthorityStatus.REVOKED),
}
"""What an authority that is over may still become. Every other one may become anything."""

ApprovalMode = Literal["final_cut", "script", "none"]


def create_consent(
    session: Session,
    *,
    brand_id: str,
    persona_id: str,
    consent: Consent,
    scope: Scope,
    evidence: Mapping[str, str],
    actor: str,
    approval_mode: ApprovalMode = "none",
    supersedes: str | None = None,
) -> Authority:
    """Record what a real person agreed to. ``evidence`` names SHA-256 digests (recording, passcode, paper).

    Raises InputError without evidence: a consent that nobody can show was never given.
    """
    if not evidence:
        raise InputError(
            "a consent needs evidence", where="evidence", next_step="add the digest of the recorded statement"
        )
    return _create(
        session,
        event=Event.CONSENT_CREATED,
        actor=actor,
        supersedes=supersedes,
        brand_id=brand_id,
        persona_id=persona_id,
        kind="consent",
        scope=scope,
        approval_mode=approval_mode,
        consent=consent,
        evidence=dict(evidence),
    )


def create_provenance_statement(
    session: Session,
    *,
    brand_id: str,
    persona_id: str,
    statement: ProvenanceStatement,
    scope: Scope,
    actor: str,
    evidence: Mapping[str, str] | None = None,
    approval_mode: ApprovalMode = "none",
    supersedes: str | None = None,
) -> Authority:
    """Record what a presenter who does not exist was made from, and what its owner allows."""
    return _create(
        session,
        event=Event.PROVENANCE_CREATED,
        actor=actor,
        supersedes=supersedes,
        brand_id=brand_id,
        persona_id=persona_id,
        kind="provenance",
        scope=scope,
        approval_mode=approval_mode,
        provenance=statement,
        evidence=dict(evidence or {}),
    )


def _create(
    session: Session, *, event: Event, actor: str, supersedes: str | None, **content: Any
) -> Authority:
    authority_id = new_id("aut")
    record_id, version = authority_id, 1
    if supersedes is not None:
        _seize(session, supersedes)
        old = _end_by_date(session, get_authority(session, supersedes))
        if old.superseded_by is not None:
            raise Conflict(
                "this version of the authority is superseded already",
                where=supersedes,
                next_step=f"supersede {old.superseded_by} instead",
            )
        same = (old.document.brand_id, old.document.persona_id, old.document.kind)
        if same != (content["brand_id"], content["persona_id"], content["kind"]):
            raise InputError(
                "a new version keeps brand, persona and kind",
                where=supersedes,
                next_step="create a separate authority",
            )
        record_id, version = old.document.record_id, old.document.version + 1
    try:
        document = AuthorityDocument(
            id=authority_id,
            record_id=record_id,
            version=version,
            supersedes=supersedes,
            made_at=timestamp(now()),
            **content,
        )
    except ValidationError as error:
        told = "; ".join(worded(error, AuthorityDocument))
        raise InputError(
            f"the authority is not complete: {told}",
            where=content["kind"],
            next_step="docs/authorities.md shows one",
        ) from error
    plain = document.model_dump(mode="json")
    signature = sign_in_use(session, keys.AUTHORITIES, canonical_json(plain))
    row = AuthorityRow(
        id=authority_id,
        record_id=record_id,
        version=version,
        supersedes=supersedes,
        brand_id=document.brand_id,
        persona_id=document.persona_id,
        kind=document.kind,
        document=plain,
        not_after=document.scope.not_after,
        key_id=signature.key_id,
        signature=signature.value,
        created_at=now(),
    )
    facts = {
        "brand_id": document.brand_id,
        "persona_id": document.persona_id,
        "record_id": record_id,
        "version": version,
        "supersedes": supersedes,
        "kind": document.kind,
        "actor": actor,
    }
    append(session, event, authority_id, facts, rows=[row])
    if supersedes is not None:
        _append_superseded(session, supersedes, authority_id, record_id)
    _add_status(
        session,
        authority_id,
        ordinal=1,
        status=AuthorityStatus.GRANTED,
        reason="created",
        effect=Effect.NONE,
        actor=actor,
    )
    return get_authority(session, authority_id)


def _append_superseded(session: Session, old_id: str, new_id_: str, record_id: str) -> None:
    """Say in the ledger, under the old version's name, that another one took its place."""
    append(session, Event.AUTHORITY_SUPERSEDED, old_id, {"authority_id": new_id_, "record_id": record_id})
    _tell(session, new_id_)


def set_status(
    session: Session,
    authority_id: str,
    status: AuthorityStatus | str,
    reason: str,
    actor: str,
    *,
    effect: Effect | str | None = None,
) -> Authority:
    """Suspend, revoke, expire or grant again, with a reason and the effect on what is released.

    The transaction posts a message: the pipeline stops what is being made, delivery takes back what is out. No door
    waits for it, because each asks for the standing.

    Args:
        effect: None: what the record says (``scope.on_withdrawal``, ``scope.on_expiry``). A suspension always stops.

    Raises:
        Conflict: a revoked or expired authority is never granted again (that takes a new version), though one that
            expired may still be revoked; and a version that is superseded does not change any more.
        InputError: no reason, or an effect that cannot be taken back with the suspension.
    """
    wanted = AuthorityStatus(status)
    _seize(session, authority_id)
    current = get_authority(session, authority_id)
    if not reason.strip():
        raise InputError("a change of status needs a reason", where=authority_id, next_step="say why")
    if current.superseded_by is not None:
        raise Conflict(
            "this version of the authority is superseded",
            where=authority_id,
            next_step=f"change {current.superseded_by}, which is in force",
            code="authority_superseded",
        )
    if wanted is not AuthorityStatus.EXPIRED:
        current = _end_by_date(session, current)
    if wanted not in _NEXT.get(current.status, AuthorityStatus):
        raise Conflict(
            f"a {current.status} authority stays {current.status}",
            where=authority_id,
            next_step="record a new consent that supersedes this one",
        )
    _add_status(
        session,
        authority_id,
        ordinal=len(current.history) + 1,
        status=wanted,
        reason=reason.strip()[:2000],
        effect=_effect(wanted, effect, current),
        actor=actor,
    )
    _tell(session, authority_id)
    return get_authority(session, authority_id)


def _seize(session: Session, authority_id: str) -> None:
    """Two changes at once follow each other, and both wait for whoever acts on what stands now."""
    record_id = session.scalar(select(AuthorityRow.record_id).where(AuthorityRow.id == authority_id))
    if record_id is not None:
        seize(session, fact_of(record_id))


def _end_by_date(session: Session, current: Authority) -> Authority:
    """Write down an end by date that nobody has written down yet, before anything else happens to the authority.

    Else what the end took back would be given back by whatever came next.
    """
    end = current.scope.not_after
    over = current.superseded_by is None and end is not None and now() >= end
    if not over or current.status in _NEXT:
        return current
    return set_status(
        session, current.id, AuthorityStatus.EXPIRED, reason="its last day is over", actor="sys_expiry"
    )


def _effect(wanted: AuthorityStatus, chosen: Effect | str | None, current: Authority) -> Effect:
    if wanted is AuthorityStatus.GRANTED:
        return Effect.NONE
    if wanted is AuthorityStatus.SUSPENDED:
        if chosen is not None and Effect(chosen) is not Effect.STOP:
            raise InputError(
                "a suspension stops new links, releases and sends, and nothing else: it can be lifted",
                where=current.id,
                next_step="withdraw the authority to take released videos back",
            )
        return Effect.STOP
    if chosen is not None:
        return Effect(chosen)
    return current.scope.on_expiry if wanted is AuthorityStatus.EXPIRED else current.scope.on_withdrawal


def _tell(session: Session, authority_id: str) -> None:
    """The message that makes renders follow; it commits with the change."""
    session.add(OutboxRow(topic=AUTHORITY_CHANGED, payload={"authority_id": authority_id, "kind": "io"}))


def _add_status(
    session: Session,
    authority_id: str,
    *,
    ordinal: int,
    status: AuthorityStatus,
    reason: str,
    effect: Effect,
    actor: str,
) -> None:
    row = AuthorityStatusRow(
        authority_id=authority_id,
        ordinal=ordinal,
        status=status.value,
        reason=reason,
        effect=effect.value,
        actor=actor,
        created_at=now(),
    )
    signature = sign_in_use(session, keys.AUTHORITIES, status_bytes(row))
    row.key_id, row.signature = signature.key_id, signature.value
    append(
        session,
        Event.AUTHORITY_STATUS_CHANGED,
        authority_id,
        {"status": status.value, "effect": effect.value, "ordinal": ordinal, "actor": actor},
        rows=[row],
    )

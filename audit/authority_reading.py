"""Reading authorities: every signature is checked before a word of it is believed (trust step 1)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from audit import keys
from audit.errors import ForgedAuthority
from audit.events import Event
from audit.key_record import ended_keys
from audit.ledger.entries import timestamp
from audit.models import Authority, AuthorityDocument, AuthorityStatus, Effect, StatusChange
from audit.tables import AuthorityRenderRow, AuthorityRow, AuthorityStatusRow, LedgerEntryRow
from core.canonical import canonical_json
from core.errors import NotFound


def fact_of(record_id: str) -> str:
    """The name of an authority's standing, all versions and statuses of it, among the facts that transactions hold."""
    return f"authority {record_id}"


def get_authority(session: Session, authority_id: str) -> Authority:
    """The authority as it stands now, every signature checked.

    Raises:
        NotFound: no such authority.
        ForgedAuthority: the document or a status is not what was signed.
    """
    row = session.get(AuthorityRow, authority_id)
    if row is None:
        raise NotFound("there is no such authority", where=authority_id, next_step="check the id")
    superseded_by = session.scalar(select(AuthorityRow.id).where(AuthorityRow.supersedes == authority_id))
    statuses = session.scalars(
        select(AuthorityStatusRow)
        .where(AuthorityStatusRow.authority_id == authority_id)
        .order_by(AuthorityStatusRow.ordinal)
    ).all()
    return read_version(
        session,
        row,
        statuses,
        ended=ended_keys(session, keys.AUTHORITIES, {row.key_id, *(status.key_id for status in statuses)}),
        superseded_by=superseded_by,
        counted=counted(session, row.record_id),
    )


def read_version(
    session: Session,
    row: AuthorityRow,
    statuses: Sequence[AuthorityStatusRow],
    *,
    ended: Mapping[str, int],
    superseded_by: str | None,
    counted: int,
) -> Authority:
    """One version with its statuses in their order, every signature checked. Raises ForgedAuthority.

    Args:
        ended: what :func:`audit.key_record.ends` says of the keys that signed them.
    """
    document = verified(row)
    history = tuple(verified_status(status) for status in statuses)
    check_key_in_use(session, row, ended)
    for status in statuses:
        check_key_in_use(session, status, ended)
    if not history or [status.ordinal for status in statuses] != list(range(1, len(statuses) + 1)):
        raise ForgedAuthority("the status history of the authority has a gap", where=row.id)
    return Authority(
        document=document,
        status=history[-1].status,
        history=history,
        superseded_by=superseded_by,
        renders_counted=counted,
    )


def authorities_of(session: Session, persona_id: str) -> list[Authority]:
    """Every version of every authority of a persona, oldest first."""
    ids = session.scalars(
        select(AuthorityRow.id).where(AuthorityRow.persona_id == persona_id).order_by(AuthorityRow.created_at)
    ).all()
    return [get_authority(session, authority_id) for authority_id in ids]


def authority_receipt(session: Session, authority_id: str) -> dict[str, Any]:
    """The signed receipt that goes to the person: the document, its signature, and the status now."""
    authority = get_authority(session, authority_id)
    row = session.get_one(AuthorityRow, authority_id)
    return {
        "document": row.document,
        "signature": {"algorithm": "ed25519", "key_id": row.key_id, "value": row.signature},
        "status": authority.status.value,
    }


def verify_authority_receipt(receipt: Mapping[str, Any]) -> AuthorityDocument:
    """Check a receipt that someone hands back. Raises :class:`ForgedAuthority` when we did not sign it.

    It is paper: whether the authority stands, and whether its key was in use then, is asked of the record.
    """
    try:
        signature = keys.Signature(receipt["signature"]["key_id"], receipt["signature"]["value"])
        document = AuthorityDocument.model_validate(receipt["document"])
        data = canonical_json(receipt["document"])
    except (KeyError, TypeError, ValueError) as error:
        raise ForgedAuthority("the receipt cannot be read", next_step="ask for a new copy") from error
    if not keys.verify(keys.AUTHORITIES, signature, data):
        raise ForgedAuthority("the receipt was not signed here", where=document.id)
    return document


def status_bytes(row: AuthorityStatusRow) -> bytes:
    return canonical_json(
        {
            "type": "greenroom.authority_status.v1",
            "authority_id": row.authority_id,
            "ordinal": row.ordinal,
            "status": row.status,
            "reason": row.reason,
            "effect": row.effect,
            "actor": row.actor,
            "time": timestamp(row.created_at),
        }
    )


def verified(row: AuthorityRow) -> AuthorityDocument:
    """What a version says, its signature checked. Raises :class:`ForgedAuthority`."""
    signature = keys.Signature(row.key_id, row.signature)
    data = canonical_json(row.document)
    if not keys.verify(keys.AUTHORITIES, signature, data):
        raise ForgedAuthority("the authority is not what was signed", where=row.id)
    document = _document(data)
    columns = (row.id, row.record_id, row.version, row.supersedes, row.brand_id, row.persona_id, row.kind)
    signed = (
        document.id,
        document.record_id,
        document.version,
        document.supersedes,
        document.brand_id,
        document.persona_id,
        document.kind,
    )
    if columns != signed or row.not_after != document.scope.not_after:
        raise ForgedAuthority("the authority's columns differ from its signed document", where=row.id)
    return document


@lru_cache(maxsize=256)
def _document(data: bytes) -> AuthorityDocument:
    """What canonical JSON says. An authority is read at every stage of every render under it."""
    return AuthorityDocument.model_validate(json.loads(data))


def verified_status(row: AuthorityStatusRow) -> StatusChange:
    """What a status says, its signature checked. Raises :class:`ForgedAuthority`."""
    if not keys.verify(keys.AUTHORITIES, keys.Signature(row.key_id, row.signature), status_bytes(row)):
        raise ForgedAuthority("a status of the authority is not what was signed", where=row.authority_id)
    return StatusChange(
        status=AuthorityStatus(row.status),
        reason=row.reason,
        effect=Effect(row.effect),
        actor=row.actor,
        time=row.created_at,
    )


def check_key_in_use(
    session: Session, row: AuthorityRow | AuthorityStatusRow, ended: Mapping[str, int] | None = None
) -> None:
    """A key that was retired signs nothing more: whoever kept it grants nothing. Raises :class:`ForgedAuthority`.

    Whether it was is read from the ledger alone: what this machine takes for the current key may be out of date.

    Args:
        ended: what :func:`audit.key_record.ends` says of the key; None: it is asked for.
    """
    if ended is None:
        ended = ended_keys(session, keys.AUTHORITIES, {row.key_id})
    last = ended.get(row.key_id)
    if last is not None:
        entry = _entry_of(session, row)
        if entry is None or entry > last:
            raise ForgedAuthority(
                "an authority was signed with a key after it was retired",
                where=row.id if isinstance(row, AuthorityRow) else row.authority_id,
                next_step="run `greenroom ledger verify`; nothing is made or served under it",
            )


def _entry_of(session: Session, row: AuthorityRow | AuthorityStatusRow) -> int | None:
    """The ledger id of the entry that made a version or a status known."""
    subject = row.id if isinstance(row, AuthorityRow) else row.authority_id
    made = (Event.CONSENT_CREATED, Event.PROVENANCE_CREATED)
    events = made if isinstance(row, AuthorityRow) else (Event.AUTHORITY_STATUS_CHANGED,)
    entries = session.execute(
        select(LedgerEntryRow.id, LedgerEntryRow.facts)
        .where(LedgerEntryRow.subject == subject, LedgerEntryRow.event.in_([event.value for event in events]))
        .order_by(LedgerEntryRow.id)
    )
    ordinal = None if isinstance(row, AuthorityRow) else row.ordinal
    # Of two that speak of the same the last one counts: an honest one comes alone.
    return next((entry for entry, facts in reversed(entries.all()) if facts.get("ordinal") == ordinal), None)


def counted(session: Session, record_id: str) -> int:
    """How many renders were counted against a record, over all its versions."""
    # The highest ordinal, not the number of rows: a row that somebody takes away frees no allowance.
    rows = select(func.max(AuthorityRenderRow.ordinal)).where(AuthorityRenderRow.record_id == record_id)
    return session.scalar(rows) or 0

"""Appending: one event becomes one row, in the transaction of the change that it records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from audit.errors import LedgerError
from audit.events import Event
from audit.ledger import facts as fact_types
from audit.tables import LedgerEntryRow, commitment, row_name
from core.canonical import canonical_json
from core.database import Base, now
from core.ids import new_id

# tlog-tiles entry bundles carry a 16-bit length.
MAX_ENTRY_BYTES = 65_535


def append(
    session: Session,
    event: Event,
    subject: str,
    facts: Mapping[str, Any] | None = None,
    *,
    rows: Sequence[Base] = (),
) -> str:
    """Add one event to the ledger, in the caller's transaction, without a position yet.

    Args:
        event: the one vocabulary, :class:`audit.events.Event`.
        subject: what it happened to: an id (``rnd_...``), a SHA-256, or ``name@version``.
        facts: fields of :data:`audit.ledger.facts.FIELDS`; a None is left out.
        rows: what the event made or changed, as it stands now; the entry commits to each (new ones are added to the
            session here). Of several commitments to one row the newest counts.

    Returns:
        The entry's id. Raises :class:`LedgerError` for an unknown field or a value of another type.
    """
    if not isinstance(event, Event):
        raise LedgerError("the ledger does not know this event", where=str(event)[:60])
    if not fact_types.subject(subject):
        raise LedgerError(
            "an entry's subject is an id, a digest or name@version",
            where=event.value,
            next_step="make the id with core.ids.new_id",
        )
    stated = dict(facts or {})
    if rows:
        session.add_all(rows)
        session.flush()
        stated["rows"] = {row_name(row): commitment(row) for row in rows}
    row = LedgerEntryRow(
        entry_id=new_id("led"),
        event=event.value,
        subject=subject,
        facts=fact_types.checked(stated),
        created_at=now(),
    )
    body = entry_body(row)
    if len(body) > MAX_ENTRY_BYTES:
        raise LedgerError("an entry is at most 65,535 bytes", where=event.value)
    row.body = body.decode("utf-8")
    session.add(row)
    return row.entry_id


def entry_body(row: LedgerEntryRow) -> bytes:
    """The leaf's bytes, recomputed from the columns: RFC 8785 JSON."""
    return canonical_json(
        {
            "v": 1,
            "id": row.entry_id,
            "event": row.event,
            "subject": row.subject,
            "facts": row.facts,
            "time": timestamp(row.created_at),
        }
    )


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds, such as ``2026-01-31T12:00:00.000000Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

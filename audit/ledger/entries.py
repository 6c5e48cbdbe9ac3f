"""Appending: one event becomes one row, in the transaction of the change that it records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import insert
from sqlalchemy.orm import Session

from audit.commitments import commitment, row_name
from audit.errors import LedgerError
from audit.events import Event
from audit.ledger import facts as fact_types
from audit.tables import LedgerEntryRow
from core.canonical import canonical_json
from core.database import Base, now
from core.ids import new_id

# tlog-tiles entry bundles carry a 16-bit length.
MAX_ENTRY_BYTES = 65_535


class Entry(NamedTuple):
    """One event on its way into the ledger: see :func:`append`.

    ``rows``: what it commits to, as :func:`committed` says it.
    """

    event: Event
    subject: str
    facts: Mapping[str, Any]
    rows: Mapping[str, str]


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
    if rows:
        session.add_all(rows)
        session.flush()
    values = _values(Entry(event, subject, facts or {}, committed(*rows)))
    session.add(LedgerEntryRow(**values))
    return str(values["entry_id"])


def append_all(session: Session, entries: Sequence[Entry]) -> None:
    """Add many events in the order given, in one statement; what they commit to is in the session or comes with it.

    Raises :class:`LedgerError` as :func:`append`; nothing is added then.
    """
    made = [_values(entry) for entry in entries]
    session.flush()  # what was appended before stands before
    if made:
        session.execute(insert(LedgerEntryRow), made)


def committed(*rows: Base) -> dict[str, str]:
    """Each row's name and its commitment, as it stands now."""
    return {row_name(row): commitment(row) for row in rows}


def _values(entry: Entry) -> dict[str, Any]:
    """The columns of an entry's row."""
    if not isinstance(entry.event, Event):
        raise LedgerError("the ledger does not know this event", where=str(entry.event)[:60])
    if not fact_types.subject(entry.subject):
        raise LedgerError(
            "an entry's subject is an id, a digest or name@version",
            where=entry.event.value,
            next_step="make the id with core.ids.new_id",
        )
    values: dict[str, Any] = {
        "entry_id": new_id("led"),
        "event": entry.event.value,
        "subject": entry.subject,
        "facts": fact_types.checked({**entry.facts, "rows": entry.rows} if entry.rows else entry.facts),
        "created_at": now(),
    }
    body = _body(**values)
    if len(body) > MAX_ENTRY_BYTES:
        raise LedgerError("an entry is at most 65,535 bytes", where=entry.event.value)
    return {**values, "body": body.decode("utf-8")}


def entry_body(row: LedgerEntryRow) -> bytes:
    """The leaf's bytes, recomputed from the columns: RFC 8785 JSON."""
    return _body(row.entry_id, row.event, row.subject, row.facts, row.created_at)


def _body(entry_id: str, event: str, subject: str, facts: Mapping[str, Any], created_at: datetime) -> bytes:
    return canonical_json(
        {
            "v": 1,
            "id": entry_id,
            "event": event,
            "subject": subject,
            "facts": facts,
            "time": timestamp(created_at),
        }
    )


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds, such as ``2026-01-31T12:00:00.000000Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

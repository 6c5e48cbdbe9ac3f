"""A home of the first version: its rows are taken into the ledger once, under a marker that says so.

The first version's ledger committed to five tables. Those commitments are checked first, by the first version's own
formula; a home whose record does not agree is refused, because taking its rows in would call a change the truth.
What the other tables said before nobody can know: ``ledger:rows:adopted`` states that they were found so.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.commitments import covered_tables, row_name
from audit.errors import LedgerInconsistent
from audit.events import Event
from audit.ledger.entries import append, entry_body
from audit.tables import (
    ApprovalRow,
    AuthorityRenderRow,
    AuthorityRow,
    AuthorityStatusRow,
    LedgerEntryRow,
    ReceiptRow,
)
from core.canonical import digest_json
from core.database import Base

MARKER = "rows@0001"
_AT_ONCE = 50

# The columns that the first version committed to, in its own formula: each of them, NULL included.
_BEFORE: dict[type[Base], tuple[str, ...]] = {
    AuthorityRow: (
        "id", "record_id", "version", "supersedes", "brand_id", "persona_id", "kind", "document", "key_id",
        "signature", "created_at", "salt",
    ),
    AuthorityStatusRow: (
        "authority_id", "ordinal", "status", "reason", "effect", "actor", "key_id", "signature", "created_at", "salt",
    ),
    AuthorityRenderRow: ("record_id", "render_id", "authority_id", "ordinal", "created_at", "salt"),
    ReceiptRow: (
        "id", "brand_id", "essence", "gate", "gate_version", "gate_set_sha256", "brief_sha256", "verdict", "document",
        "key_id", "signature", "created_at", "salt",
    ),
    ApprovalRow: (
        "id", "brand_id", "render_id", "sealed_sha256", "reviewer_id", "maker_id", "verdict", "reason", "manner",
        "created_at", "salt",
    ),
}  # fmt: skip


def adopt(session: Session) -> int:
    """Take every row of every covered table in, in the caller's transaction. Returns how many.

    Raises:
        LedgerInconsistent: the first version's own record does not agree; the first row is named. Nothing is taken in.
    """
    _check_before(session)
    count = 0
    for table in covered_tables():
        for rows in _chunks(session, table):
            append(session, Event.ROWS_ADOPTED, MARKER, rows=rows)
            count += len(rows)
    return count


def _check_before(session: Session) -> None:
    known: dict[str, str] = {}
    for entry in session.scalars(select(LedgerEntryRow).execution_options(yield_per=1000)):
        if entry_body(entry).decode() != entry.body:
            raise _disagrees(f"ledger_entries/{entry.entry_id}", "an entry differs from its body")
        if "row" in entry.facts:
            known[str(entry.facts["row"])] = str(entry.facts.get("commitment"))
    for table, columns in _BEFORE.items():
        for row in session.scalars(select(table)):
            name = row_name(row)
            stated = known.pop(name, None)
            if stated is None:
                raise _disagrees(name, "no entry of the ledger speaks of this row")
            if _commitment_before(row, columns) != stated:
                raise _disagrees(name, "the row is not what its entry committed to")
    if known:
        raise _disagrees(next(iter(known)), "the row that an entry speaks of is gone")


def _commitment_before(row: Any, columns: tuple[str, ...]) -> str:
    values: dict[str, Any] = {"table": row.__tablename__}
    for name in columns:
        value = getattr(row, name)
        values[name] = value.isoformat() if isinstance(value, datetime) else value
    return digest_json(values)


def _chunks(session: Session, table: type[Base]) -> Iterator[list[Base]]:
    rows = list(session.scalars(select(table)))
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]


def _disagrees(where: str, what: str) -> LedgerInconsistent:
    return LedgerInconsistent(
        f"this home was written by an earlier version, and its record does not agree: {what}",
        where=where,
        next_step="restore it from a backup, or keep it as evidence and start a new one; it was not changed",
    )

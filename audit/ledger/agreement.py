"""Whether a row is still what the ledger last said of it: asked before anything new is recorded over it.

An entry commits to a row as it stands then. Without this question the next event of a row that somebody changed in
the database would make the change part of the record, and :func:`audit.ledger.verify_ledger` would find nothing.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.ledger.adoption import MARKER
from audit.ledger.rows import Commitments, remember
from audit.tables import LedgerEntryRow, commitment, row_name
from core.database import Base


def agrees(session: Session, row: Base, *, subject: str) -> bool:
    """Whether the newest entry that speaks of this row committed to it as it is. False where none does.

    Args:
        subject: under which the row's events are recorded: most often its own id.
    """
    # What an earlier version made is spoken of under the marker until something happens to it.
    known = _stated(session, row, subject) or _stated(session, row, MARKER)
    return known is not None and known == commitment(row)


def _stated(session: Session, row: Base, subject: str) -> str | None:
    name = row_name(row)
    entry = session.scalars(
        select(LedgerEntryRow)
        .where(
            LedgerEntryRow.subject == subject, LedgerEntryRow.body.contains(f'"{name}":"', autoescape=True)
        )
        .order_by(LedgerEntryRow.id.desc())
        .limit(1)
    ).first()
    stated = Commitments()
    if entry is not None:
        remember(entry, stated)
    return stated[name].commitment if name in stated else None

"""Whether a row is still what the ledger last said of it: asked before anything new is recorded over it.

An entry commits to a row as it stands then. Without this question the next event of a row that somebody changed in
the database would make the change part of the record, and :func:`audit.ledger.verify_ledger` would find nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.ledger.adoption import MARKER
from audit.tables import LedgerEntryRow, commitment, row_name
from core.database import Base


def agrees(session: Session, row: Base, *, subject: str) -> bool:
    """Whether the newest entry that speaks of this row committed to it as it is. False where none does.

    Args:
        subject: under which the row's events are recorded: most often its own id.
    """
    return not disagreeing(session, {subject: row})


def disagreeing(session: Session, rows: Mapping[str, Base]) -> set[str]:
    """The subjects whose row is not what the newest entry that speaks of it committed to, or of which none does.

    Args:
        rows: by subject.
    """
    stated = _stated(session, rows, rows)
    # What an earlier version made is spoken of under the marker until something happens to it.
    unknown = {subject: row for subject, row in rows.items() if stated.get(subject) is None}
    if unknown:
        stated |= _stated(session, unknown, [MARKER])
    return {subject for subject, row in rows.items() if stated.get(subject) != commitment(row)}


def _stated(session: Session, rows: Mapping[str, Base], subjects: Collection[str]) -> dict[str, str | None]:
    """By subject of a row, what the newest entry that speaks of it committed to, of those under ``subjects``."""
    names = {row_name(row): subject for subject, row in rows.items()}
    query = select(LedgerEntryRow.subject, LedgerEntryRow.facts, LedgerEntryRow.body).where(
        LedgerEntryRow.subject.in_(subjects)
    )
    if len(names) == 1:  # most often: the database looks, and one entry comes
        query = query.where(LedgerEntryRow.body.contains(f'"{next(iter(names))}":"', autoescape=True)).limit(
            1
        )
    found: dict[str, str | None] = {}
    for about, facts, body in session.execute(query.order_by(LedgerEntryRow.id.desc())):
        for name, subject in names.items() if about == MARKER else [(row_name(rows[about]), about)]:
            if subject not in found and f'"{name}":"' in body:
                stated = facts.get("rows") if isinstance(facts, dict) else None
                found[subject] = stated.get(name) if isinstance(stated, dict) else None
    return found

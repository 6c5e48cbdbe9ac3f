"""Whether a row is still what the ledger last said of it: asked before anything new is recorded over it.

An entry commits to a row as it stands then. Without this question the next event of a row that somebody changed in
the database would make the change part of the record, and :func:`audit.ledger.verify_ledger` would find nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, String, bindparam, func, or_, select
from sqlalchemy.orm import Session

from audit.commitments import commitment, row_name
from audit.ledger.adoption import MARKER
from audit.tables import LedgerEntryRow
from core.database import Base

_A_FEW = 8  # rows that are asked for one by one, in one statement


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
    if not rows:
        return set()
    stated = _stated(session, rows)
    # What an earlier version made is spoken of under the marker until something happens to it.
    unknown = {subject: row for subject, row in rows.items() if stated.get(subject) is None}
    if unknown:
        stated |= _stated(session, unknown, under=MARKER)
    return {subject for subject, row in rows.items() if stated.get(subject) != commitment(row)}


def _stated(session: Session, rows: Mapping[str, Base], *, under: str = "") -> dict[str, str | None]:
    """By subject of a row, what the newest entry that speaks of it committed to: of those under that subject, or of
    those ``under`` another.
    """
    names = {row_name(row): subject for subject, row in rows.items()}
    if len(names) > _A_FEW:
        subjects = [under] if under else list(rows)
        entries = session.execute(_SAID.where(LedgerEntryRow.subject.in_(subjects)).order_by(_NEWEST_FIRST))
    else:  # most often: the database looks, and one entry comes for each
        asked: dict[str, str] = {}
        for number, (name, subject) in enumerate(names.items()):
            asked |= {f"subject_{number}": under or subject, f"speaks_{number}": _containing(f'"{name}":"')}
        entries = session.execute(_newest_of(len(names)), asked)
    found: dict[str, str | None] = {}
    for about, facts, body in entries:
        for name, subject in names.items() if about == MARKER else [(row_name(rows[about]), about)]:
            if subject not in found and f'"{name}":"' in body:
                stated = facts.get("rows") if isinstance(facts, dict) else None
                found[subject] = stated.get(name) if isinstance(stated, dict) else None
    return found


_SAID = select(LedgerEntryRow.subject, LedgerEntryRow.facts, LedgerEntryRow.body)
_NEWEST_FIRST = LedgerEntryRow.id.desc()


@lru_cache(maxsize=_A_FEW)
def _newest_of(count: int) -> Select[str, dict[str, Any], str]:
    """Of so many subjects, the newest entry of each that speaks of its row. Put together once: every step asks."""
    newest = [
        select(func.max(LedgerEntryRow.id))
        .where(
            LedgerEntryRow.subject == bindparam(f"subject_{number}", type_=String),
            LedgerEntryRow.body.like(bindparam(f"speaks_{number}", type_=String), escape="/"),
        )
        .scalar_subquery()
        for number in range(count)
    ]
    return _SAID.where(or_(*(LedgerEntryRow.id == one for one in newest))).order_by(_NEWEST_FIRST)


def _containing(words: str) -> str:
    """The pattern of a text that contains these words, with ``/`` before what would be a wild card."""
    for mark in "/%_":
        words = words.replace(mark, f"/{mark}")
    return f"%{words}%"

"""Which keys the database names: by what is signed with them, and by the ledger's entries about keys.

It is asked before a key is made, so that a folder which was lost or not copied is noticed instead of replaced; and
before a key signs for the first time in a process, so that a machine with keys of its own writes nothing. The
database names ids only: which public half is believed is never read from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.events import Event
from audit.tables import (
    ApprovalRow,
    AuthorityRow,
    AuthorityStatusRow,
    LedgerCheckpointRow,
    LedgerEntryRow,
    ReceiptRow,
)
from core.installation import looking

_SIGNED = {
    "receipts": (ReceiptRow.key_id, AuthorityRow.key_id, AuthorityStatusRow.key_id),
    "approvals": (ApprovalRow.key_id,),
}
_ORIGIN = re.compile(r"\S+/([0-9a-f]{16})\n")


def named_keys(name: str) -> dict[str, bool]:
    """The ids that the database names for ``name``, each with whether it was taken out of use; empty for none.

    A few look-ups by index on a connection of its own; see :func:`core.installation.looking`. One row of each table is
    looked at, and every entry about the keys that it leads to.
    """
    with looking(LedgerEntryRow, LedgerCheckpointRow, ReceiptRow, ApprovalRow) as session:
        if session is None:
            return {}
        named: dict[str, bool] = {}
        waiting = list(_first_named(session, name))
        while waiting:
            key_id = waiting.pop()
            if key_id not in named:
                followers = [str(entry.facts.get("key_id")) for entry in _rotations(session, key_id)]
                named[key_id] = bool(followers)
                waiting += followers
        return named


def subject_of(name: str) -> str:
    """The subject of the entry that says with which key a name began."""
    return f"{name}@keys"


def retired_by(session: Session, key_id: str) -> LedgerEntryRow | None:
    """The entry that took this key out of use, or None while it signs. No later entry is its honest work."""
    return next(iter(_rotations(session, key_id)), None)


def _first_named(session: Session, name: str) -> Iterator[str]:
    for column in _SIGNED.get(name, ()):
        key_id = session.scalars(select(column).where(column.is_not(None)).limit(1)).first()
        if key_id is not None:
            yield key_id
    if name == "ledger":
        note = session.scalars(
            select(LedgerCheckpointRow.note).order_by(LedgerCheckpointRow.size.desc()).limit(1)
        ).first()
        origin = _ORIGIN.match(note or "")  # the log's name ends in its first key's id
        if origin is not None:
            yield origin[1]
    begun = session.scalars(
        select(LedgerEntryRow).where(
            LedgerEntryRow.subject == subject_of(name), LedgerEntryRow.event == Event.KEY_CREATED.value
        )
    )
    yield from (str(entry.facts.get("key_id")) for entry in begun)


def _rotations(session: Session, key_id: str) -> list[LedgerEntryRow]:
    query = select(LedgerEntryRow).where(
        LedgerEntryRow.subject == key_id, LedgerEntryRow.event == Event.KEY_ROTATED.value
    )
    entries = session.scalars(query.order_by(LedgerEntryRow.id))
    # The first key of a name is both: its own entry says that it began, not that it ended.
    return [entry for entry in entries if entry.facts.get("key_id") != key_id]

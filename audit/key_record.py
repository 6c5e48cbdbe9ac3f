"""Which keys the database names: by what is signed with them, and by the ledger's entries about keys.

It is asked before a key is made, so that a folder which was lost or not copied is noticed instead of replaced; and
before a key signs for the first time in a process, so that a machine with keys of its own writes nothing. The
database names ids only: which public half is believed is never read from it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Protocol, TypeVar

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
    "receipts": (ReceiptRow.key_id,),
    "authorities": (AuthorityRow.key_id, AuthorityStatusRow.key_id),
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
        return _followed(session, name, {*_signed_with(session, name), *_begun(session, name)})


def registers(name: str, key_id: str, here: list[str]) -> bool:
    """Whether the ledger's entries name this key for ``name``: whether another machine may have it.

    What rows name counts only where no entry speaks of the keys of ``name`` (the first signature of a home made the
    one that it has) and this machine has none of them.

    Args:
        here: the keys of ``name`` whose public halves are on this machine.
    """
    with looking(LedgerEntryRow, LedgerCheckpointRow, ReceiptRow, ApprovalRow) as session:
        if session is None:
            return False
        begun = set(_begun(session, name))
        if key_id in begun:
            return True
        # What took a receipts key's place speaks of authorities only while that key may have signed some.
        if rotations(session, key_id, name) and (not begun or name != "authorities"):
            return True
        if key_id in _followed(session, name, begun | set(here)).keys() - set(here):
            return True
        if begun or here:
            return False
        return key_id in _followed(session, name, set(_signed_with(session, name)))


def subject_of(name: str) -> str:
    """The subject of the entry that says with which key a name began."""
    return f"{name}@keys"


def retired_by(session: Session, key_id: str, name: str) -> LedgerEntryRow | None:
    """The entry that took this key out of use for ``name``; None while it signs. No later entry is its honest work."""
    return next(iter(rotations(session, key_id, name)), None)


class Entry(Protocol):
    """What is asked of a ledger entry here: a row of the table, or these columns of one."""

    @property
    def id(self) -> int: ...
    @property
    def subject(self) -> str: ...
    @property
    def event(self) -> str: ...
    @property
    def facts(self) -> Any: ...


E = TypeVar("E", bound=Entry)


def _number(entry: Entry) -> int:
    return entry.id


KEY_EVENTS = (Event.KEY_ROTATED.value, Event.KEY_CREATED.value)


def key_subjects(name: str, key_ids: Collection[str]) -> list[str]:
    """The subjects of the entries, of the kinds ``KEY_EVENTS``, that :func:`ends` reads."""
    return [*key_ids, subject_of(name)]


def ends(session: Session, name: str, key_ids: Collection[str], entries: Iterable[Entry]) -> dict[str, int]:
    """Of these keys the ones that sign nothing more for ``name``: each with the entry after which nothing of it counts.

    0 for a key that never signed for it: where the ledger says with which key a name began, no other counts that it
    does not lead to.

    Args:
        entries: those of :func:`key_subjects`, in their order; others among them are passed over.
    """
    found = list(entries)
    begun = {
        str(entry.facts.get("key_id"))
        for entry in found
        if entry.subject == subject_of(name) and entry.event == Event.KEY_CREATED.value
    }
    ended: dict[str, int] = {}
    for key_id in key_ids:
        last = next(iter(_rotations_among(found, key_id, name)), None)
        if begun and key_id not in begun and key_id not in _followed(session, name, begun):
            ended[key_id] = 0
        elif last is not None:
            ended[key_id] = last.id
    return ended


def ended_keys(session: Session, name: str, key_ids: Collection[str]) -> dict[str, int]:
    """As :func:`ends`, which it asks the ledger for."""
    query = select(LedgerEntryRow.id, LedgerEntryRow.subject, LedgerEntryRow.event, LedgerEntryRow.facts)
    query = query.where(
        LedgerEntryRow.subject.in_(key_subjects(name, key_ids)), LedgerEntryRow.event.in_(KEY_EVENTS)
    )
    # Sorted here: told to sort, a planner may walk the whole ledger in the order of its ids.
    return ends(session, name, key_ids, sorted(session.execute(query).all(), key=_number))


def _followed(session: Session, name: str, first: set[str]) -> dict[str, bool]:
    """These keys and all that took their place, each with whether it was taken out of use."""
    named: dict[str, bool] = {}
    waiting = list(first)
    while waiting:
        key_id = waiting.pop()
        if key_id not in named:
            followers = [str(entry.facts.get("key_id")) for entry in rotations(session, key_id, name)]
            named[key_id] = bool(followers)
            waiting += followers
    return named


def _begun(session: Session, name: str) -> Iterator[str]:
    """The keys with which a name began, by the ledger."""
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


def _signed_with(session: Session, name: str) -> Iterator[str]:
    for column in _SIGNED.get(name, ()):
        key_id = session.scalars(select(column).where(column.is_not(None)).limit(1)).first()
        if key_id is not None:
            yield key_id


def rotations(session: Session, key_id: str, name: str) -> list[LedgerEntryRow]:
    """The entries that say which key took this one's place for ``name``, oldest first; most often one or none."""
    query = select(LedgerEntryRow).where(
        LedgerEntryRow.subject == key_id, LedgerEntryRow.event == Event.KEY_ROTATED.value
    )
    return _rotations_among(session.scalars(query.order_by(LedgerEntryRow.id)), key_id, name)


def _rotations_among(found: Iterable[E], key_id: str, name: str) -> list[E]:
    # The first key of a name is both: its own entry says that it began, not that it ended.
    entries = [
        entry
        for entry in found
        if (entry.subject, entry.event) == (key_id, Event.KEY_ROTATED.value)
        and entry.facts.get("key_id") != key_id
    ]
    found = [entry for entry in entries if entry.facts.get("kind") == name]
    if not found and name == "authorities":
        # While the receipts key signed authorities, what took its place did so for both.
        return [entry for entry in entries if entry.facts.get("kind") == "receipts"]
    return found

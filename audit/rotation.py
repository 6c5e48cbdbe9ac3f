"""A new key for a name, with its entry in the ledger: ``greenroom pki rotate``.

What the old key signed still verifies. What was signed with it *after* it was retired is not noticed by the signature;
the ledger's order tells it: :func:`retired_by` gives the entry that retired a key.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit import keys
from audit.errors import KeyProblem
from audit.events import Event
from audit.ledger.entries import append
from audit.tables import LedgerEntryRow
from core.database import transaction


@dataclass(frozen=True)
class Rotation:
    """The key that signed until now (None: there was none) and the one that signs from now on."""

    name: str
    old: str | None
    new: str


def rotate(name: str, *, actor: str = "") -> Rotation:
    """Make a new current key of ``name`` and say so in the ledger.

    Files and database cannot change in one step. The order: the new key is made and does not sign yet; the entry is
    committed; then the new key signs. A crash in between leaves the old key signing and an entry that names a spare
    key; running it again completes it.

    Raises:
        KeyProblem: no such name, or this process may not write the key's folder.
    """
    if name not in keys.NAMES:
        raise KeyProblem(
            "there is no signing key of this name",
            where=name,
            next_step=f"use one of {', '.join(keys.NAMES)}",
        )
    with keys.locked(name, ".rotation"):
        with keys.locked(name):
            old, new = _old(name), keys.prepare(name)
        with transaction() as session:
            facts = {"kind": name, "key_id": new, "actor": actor or None}
            append(session, Event.KEY_ROTATED, old or new, facts)
        with keys.locked(name):
            keys.make_current(name, new)
    return Rotation(name, old, new)


def _old(name: str) -> str | None:
    """The key that signs until now. One that is damaged is replaced as if it had not been: that is the way out."""
    try:
        return keys.known_key_id(name)
    except KeyProblem:
        return None


def retired_by(session: Session, key_id: str) -> LedgerEntryRow | None:
    """The entry that took this key out of use, or None while it signs. No later entry is its honest work."""
    query = select(LedgerEntryRow).where(
        LedgerEntryRow.subject == key_id, LedgerEntryRow.event == Event.KEY_ROTATED.value
    )
    entries = session.scalars(query.order_by(LedgerEntryRow.id))
    # The first key of a name is both: its own entry says that it began, not that it ended.
    return next((entry for entry in entries if entry.facts.get("key_id") != key_id), None)

"""The first key of a name and each new one, with their entries in the ledger: ``greenroom pki init`` and ``pki
rotate``.

What the old key signed still verifies. What was signed with it *after* it was retired is not noticed by the signature;
the ledger's order tells it: :func:`retired_by` gives the entry that retired a key.

Rotating ``authorities`` for the first time where the receipts key signed them separates the two: what that key had
signed is believed as it was, and what it signs from then on is a receipt and no authority.
"""

from __future__ import annotations

from dataclasses import dataclass

from audit import keys
from audit.errors import KeyProblem
from audit.events import Event
from audit.key_folder import KeyFolder
from audit.key_record import named_keys, retired_by, subject_of
from audit.ledger.entries import append
from core.database import exclusive, transaction

__all__ = ["Begun", "Rotation", "begin", "retired_by", "rotate"]


@dataclass(frozen=True)
class Begun:
    """The key that a name signs with; ``made``: it was made now."""

    name: str
    key_id: str
    made: bool


@dataclass(frozen=True)
class Rotation:
    """The key that signed until now (None: there was none) and the one that signs from now on."""

    name: str
    old: str | None
    new: str


def begin(name: str, *, actor: str = "") -> Begun:
    """See that ``name`` has a key here and that the ledger names it; a first one is made. Again, it changes nothing.

    Raises:
        KeyNotHere: the database names keys that this machine does not sign with.
        KeyProblem: no such name, or this process may not write the key's folder.
    """
    _check_name(name)
    provider = keys.provider(name)
    _check_begin(name)  # before a folder is made
    with provider.locked(".rotation"), exclusive("keys"):
        named = _check_begin(name)
        key_id = keys.known_key_id(name)
        made = key_id is None
        if key_id is None:
            with provider.locked():
                key_id = provider.prepare()
        if key_id not in named:
            with transaction() as session:
                facts = {"kind": name, "key_id": key_id, "actor": actor or None}
                append(session, Event.KEY_CREATED, subject_of(name), facts)
        if made:
            with provider.locked():
                provider.make_current(key_id)
    return Begun(name, key_id, made)


def rotate(name: str, *, actor: str = "", lost: bool = False) -> Rotation:
    """Make a new current key of ``name`` and say so in the ledger.

    Files and database cannot change in one step. The order: the new key is made and does not sign yet; the entry is
    committed; then the new key signs. A crash in between leaves the old key signing and an entry that names a spare
    key; running it again completes it.

    Args:
        lost: the key that the database names is gone for good; what it signed can be believed only where its public
        half
            still is.

    Raises:
        KeyNotHere: the database names keys, and none of them is on this machine (unless ``lost``).
        KeyProblem: no such name, or this process may not write the key's folder.
    """
    _check_name(name)
    provider = keys.provider(name)
    _check_rotates(name, lost)  # before a folder is made
    with provider.locked(".rotation"), exclusive("keys"):
        named = _check_rotates(name, lost)
        with provider.locked():
            old = _replaced(name, named)
            _keep_believing(name, provider)
            new = provider.prepare()
        with transaction() as session:
            facts = {"kind": name, "key_id": new, "actor": actor or None}
            append(session, Event.KEY_ROTATED, old or new, facts)
        with provider.locked():
            provider.make_current(new)
    return Rotation(name, old, new)


def _keep_believing(name: str, provider: KeyFolder) -> None:
    """Those whose signatures counted until now count from the name's own folder, before it holds another key."""
    for key_id in set(keys.believed(name).key_ids()) - set(provider.key_ids()):
        public = keys.public_key(name, key_id)
        if public is not None:
            provider.believe(public)


def _check_begin(name: str) -> dict[str, bool]:
    """What the database names. Raises KeyNotHere where this machine signs with none of it."""
    named, key_id = named_keys(name), keys.known_key_id(name)
    if named and key_id not in named:
        what = f"would sign with a {name} key of its own, {key_id}" if key_id else f"has no {name} key"
        raise keys.not_here(name, named, f"this machine {what}")
    return named


def _check_rotates(name: str, lost: bool) -> dict[str, bool]:
    """What the database names. Raises KeyNotHere where this machine has none of it, unless it is lost."""
    named = named_keys(name)
    if named and not lost and not set(named) & set(keys.believed(name).key_ids()):
        raise keys.not_here(name, named, f"this machine has none of the installation's {name} keys")
    return named


def _check_name(name: str) -> None:
    if name not in keys.NAMES:
        raise KeyProblem(
            "there is no signing key of this name",
            where=name,
            next_step=f"use one of {', '.join(keys.NAMES)}",
        )


def _replaced(name: str, named: dict[str, bool]) -> str | None:
    """The key whose place is taken. After a restore of a backup from before a rotation the database names an earlier
    one than this machine signs with: the way on leads from what it names."""
    old = _old(name)
    return old if old in named else _last(named) or old


def _old(name: str) -> str | None:
    """The key that signs until now. One that is damaged is replaced as if it had not been: that is the way out."""
    try:
        return keys.known_key_id(name)
    except KeyProblem:
        return None


def _last(named: dict[str, bool]) -> str | None:
    """The key that the database takes for the current one."""
    return next((key_id for key_id, retired in sorted(named.items()) if not retired), None)

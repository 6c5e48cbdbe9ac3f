"""Ed25519 signing keys, named by what they sign (``ledger``, ``receipts``, ``authorities``, ``approvals``).

A name has one current key and any number of retired ones, so that what an old key signed stays verifiable after a
rotation (``audit/rotation.py``). Where a name's keys lie is a setting (``GREENROOM_LEDGER_KEYS``, ``_RECEIPT_KEYS``,
``_AUTHORITY_KEYS``, ``_APPROVAL_KEYS``): a folder (``audit/key_folder.py``; empty: ``keys/<name>`` in the home folder),
or a remote signer's address with the public halves in a folder (``audit/key_remote.py``). Approvals are signed where
people decide, and workers must not be able to: their folder belongs to another user, and lets everybody read the
public halves. Authorities are signed where people grant and withdraw, and by what writes down that one has ended.

An installation from before authorities had keys of their own signs them with its receipts key, until ``greenroom pki
rotate authorities`` separates the two. Whatever the receipts key had signed by then stays good.

Verifying never makes a key. Signing makes the first one on SQLite, where the database names none yet; on a shared
database ``greenroom pki init`` does. A machine whose key the database does not name signs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.errors import KeyNotHere, KeyProblem, UnknownKey
from audit.key_folder import KEY_ID, KeyFolder, raw_public_key, signed_by
from audit.key_record import named_keys, registers
from audit.key_remote import RemoteKeys
from core.remote_signer import is_address
from core.settings import Settings, get_settings

LEDGER = "ledger"
RECEIPTS = "receipts"
AUTHORITIES = "authorities"
APPROVALS = "approvals"
NAMES = (LEDGER, RECEIPTS, AUTHORITIES, APPROVALS)
SETTINGS = {
    LEDGER: "GREENROOM_LEDGER_KEYS",
    RECEIPTS: "GREENROOM_RECEIPT_KEYS",
    AUTHORITIES: "GREENROOM_AUTHORITY_KEYS",
    APPROVALS: "GREENROOM_APPROVAL_KEYS",
}

__all__ = [
    "APPROVALS",
    "AUTHORITIES",
    "LEDGER",
    "NAMES",
    "RECEIPTS",
    "KeyProvider",
    "Signature",
    "current_key_id",
    "folder_of",
    "key_ids",
    "known_key_id",
    "provider",
    "public_key",
    "raw_public_key",
    "sign",
    "verify",
]


class KeyProvider(Protocol):
    """The keys of one name, wherever their private halves are. Looking makes nothing."""

    makes_first: bool

    def current_key_id(self) -> str | None: ...

    def key_ids(self) -> list[str]: ...

    def public_key(self, key_id: str) -> Ed25519PublicKey | None: ...

    def sign(self, key_id: str, data: bytes) -> bytes: ...


@dataclass(frozen=True)
class Signature:
    """Raw Ed25519 signature (64 bytes, hex) and the id of the key that made it."""

    key_id: str
    value: str


def sign(name: str, data: bytes) -> Signature:
    """Sign with the current key of ``name``; on SQLite the first use makes it.

    Raises:
        KeyNotHere: this machine has no private half, or one that is not the installation's; another machine may sign.
        KeyProblem: the private half is damaged, or others than its owner can read it.
        RemoteSignerProblem: a remote signer is down or refuses.
    """
    key_id = current_key_id(name)
    _check_named(name, key_id)
    return Signature(key_id, _signing(name).sign(key_id, data).hex())


def verify(name: str, signature: Signature, data: bytes) -> bool:
    """Whether one of this installation's keys of ``name``, current or retired, signed these bytes.

    It does not check when, nor whether the key was already retired then (``audit.rotation.retired_by`` knows).

    Raises:
        UnknownKey: the ledger's entries name this key, and its public half is not on this machine: nothing can be said.
            That a row names it is no reason to try elsewhere: whoever forges a row can write any key into it.
        KeyProblem: the public halves cannot be read, or others could have put one there.
    """
    key = public_key(name, signature.key_id)
    if key is None:
        if KEY_ID.fullmatch(signature.key_id) and registers(name, signature.key_id, believed(name).key_ids()):
            raise UnknownKey(
                f"the database holds {name} signed under the key {signature.key_id}, whose public half is not here",
                where=str(folder_of(get_settings(), name)),
                next_step=f"copy {signature.key_id}.pub here from the machine that signed it",
            )
        return False
    try:
        return signed_by(key, bytes.fromhex(signature.value), data)
    except ValueError:
        return False


def current_key_id(name: str) -> str:
    """The id of the key that signs now; made on first use by one process only, where it may be made so.

    Raises:
        KeyNotHere: there is none here, and none may be made: the database names one, or is shared.
    """
    keys = _signing(name)
    key_id = keys.current_key_id()
    if key_id is None:
        _check_may_make(name, keys)
        with keys.locked():
            key_id = keys.current_key_id()
            if key_id is None:
                key_id = keys.prepare()
                keys.make_current(key_id)
    return key_id


def known_key_id(name: str) -> str | None:
    """As :func:`current_key_id`, and None where no key was made yet."""
    return _signing(name).current_key_id()


def public_key(name: str, key_id: str) -> Ed25519PublicKey | None:
    """The public key with that id, or None when it is not on this machine."""
    return believed(name).public_key(key_id)


def key_ids(name: str) -> list[str]:
    """Every key id of ``name`` whose public half is on this machine."""
    return provider(name).key_ids()


def separate() -> bool:
    """Whether authorities have keys of their own, as far as this machine and its database know."""
    return _signing(AUTHORITIES).name == AUTHORITIES


def _signing(name: str) -> KeyFolder:
    """Whose current key signs. Until the keys are separate, the receipts key signs authorities.

    The database says so by what is signed already: a new installation separates them from its first signature on.
    """
    own = provider(name)
    if name == AUTHORITIES and own.current_key_id() is None:
        receipts = provider(RECEIPTS)
        if set(receipts.key_ids()) & set(named_keys(AUTHORITIES)):
            return receipts
    return own


def believed(name: str) -> KeyFolder:
    """Whose public halves count. Those of receipts, where no folder of authorities' keys was given out yet."""
    own = provider(name)
    return own if name != AUTHORITIES or own.key_ids() else provider(RECEIPTS)


def provider(name: str) -> KeyFolder:
    """Where the keys of that name are, by the settings. Nothing is made and nobody is asked.

    Raises:
        RemoteSignerProblem: the setting holds no address of a remote signer.
    """
    settings = get_settings()
    stated, folder = _stated(settings, name), folder_of(settings, name)
    ours = folder == settings.home / "keys" / name
    if is_address(stated):
        return RemoteKeys(name, folder, address=stated, setting=SETTINGS[name], private_above=ours)
    return KeyFolder(name, folder, readable=name == APPROVALS or not ours, private_above=ours)


def folder_of(settings: Settings, name: str) -> Path:
    """The folder with the public halves of that name, and with the private ones unless a remote signer has them."""
    if not name.isidentifier():
        raise KeyProblem("a key name is a plain word", where=name, next_step=f"use one of {', '.join(NAMES)}")
    stated = _stated(settings, name)
    if stated and not is_address(stated):
        return Path(stated)
    above = Path(settings.public_keys) if settings.public_keys and stated else settings.home / "keys"
    return above / name


def is_remote(settings: Settings, name: str) -> bool:
    """Whether a remote signer has the private halves of that name."""
    return is_address(_stated(settings, name))


def not_here(name: str, named: dict[str, bool], what: str) -> KeyNotHere:
    """The error of a machine that lacks the key which the database names; it says which, and where to get it."""
    signing = sorted(key_id for key_id, retired in named.items() if not retired) or sorted(named)
    return KeyNotHere(
        f"{what}, and the database names {' and '.join(signing)}",
        where=str(folder_of(get_settings(), name)),
        next_step=f"copy the folder of the {name} key from the machine that has it; none is made in its place",
    )


def _stated(settings: Settings, name: str) -> str:
    return {
        LEDGER: settings.ledger_keys,
        RECEIPTS: settings.receipt_keys,
        AUTHORITIES: settings.authority_keys,
        APPROVALS: settings.approval_keys,
    }.get(name, "").strip()


_NAMED: set[tuple[str, str, str]] = set()
"""What this process has found named already: a key that signed once for this database stays the installation's."""


def _check_named(name: str, key_id: str) -> None:
    found = (get_settings().effective_database_url, name, key_id)
    if found in _NAMED:
        return
    named = named_keys(name)
    if key_id in named:
        _NAMED.add(found)
    elif named:
        raise not_here(name, named, f"this machine would sign with a {name} key of its own, {key_id}")


def _check_may_make(name: str, keys: KeyFolder) -> None:
    named = named_keys(name)
    if named:
        raise not_here(name, named, f"this machine has no {name} key")
    if get_settings().shared_database or not keys.makes_first:
        raise KeyNotHere(
            f"this machine has no {name} key, and none is made by signing",
            where=str(keys.folder),
            next_step="run `greenroom pki init` once, on one machine, or copy the folder of the key here",
        )

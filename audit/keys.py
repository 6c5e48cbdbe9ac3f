"""Ed25519 signing keys, named by what they sign (``ledger``, ``receipts``), in ``settings.keys_dir``.

A name has one current key and any number of retired ones, so that what an old key signed stays
verifiable after :func:`rotate`:

    keys/<name>/<key id>.pem   private, PKCS 8, mode 0600
    keys/<name>/<key id>.pub   public, PEM
    keys/<name>/current        the key id that signs now

The key id is the first 16 hex digits of the SHA-256 of the raw public key.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit.errors import KeyProblem
from core.settings import get_settings

LEDGER = "ledger"
RECEIPTS = "receipts"
APPROVALS = "approvals"


@dataclass(frozen=True)
class Signature:
    """Raw Ed25519 signature (64 bytes, hex) and the id of the key that made it."""

    key_id: str
    value: str


def sign(name: str, data: bytes) -> Signature:
    """Sign with the current key of ``name``; the key is made on first use."""
    key_id = current_key_id(name)
    return Signature(key_id, private_key(name).sign(data).hex())


def verify(name: str, signature: Signature, data: bytes) -> bool:
    """Whether one of this installation's keys of ``name``, current or retired, signed these bytes.

    It does not check when, nor whether the key was already retired then.
    """
    key = public_key(name, signature.key_id)
    if key is None:
        return False
    try:
        key.verify(bytes.fromhex(signature.value), data)
    except (InvalidSignature, ValueError):
        return False
    return True


def current_key_id(name: str) -> str:
    """The id of the key that signs now; made on first use, by one process only."""
    current = _folder(name) / "current"
    if not current.exists():
        with _locked(name):
            if not current.exists():
                _create(name)
    return current.read_text(encoding="ascii").strip()


def rotate(name: str) -> str:
    """Make a new current key; the old one can still verify. Returns the new key id."""
    with _locked(name):
        return _create(name)


def private_key(name: str) -> Ed25519PrivateKey:
    """The current private key. Raises :class:`KeyProblem` when others than the owner can read the file."""
    path = _folder(name) / f"{current_key_id(name)}.pem"
    return _load_private(path)


def public_key(name: str, key_id: str) -> Ed25519PublicKey | None:
    """The public key with that id, or None when this installation never had it."""
    if len(key_id) != 16 or not all(character in "0123456789abcdef" for character in key_id):
        return None  # a key id becomes a file name: nothing else is looked up
    path = _folder(name) / f"{key_id}.pub"
    return _load_public(path) if path.exists() else None


def raw_public_key(key: Ed25519PublicKey) -> bytes:
    """The 32 bytes of RFC 8032."""
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def key_ids(name: str) -> list[str]:
    """Every key id that this installation has had for ``name``."""
    return sorted(path.stem for path in _folder(name).glob("*.pub"))


def _create(name: str) -> str:
    key = Ed25519PrivateKey.generate()
    public = key.public_key()
    key_id = hashlib.sha256(raw_public_key(public)).hexdigest()[:16]
    folder = _folder(name)
    write_durably(
        folder / f"{key_id}.pem",
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        mode=0o600,
    )
    write_durably(
        folder / f"{key_id}.pub",
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        mode=0o644,
    )
    # Last: a crash before this line leaves a spare key, never a current one that cannot be read.
    write_durably(folder / "current", key_id.encode("ascii"), mode=0o644)
    return key_id


def write_durably(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace a file so that after a crash it holds all of the old bytes or all of the new ones."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(name: str) -> Iterator[None]:
    with (_folder(name) / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _folder(name: str) -> Path:
    if not name.isidentifier():
        raise KeyProblem("a key name is a plain word", where=name, next_step="use 'ledger' or 'receipts'")
    folder = get_settings().keys_dir / name
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder


@lru_cache(maxsize=64)
def _load_private(path: Path) -> Ed25519PrivateKey:
    if path.stat().st_mode & 0o077:
        raise KeyProblem(
            "a private key can be read by others than its owner",
            where=path.name,
            next_step=f"run chmod 600 on it; rotate the {path.parent.name} key if others use this machine",
        )
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    return key


@lru_cache(maxsize=256)
def _load_public(path: Path) -> Ed25519PublicKey:
    key = serialization.load_pem_public_key(path.read_bytes())
    assert isinstance(key, Ed25519PublicKey)
    return key

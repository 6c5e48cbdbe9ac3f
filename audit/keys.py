"""Ed25519 signing keys, named by what they sign (``ledger``, ``receipts``, ``approvals``).

A name has one current key and any number of retired ones, so that what an old key signed stays
verifiable after a rotation (``audit/rotation.py``):

    keys/<name>/<key id>.pem   private, PKCS 8, mode 0600
    keys/<name>/<key id>.pub   public, PEM, mode 0644
    keys/<name>/current        the key id that signs now

The key id is the first 16 hex digits of the SHA-256 of the raw public key. Approvals are signed where people
decide, and workers must not be able to: their folder may lie elsewhere (``GREENROOM_APPROVAL_KEYS``), belong to
another user, and let everybody read the public halves. Verifying never makes a key; signing makes the first one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit.errors import KeyProblem
from core.settings import get_settings

LEDGER = "ledger"
RECEIPTS = "receipts"
APPROVALS = "approvals"
NAMES = (LEDGER, RECEIPTS, APPROVALS)

_KEY_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Signature:
    """Raw Ed25519 signature (64 bytes, hex) and the id of the key that made it."""

    key_id: str
    value: str


def sign(name: str, data: bytes) -> Signature:
    """Sign with the current key of ``name``; the key is made on first use.

    Raises:
        KeyProblem: this process may not read (or make) the private half, or others than its owner can.
    """
    key_id = current_key_id(name)
    return Signature(key_id, _private(name, key_id).sign(data).hex())


def verify(name: str, signature: Signature, data: bytes) -> bool:
    """Whether one of this installation's keys of ``name``, current or retired, signed these bytes.

    It does not check when, nor whether the key was already retired then (``audit.rotation.retired_by`` knows).
    Raises :class:`KeyProblem` where the public halves cannot be read, or others could have put one there.
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
    key_id = known_key_id(name)
    if key_id is None:
        with locked(name):
            key_id = known_key_id(name)
            if key_id is None:
                key_id = prepare(name)
                make_current(name, key_id)
    return key_id


def known_key_id(name: str) -> str | None:
    """As :func:`current_key_id`, and None where no key was made yet."""
    path = key_folder(name) / "current"
    try:
        key_id = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _unusable(name, path, error) from error
    if not _KEY_ID.fullmatch(key_id):
        raise _unusable(name, path, ValueError("no key id"))
    return key_id


def rotate(name: str) -> str:
    """Make a new current key; the old one can still verify. Returns the new key id.

    It leaves no trace in the ledger: people rotate with :func:`audit.rotation.rotate`.
    """
    with locked(name):
        key_id = prepare(name)
        make_current(name, key_id)
    return key_id


def private_key(name: str) -> Ed25519PrivateKey:
    """The current private key. Raises :class:`KeyProblem` when others than the owner can read the file."""
    return _private(name, current_key_id(name))


def public_key(name: str, key_id: str) -> Ed25519PublicKey | None:
    """The public key with that id, or None when this installation never had it."""
    if not _KEY_ID.fullmatch(key_id):
        return None  # a key id becomes a file name: nothing else is looked up
    path = key_folder(name) / f"{key_id}.pub"
    try:
        state = _state(path)
        if (state.mode | path.parent.stat().st_mode) & 0o022:
            raise KeyProblem(
                "others than the owner could have put this public key here",
                where=str(path),
                next_step=f"run chmod go-w on it and on its folder; rotate the {name} key if others use this machine",
            )
        return _load_public(path, state)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise _unusable(name, path, error) from error


def raw_public_key(key: Ed25519PublicKey) -> bytes:
    """The 32 bytes of RFC 8032."""
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def key_ids(name: str) -> list[str]:
    """Every key id that this installation has had for ``name``."""
    return sorted(path.stem for path in key_folder(name).glob("*.pub"))


def key_folder(name: str) -> Path:
    """Where the keys of that name lie. It is not made here."""
    if not name.isidentifier():
        raise KeyProblem("a key name is a plain word", where=name, next_step=f"use one of {', '.join(NAMES)}")
    settings = get_settings()
    return settings.approval_keys_dir if name == APPROVALS else settings.keys_dir / name


def prepare(name: str) -> str:
    """Make a key that does not sign yet, under :func:`locked`. Returns its id."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key()
    key_id = hashlib.sha256(raw_public_key(public)).hexdigest()[:16]
    folder = key_folder(name)
    private_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public_pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    try:
        write_durably(folder / f"{key_id}.pem", private_pem, mode=0o600)
        write_durably(folder / f"{key_id}.pub", public_pem, mode=0o644)
    except OSError as error:
        raise _unusable(name, folder, error) from error
    return key_id


def make_current(name: str, key_id: str) -> None:
    """Sign with this key from now on. Last of all: a crash before it leaves a spare key, never half of one."""
    write_durably(key_folder(name) / "current", key_id.encode("ascii"), mode=0o644)


@contextmanager
def locked(name: str, file_name: str = ".lock") -> Iterator[None]:
    """One process at a time makes keys of that name; the folder is made here.

    Whoever signs for the first time may hold the database's write lock already: nobody waits for that under ``.lock``.
    """
    folder = key_folder(name)
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, mode=0o700, exist_ok=True)
            if name == APPROVALS:
                folder.chmod(0o755)  # whoever verifies reads the public halves, under another user too
        file = (folder / file_name).open("w")
    except OSError as error:
        raise _unusable(name, folder, error) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_durably(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace a file so that after a crash it holds all of the old bytes or all of the new ones."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)  # whatever the umask: who verifies may be another user
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


@dataclass(frozen=True)
class _State:
    """What changes when a file is replaced, touched or given other rights: a cached key is good for one of these."""

    mode: int
    inode: int
    size: int
    modified: int
    changed: int


def _state(path: Path) -> _State:
    found = path.stat()
    return _State(found.st_mode, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _private(name: str, key_id: str) -> Ed25519PrivateKey:
    path = key_folder(name) / f"{key_id}.pem"
    try:
        if path.stat().st_mode & 0o077:
            raise KeyProblem(
                "a private key can be read by others than its owner",
                where=str(path),
                next_step=f"run chmod 600 on it; rotate the {name} key if others use this machine",
            )
        # Read each time: signing is rare, and whoever lost the right to the file may not sign from memory.
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("not an Ed25519 key")
        return key
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable(name, path, error) from error


def _unusable(name: str, path: Path, error: Exception) -> KeyProblem:
    absent = (
        isinstance(error, FileNotFoundError) and name == APPROVALS
    )  # a worker's machine has public halves alone
    if absent or isinstance(error, PermissionError):
        step = "run this as the user that owns the key"
        if name == APPROVALS:
            step = f"decide in the web application, or {step}; workers only verify"
        return KeyProblem(f"this process may not use the {name} key", where=str(path), next_step=step)
    return KeyProblem(
        f"the {name} key cannot be used ({type(error).__name__})",
        where=str(path),
        next_step=f"restore its folder from the backup, or make a new key with `greenroom pki rotate {name}`",
    )


@lru_cache(maxsize=256)
def _load_public(path: Path, _of: _State) -> Ed25519PublicKey:
    key = serialization.load_pem_public_key(path.read_bytes())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key")
    return key

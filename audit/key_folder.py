"""The keys of one name in a folder: which one signs now, and every one that has signed.

    <folder>/<key id>.pem   private, PKCS 8, mode 0600
    <folder>/<key id>.pub   public, PEM, mode 0644
    <folder>/current        the key id that signs now

The key id is the first 16 hex digits of the SHA-256 of the raw public key. Files are looked at each time: a ``chmod``
or a rotation while processes run is noticed by the next signature. A machine that only verifies has the ``.pub``
files alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit.errors import KeyNotHere, KeyProblem
from core.durable import write_durably

KEY_ID = re.compile(r"[0-9a-f]{16}")


class KeyFolder:
    """The keys of one name as files.

    Args:
        name: what they sign, for messages.
        folder: where they lie; it is made by the first key, never by looking.
        readable: whether a folder that is made lets everybody read the public halves.
        private_above: whether a folder above that is made is its owner's alone.
    """

    makes_first = True
    """Whether a first key may be made by the first signature."""

    def __init__(
        self, name: str, folder: Path, *, readable: bool = False, private_above: bool = False
    ) -> None:
        self.name, self.folder = name, folder
        self._readable, self._private_above = readable, private_above

    def current_key_id(self) -> str | None:
        """The key that signs now; None where none was made."""
        path = self.folder / "current"
        try:
            key_id = path.read_text(encoding="ascii").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise self._unusable(path, error) from error
        if not KEY_ID.fullmatch(key_id):
            raise self._unusable(path, ValueError("no key id"))
        return key_id

    def key_ids(self) -> list[str]:
        """Every key whose public half is here."""
        return sorted(path.stem for path in self.folder.glob("*.pub"))

    def public_key(self, key_id: str) -> Ed25519PublicKey | None:
        """The public half of that id, or None. Raises :class:`KeyProblem` where others could have put it there."""
        if not KEY_ID.fullmatch(key_id):
            return None  # a key id becomes a file name: nothing else is looked up
        path = self.folder / f"{key_id}.pub"
        try:
            state = _state(path)
            if (state.mode | self.folder.stat().st_mode) & 0o022:
                raise KeyProblem(
                    "others than the owner could have put this public key here",
                    where=str(path),
                    next_step=f"run chmod go-w on it and on its folder; rotate the {self.name} key if others use this "
                    "machine",
                )
            return _load_public(path, state)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, UnsupportedAlgorithm) as error:
            raise self._unusable(path, error) from error

    def sign(self, key_id: str, data: bytes) -> bytes:
        """The signature (64 bytes) under that key.

        Raises:
            KeyNotHere: its private half is not here, or not for this process.
            KeyProblem: it is damaged, or others than its owner can read it.
        """
        return self._private(key_id).sign(data)

    def check_signs(self, key_id: str) -> None:
        """That :meth:`sign` would work, as far as can be said without signing. Raises as it does."""
        self._private(key_id)

    def prepare(self) -> str:
        """Make a key that does not sign yet, under :meth:`locked`. Returns its id."""
        key = Ed25519PrivateKey.generate()
        private_pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        key_id = key_id_of(key.public_key())
        try:
            write_durably(self.folder / f"{key_id}.pem", private_pem, mode=0o600)
        except OSError as error:
            raise self._unusable(self.folder, error) from error
        return self.believe(key.public_key())

    def believe(self, public: Ed25519PublicKey) -> str:
        """Keep a public half: from now on its signatures are believed here. Returns its id."""
        key_id = key_id_of(public)
        pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        try:
            write_durably(self.folder / f"{key_id}.pub", pem, mode=0o644)
        except OSError as error:
            raise self._unusable(self.folder, error) from error
        return key_id

    def make_current(self, key_id: str) -> None:
        """Sign with this key from now on. Last of all: a crash before it leaves a spare key, never half of one."""
        write_durably(self.folder / "current", key_id.encode("ascii"), mode=0o644)

    @contextmanager
    def locked(self, file_name: str = ".lock") -> Iterator[None]:
        """One process at a time makes keys here; the folder is made.

        Whoever signs for the first time may hold the database's write lock: nobody waits for that under ``.lock``.
        """
        try:
            if not self.folder.is_dir():
                above = 0o700 if self._private_above else 0o755
                self.folder.parent.mkdir(parents=True, mode=above, exist_ok=True)
                self.folder.mkdir(mode=0o700, exist_ok=True)
                if self._readable:
                    self.folder.chmod(
                        0o755
                    )  # whoever verifies reads the public halves, under another user too
            file = (self.folder / file_name).open("w")
        except OSError as error:
            raise self._unusable(self.folder, error) from error
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _private(self, key_id: str) -> Ed25519PrivateKey:
        path = self.folder / f"{key_id}.pem"
        try:
            if path.stat().st_mode & 0o077:
                raise KeyProblem(
                    "a private key can be read by others than its owner",
                    where=str(path),
                    next_step=f"run chmod 600 on it; rotate the {self.name} key if others use this machine",
                )
            # Read each time: signing is rare, and whoever lost the right to the file may not sign from memory.
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
            if not isinstance(key, Ed25519PrivateKey):
                raise ValueError("not an Ed25519 key")
            return key
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise self._unusable(path, error) from error

    def _unusable(self, path: Path, error: Exception) -> KeyProblem:
        if isinstance(error, FileNotFoundError | PermissionError):
            step = f"sign where the private half is, or copy the folder of the {self.name} key here"
            if isinstance(error, PermissionError):
                step = "run this as the user that owns the key"
            if self.name == "approvals":
                step = "decide in the web application, or as the user that owns the key; workers only verify"
            return KeyNotHere(
                f"this process may not use the {self.name} key", where=str(path), next_step=step
            )
        return KeyProblem(
            f"the {self.name} key cannot be used ({type(error).__name__})",
            where=str(path),
            next_step=f"restore its folder from the backup, or make a new key with `greenroom pki rotate {self.name}`",
        )


def key_id_of(key: Ed25519PublicKey) -> str:
    """The first 16 hex digits of the SHA-256 of the raw public key."""
    return hashlib.sha256(raw_public_key(key)).hexdigest()[:16]


def raw_public_key(key: Ed25519PublicKey) -> bytes:
    """The 32 bytes of RFC 8032."""
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def signed_by(key: Ed25519PublicKey, signature: bytes, data: bytes) -> bool:
    """Whether that key signed these bytes. What a process has found to be so it does not compute again: the same
    decisions, receipts and authorities are read at every step."""
    return _signed_by(raw_public_key(key), signature, data)


@lru_cache(maxsize=1024)
def _signed_by(public: bytes, signature: bytes, data: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except InvalidSignature:
        return False
    return True


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


@lru_cache(maxsize=256)
def _load_public(path: Path, _of: _State) -> Ed25519PublicKey:
    key = serialization.load_pem_public_key(path.read_bytes())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key")
    return key

"""Text in the database, and files beside it, for this installation alone: AES-256-GCM under a key of their purpose.

They are authenticated with their place (the row, and what else of it must not change): moved elsewhere they are none.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import IntegrityError
from core.secrets import derived_key

_NONCE, _TAG = 12, 16  # bytes
_PREFIX = 8  # of a nonce: a file's own; the rest counts its blocks
_BLOCK = 1 << 20


def lock(text: str, *, purpose: str, place: str) -> str:
    """The text, encrypted, in base64."""
    nonce = os.urandom(_NONCE)
    sealed = AESGCM(derived_key(purpose)).encrypt(nonce, text.encode(), place.encode())
    return base64.b64encode(nonce + sealed).decode()


def unlock(locked: str, *, purpose: str, place: str) -> str:
    """The text again. Raises IntegrityError for one that was changed, moved, or locked by another installation."""
    try:
        raw = base64.b64decode(locked, validate=True)
        return AESGCM(derived_key(purpose)).decrypt(raw[:_NONCE], raw[_NONCE:], place.encode()).decode()
    except (InvalidTag, ValueError) as error:
        raise IntegrityError(
            "an encrypted text in the database cannot be read",
            where=purpose,
            next_step="see what `greenroom ledger verify` says: somebody changed the row, or the master secret",
        ) from error


def lock_file(source: Path, target: Path, *, purpose: str, place: str) -> None:
    """Write the file, encrypted block by block; the same file twice is never the same bytes."""
    cipher, prefix = AESGCM(derived_key(purpose)), os.urandom(_PREFIX)
    with source.open("rb") as read, target.open("wb") as write:
        write.write(prefix)
        for block, nonce, bound in _numbered(read, _BLOCK, prefix, place):
            write.write(cipher.encrypt(nonce, block, bound))


def unlock_file(source: Path, target: Path, *, purpose: str, place: str) -> None:
    """Write the file again. Raises IntegrityError for one that was changed, shortened, or moved."""
    cipher = AESGCM(derived_key(purpose))
    try:
        with source.open("rb") as read, target.open("wb") as write:
            prefix = read.read(_PREFIX)
            for block, nonce, bound in _numbered(read, _BLOCK + _TAG, prefix, place):
                write.write(cipher.decrypt(nonce, block, bound))
    except (InvalidTag, ValueError) as error:
        raise IntegrityError(
            "an encrypted file cannot be read",
            where=purpose,
            next_step="send it again; somebody changed it, or the master secret",
        ) from error


def _numbered(file: BinaryIO, size: int, prefix: bytes, place: str) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Each block with its nonce, and with what it is bound to: its place, its number, and whether it is the last."""
    block, number = file.read(size), 0
    while True:
        following = file.read(size)
        yield block, prefix + number.to_bytes(_NONCE - _PREFIX), f"{place}:{number}:{not following}".encode()
        if not following:
            return
        block, number = following, number + 1

"""Text that lies in the database and is for this installation alone: AES-256-GCM under a key of its purpose.

It is authenticated with its place (the row, and what else of it must not change): moved elsewhere it is no text.
"""

from __future__ import annotations

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import IntegrityError
from core.secrets import derived_key

_NONCE = 12  # bytes


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

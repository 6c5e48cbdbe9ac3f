"""Keys derived from one master secret, each for one purpose (HKDF-SHA256, RFC 5869).

The master secret comes from ``GREENROOM_MASTER_SECRET``, or is made once in the home folder with mode 0600.
It signs links and sessions and keys the invisible mark: losing it makes old marks unreadable.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.settings import get_settings


def derived_key(purpose: str) -> bytes:
    """32 bytes for one purpose, such as ``mark`` or ``links``; the same for the life of the master secret."""
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"greenroom:{purpose}".encode()).derive(
        _master_secret()
    )


def _master_secret() -> bytes:
    configured = get_settings().master_secret.get_secret_value()
    if configured:
        return configured.encode()
    path = get_settings().keys_dir / "master-secret"
    if not path.exists():
        _create_once(path)
    return path.read_bytes()


def _create_once(path: Path) -> None:
    # Two processes may start together: each writes its own file, and the first link wins.
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(32))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()

"""Keys derived from one master secret, each for one purpose (HKDF-SHA256, RFC 5869).

The master secret comes from ``GREENROOM_MASTER_SECRET``, or is made once in the home folder with mode 0600.
It signs links and sessions and keys the invisible mark: losing it makes old marks unreadable. In production it has to
be set: a home that came back without its file would silently make another one (``delivery/parts.py`` refuses that).
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import GreenroomError
from core.settings import Settings, get_settings

LEAST_BYTES = 32
LEAST_KINDS = 8  # different characters: "aaaa..." is long and no secret; 32 hex digits have about fourteen


class SecretProblem(GreenroomError):
    """The master secret's file cannot be used as it is (cut short, readable by others)."""

    code = "master_secret"


def derived_key(purpose: str) -> bytes:
    """32 bytes for one purpose, such as ``mark`` or ``links``; the same for the life of the master secret."""
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"greenroom:{purpose}".encode()).derive(
        _master_secret()
    )


def master_secret_file(settings: Settings) -> Path:
    """Where the secret lies that was made here; nothing is made by asking."""
    return settings.home / "keys" / "master-secret"


def weak(secret: bytes) -> bool:
    """Whether a secret is too short or too plain to sign links with."""
    return len(secret) < LEAST_BYTES or len(set(secret)) < LEAST_KINDS


def _master_secret() -> bytes:
    settings = get_settings()
    configured = settings.master_secret.get_secret_value()
    if configured.strip():
        return configured.encode()
    path = master_secret_file(settings)
    if not path.exists():
        _create_once(settings.keys_dir / path.name)
    if path.stat().st_mode & 0o077:
        raise SecretProblem(
            "the master secret can be read by others than its owner",
            where=str(path),
            next_step="run chmod 600 on it; if others use this machine, count it as known and set a new one",
        )
    secret = path.read_bytes()
    if weak(secret):
        raise SecretProblem(
            "the master secret's file is not what was written there",
            where=str(path),
            next_step="restore it from the backup: without it no old mark can be read and no link opens",
        )
    return secret


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

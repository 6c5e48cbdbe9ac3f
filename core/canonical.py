"""Canonical bytes and digests: the same fact always hashes to the same value (RFC 8785, SHA-256)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import rfc8785


def canonical_json(value: Any) -> bytes:
    """RFC 8785 JSON. Raises ``rfc8785.CanonicalizationError`` for NaN, infinities and non-JSON types."""
    return rfc8785.dumps(value)


def digest_json(value: Any) -> str:
    """Lower-case hex SHA-256 of the canonical JSON."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def digest_bytes(data: bytes) -> str:
    """Lower-case hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """Lower-case hex SHA-256 of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

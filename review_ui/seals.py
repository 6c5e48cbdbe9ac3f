"""Seals: rows that open a door are authenticated under the master secret, so that the database alone makes none.

What this does not stop: putting back a whole row as it was before, with the seal that it had. The ledger commits to
the newest version of these rows, and ``greenroom ledger verify`` names one that went back.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from core.canonical import canonical_json
from core.secrets import derived_key
from review_ui.tables import Sealed


def keyed(purpose: str, *parts: str) -> str:
    """HMAC-SHA256 over these parts, in hex, under the key of this purpose. The parts cannot be shifted."""
    return hmac.new(derived_key(purpose), canonical_json(list(parts)), sha256).hexdigest()


def seal(row: Sealed) -> None:
    """Seal the row as it is now. Only for one that we made or that was intact when we read it."""
    row.seal = _seal_of(row)


def intact(row: Sealed) -> bool:
    """Whether the sealed columns are as this installation wrote them."""
    return hmac.compare_digest(row.seal, _seal_of(row))


def _seal_of(row: Sealed) -> str:
    sealed = {name: _plain(getattr(row, name)) for name in row.__sealed__}
    sealed |= {
        name: _plain(value) for name in row.__sealed_later__ if (value := getattr(row, name)) is not None
    }
    body = canonical_json([row.__tablename__, sealed])
    return hmac.new(derived_key("rows"), body, sha256).hexdigest()


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value

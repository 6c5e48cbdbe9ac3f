"""Content-addressed results of the pure stages.

A key is an HMAC over the stage, its version and its inputs' digests, under a key of the brand: what one brand
rendered cannot be probed by another, and a personal field cannot be guessed from a key.
"""

from __future__ import annotations

import hmac
from typing import Any

from core.canonical import canonical_json
from core.database import add_once, reading, transaction
from core.secrets import derived_key
from pipeline.tables import StageResultRow


def stage_key(brand_id: str, stage: str, version: str, inputs: dict[str, Any]) -> str:
    """The keyed digest of a stage's inputs, lower-case hex."""
    message = canonical_json({"stage": stage, "version": version, "inputs": inputs})
    return hmac.new(derived_key(f"cache:{brand_id}"), message, "sha256").hexdigest()


def remembered(key: str) -> dict[str, Any] | None:
    """The stored result under a key, or None."""
    with reading() as session:
        row = session.get(StageResultRow, key)
        return dict(row.result) if row else None


def remember(key: str, *, brand_id: str, stage: str, result: dict[str, Any]) -> None:
    """Store a result; the first one under a key stays."""
    with transaction() as session:
        add_once(session, StageResultRow(key=key, brand_id=brand_id, stage=stage, result=result))

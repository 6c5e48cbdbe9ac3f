"""What the ledger commits to of a row.

A covered row carries a random ``salt``; the ledger entry of its insertion holds the commitment
``SHA-256(canonical JSON of its columns, salt included)``. A change, a missing row and an added row are
then found by :func:`audit.ledger.verify_ledger`, and a guess at a personal column cannot be checked
against the ledger once row and salt are erased.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import inspect

from core.canonical import digest_bytes, digest_json
from core.covered import Covered
from core.database import Base


def covered_tables() -> list[type[Base]]:
    """Every table that the ledger speaks of, of every package that is loaded, by name."""
    tables = [
        mapper.class_ for mapper in Base.registry.mappers if isinstance(mapper.class_.__ledger__, Covered)
    ]
    return sorted(tables, key=lambda table: table.__tablename__)


def row_key(row: Base) -> str:
    """The primary key of a row as one string, for the ledger's reports."""
    return "/".join(str(value) for value in inspect(row.__class__).primary_key_from_instance(row))


def row_name(row: Base) -> str:
    """How the ledger names a row: ``table/key``."""
    return f"{row.__tablename__}/{row_key(row)}"


def commitment(row: Base) -> str:
    """SHA-256 over the committed columns of a row, its salt included where it has one.

    A column that is NULL is left out, so that a column which is added later changes no old commitment.
    """
    decision = row.__ledger__
    if not isinstance(decision, Covered):
        raise TypeError(f"the ledger does not cover {row.__tablename__}")
    values = {name: getattr(row, name) for name in decision.committed}
    plain = {name: _plain(value) for name, value in values.items() if value is not None}
    return digest_json({"table": row.__tablename__, "row": plain})


def _plain(value: Any) -> Any:
    """As JSON that every database gives back alike: times as text, bytes by digest, what JSON cannot hold as text."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return digest_bytes(value)
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return str(value)  # RFC 8785 has doubles only
    return value

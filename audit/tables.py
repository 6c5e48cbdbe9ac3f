"""Tables of the record. Rows are added and never changed; the ledger covers each of them.

A covered row carries a random ``salt``; the ledger entry of its insertion holds the commitment
``SHA-256(canonical JSON of its columns, salt included)``. A change, a missing row and an added row are
then found by :func:`audit.ledger.verify_ledger`, and a guess at a personal column cannot be checked
against the ledger once row and salt are erased.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, UniqueConstraint, event, inspect
from sqlalchemy.orm import Mapped, ORMExecuteState, Session, mapped_column

from audit.errors import Immutable
from core.canonical import digest_json
from core.database import Base, now
from core.tables import BigId


def new_salt() -> str:
    return secrets.token_hex(16)


class LedgerEntryRow(Base):
    """One event. Inserted in the transaction of the change; ``position`` comes from the sequencer, once."""

    __tablename__ = "ledger_entries"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    entry_id: Mapped[str] = mapped_column(String(40), unique=True)
    event: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(100), index=True)
    facts: Mapped[dict[str, Any]] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now)
    body: Mapped[str] = mapped_column(Text)  # the canonical JSON whose bytes are the leaf
    position: Mapped[int | None] = mapped_column(BigInteger, unique=True)

    # Pending rows are found by absence of a position, never by `id > last`: ids commit out of order.
    __table_args__ = (Index("ix_ledger_entries_pending", "position", "id"),)


class LedgerHeadRow(Base):
    """One row: how many positions are given, and the last checkpoint that was signed."""

    __tablename__ = "ledger_head"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    assigned: Mapped[int] = mapped_column(BigInteger, default=0)


class LedgerCheckpointRow(Base):
    """Every checkpoint ever signed: a restored old ledger folder is noticed by these."""

    __tablename__ = "ledger_checkpoints"

    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    root: Mapped[str] = mapped_column(String(64))
    note: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)


class AuthorityRow(Base):
    """One version of a consent or of a provenance statement. A change is a new version."""

    __tablename__ = "authorities"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    record_id: Mapped[str] = mapped_column(String(40), index=True)
    version: Mapped[int] = mapped_column(Integer)
    supersedes: Mapped[str | None] = mapped_column(ForeignKey("authorities.id"))
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), index=True)
    persona_id: Mapped[str] = mapped_column(String(40), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    document: Mapped[dict[str, Any]] = mapped_column(
        info={"personal": "what a person agreed to: the words of the purpose, digests of the evidence"}
    )
    key_id: Mapped[str] = mapped_column(String(16))
    signature: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)

    __table_args__ = (UniqueConstraint("record_id", "version"),)


class AuthorityStatusRow(Base):
    """A status of an authority, with its reason. The latest counts."""

    __tablename__ = "authority_status"

    authority_id: Mapped[str] = mapped_column(ForeignKey("authorities.id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    status: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text, info={"personal": "a person's own words may stand here"})
    effect: Mapped[str] = mapped_column(String(20))
    actor: Mapped[str] = mapped_column(String(80))
    key_id: Mapped[str] = mapped_column(String(16))
    signature: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)


class AuthorityRenderRow(Base):
    """One counted render. Unique by render and by ordinal: the count is exact whoever runs at once."""

    __tablename__ = "authority_renders"

    record_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    render_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    authority_id: Mapped[str] = mapped_column(ForeignKey("authorities.id"), index=True)
    ordinal: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)

    __table_args__ = (UniqueConstraint("record_id", "ordinal"),)


class ReceiptRow(Base):
    """A gate's signed verdict over an essence, stored once (trust step 8)."""

    __tablename__ = "receipts"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(String(40), index=True)
    essence: Mapped[str] = mapped_column(String(64), index=True)
    gate: Mapped[str] = mapped_column(String(60))
    gate_version: Mapped[str] = mapped_column(String(40))
    gate_set_sha256: Mapped[str] = mapped_column(String(64))
    brief_sha256: Mapped[str] = mapped_column(String(64))
    verdict: Mapped[str] = mapped_column(String(10))
    document: Mapped[str] = mapped_column(
        Text, info={"personal": "findings quote words of the script, which may name a recipient"}
    )
    key_id: Mapped[str] = mapped_column(String(16))
    signature: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)

    __table_args__ = (
        UniqueConstraint(
            "essence",
            "gate",
            "gate_version",
            "gate_set_sha256",
            "brief_sha256",
            "brand_id",
            name="uq_receipts_once",
        ),
    )


class ApprovalRow(Base):
    """A person's decision over one sealed asset (trust step 11)."""

    __tablename__ = "approvals"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(String(40), index=True)
    render_id: Mapped[str] = mapped_column(String(40), index=True)
    sealed_sha256: Mapped[str] = mapped_column(String(64))
    reviewer_id: Mapped[str] = mapped_column(String(80), info={"personal": "pseudonym of a reviewer"})
    maker_id: Mapped[str] = mapped_column(String(80), info={"personal": "pseudonym of an operator"})
    verdict: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(Text, info={"personal": "free words of a reviewer"})
    manner: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)

    __table_args__ = (UniqueConstraint("sealed_sha256", "reviewer_id"),)


COVERED: tuple[type[Base], ...] = (
    AuthorityRow,
    AuthorityStatusRow,
    AuthorityRenderRow,
    ReceiptRow,
    ApprovalRow,
)


def row_key(row: Base) -> str:
    """The primary key of a row as one string, for the ledger's reports."""
    return "/".join(str(value) for value in inspect(row.__class__).primary_key_from_instance(row))


def commitment(row: Base) -> str:
    """Salted SHA-256 over every column of a covered row."""
    values: dict[str, Any] = {"table": row.__tablename__}
    for column in inspect(row.__class__).columns:
        value = getattr(row, column.key)
        values[column.key] = value.isoformat() if isinstance(value, datetime) else value
    return digest_json(values)


def _refuse_change(_mapper: Any, _connection: Any, row: Base) -> None:
    raise Immutable(
        "a row of the record cannot be changed or deleted",
        where=f"{row.__tablename__} {row_key(row)}",
        next_step="add a new row that supersedes it",
    )


for _table in COVERED:
    event.listen(_table, "before_update", _refuse_change)
    event.listen(_table, "before_delete", _refuse_change)


@event.listens_for(Session, "do_orm_execute")
def _refuse_bulk_change(state: ORMExecuteState) -> None:
    if (state.is_update or state.is_delete) and state.bind_mapper is not None:
        table = state.bind_mapper.class_
        if table in COVERED or (table is LedgerEntryRow and state.is_delete):
            raise Immutable("rows of the record cannot be changed or deleted", where=table.__tablename__)

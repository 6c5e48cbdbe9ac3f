"""Tables that every package may stand on: brands, assets and the outbox."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.covered import Covered, Uncovered
from core.database import Base, now

# SQLite autoincrements INTEGER keys only.
BigId = BigInteger().with_variant(Integer, "sqlite")


class BrandRow(Base):
    """A customer. Every row that belongs to one carries its id."""

    __tablename__ = "brands"
    __ledger__ = Covered(
        committed=("id", "name", "rule_pack", "created_at"),
        free={"territory": "what a new campaign takes where it names none; the campaign's own is committed"},
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    rule_pack: Mapped[str] = mapped_column(String(100), default="consumer-products")
    territory: Mapped[str] = mapped_column(String(20), default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(default=now)


class OrganisationRow(Base):
    """Whose installation this is: at most one row. Its brands are its customers, or its own."""

    __tablename__ = "organisation"
    __ledger__ = Covered(committed=("id", "name", "created_at"))

    id: Mapped[str] = mapped_column(String(20), primary_key=True, default="org_1")
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=now)


class AssetRow(Base):
    """Immutable bytes named by SHA-256, with a role, an essence and a parent."""

    __tablename__ = "assets"
    __ledger__ = Covered(
        committed=("sha256", "brand_id", "render_id", "role", "essence", "parent", "size", "created_at"),
        immutable=True,
    )

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), index=True)
    render_id: Mapped[str] = mapped_column(String(40), index=True)
    role: Mapped[str] = mapped_column(String(20))
    essence: Mapped[str] = mapped_column(String(64), index=True)
    parent: Mapped[str | None] = mapped_column(ForeignKey("assets.sha256"))
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=now)

    # What was published, by when: pages of the record's search, and the register.
    __table_args__ = (Index("ix_assets_search", "brand_id", "role", "created_at", "sha256"),)


class OutboxRow(Base):
    """A message that the relay sends after its transaction. A hint: the row it names is the job."""

    __tablename__ = "outbox"
    __ledger__ = Uncovered("messages are hints: whoever invents, changes or drops one changes no row")

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    topic: Mapped[str] = mapped_column(String(80))
    payload: Mapped[dict[str, Any]] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now)
    sent_at: Mapped[datetime | None] = mapped_column()
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    last_error: Mapped[str] = mapped_column(Text, default="")

    # The relay reads unsent rows by absence of sent_at, never by `id > last`: ids commit out of order.
    __table_args__ = (Index("ix_outbox_unsent", "sent_at", "id"),)


class InstallationRow(Base):
    """What every machine of the installation must agree on, one fact a row (core/installation.py)."""

    __tablename__ = "installation"
    __ledger__ = Uncovered(
        "it only ever stops a machine: who changes a value has machines refused, who deletes one gets a new secret or "
        "authority made, under which nothing that exists can be read; the first code is an HMAC under the master secret"
    )

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(default=now)

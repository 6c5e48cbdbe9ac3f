"""What provenance remembers: marks given out, manifests made, fingerprints of essences."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.covered import Covered
from core.database import Base, now


class MarkRow(Base):
    """A mark id (trust step 6): random, so that an id says nothing; unique, so that it names one segment.

    A personal mark belongs to a render; a shared one to the campaign whose renders carry it.
    """

    __tablename__ = "marks"
    __ledger__ = Covered(committed=("mark_id", "brand_id", "render_id", "kind", "created_at"), immutable=True)

    mark_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), index=True)
    render_id: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        UniqueConstraint("render_id", "kind"),  # what makes step 6 idempotent
        CheckConstraint("mark_id > 0 AND mark_id < 1099511627776", name="forty_bits"),
        CheckConstraint("kind IN ('shared', 'personal')", name="kind"),
    )


class ManifestRow(Base):
    """The sidecar of a credential: its manifest store is a blob, so that a stripped file can be answered for."""

    __tablename__ = "manifests"
    __ledger__ = Covered(
        committed=(
            "credential_id", "brand_id", "asset_sha256", "essence", "manifest_sha256", "size", "created_at"
        ),
        immutable=True,
    )  # fmt: skip

    credential_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), index=True)
    asset_sha256: Mapped[str] = mapped_column(String(64), index=True)
    essence: Mapped[str] = mapped_column(String(64), index=True)
    manifest_sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(default=now)


class FingerprintRow(Base):
    """What an essence looks and sounds like, second by second; made from our own output, never of a stranger."""

    __tablename__ = "fingerprints"
    __ledger__ = Covered(committed=("essence", "brand_id", "data", "created_at"), immutable=True)

    essence: Mapped[str] = mapped_column(String(64), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default=now)

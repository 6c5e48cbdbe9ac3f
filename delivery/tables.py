"""Delivery links (a token names a row, so that a single one can be taken back), what a brand says around its videos,
and what people report of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from core.covered import Covered, new_salt
from core.database import Base, now


class LinkRow(Base):
    """One link to one released render. Looking at a page never makes one."""

    __tablename__ = "links"
    __ledger__ = Covered(
        committed=("id", "brand_id", "render_id", "made_by", "expires_at", "revoked_at", "created_at")
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), index=True)
    render_id: Mapped[str] = mapped_column(ForeignKey("renders.id"), index=True)
    made_by: Mapped[str] = mapped_column(String(80))
    expires_at: Mapped[datetime] = mapped_column()
    revoked_at: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now)


class BrandPageRow(Base):
    """What a brand says on the pages around its videos from a moment on: the last row counts, the earlier ones stay.

    A brand without a row says nothing there but its name.
    """

    __tablename__ = "brand_pages"
    __ledger__ = Covered(committed=("id", "brand_id", "words", "made_by", "created_at"), immutable=True)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"))
    words: Mapped[str] = mapped_column(String(500))
    made_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (Index("ix_brand_pages_last", "brand_id", "created_at", "id"),)


class ReportRow(Base):
    """A case: somebody who watched a video says that something is wrong with it. Its clock runs until it is closed.

    Of the person there is what they chose to write, and nothing else.
    """

    __tablename__ = "reports"
    __ledger__ = Covered(
        committed=(
            "id", "brand_id", "render_id", "link_id", "kind", "words", "contact", "due_at", "outcome", "answer",
            "closed_by", "closed_at", "created_at", "salt",
        )
    )  # fmt: skip

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"))
    render_id: Mapped[str] = mapped_column(ForeignKey("renders.id"))
    link_id: Mapped[str] = mapped_column(ForeignKey("links.id"))
    kind: Mapped[str] = mapped_column(String(20))
    words: Mapped[str] = mapped_column(Text, info={"personal": "whoever reports writes what they like"})
    contact: Mapped[str] = mapped_column(String(254), info={"personal": "how to reach who reports, if given"})
    due_at: Mapped[datetime] = mapped_column()
    outcome: Mapped[str | None] = mapped_column(String(20))
    answer: Mapped[str] = mapped_column(Text, default="", info={"personal": "free words of who closed it"})
    closed_by: Mapped[str | None] = mapped_column(String(80))
    closed_at: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)

    __table_args__ = (
        # The cases of a brand: the open ones of each kind by their clock, the closed ones by when that was.
        Index(
            "ix_reports_open",
            "brand_id",
            "kind",
            "due_at",
            "id",
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index("ix_reports_brand", "brand_id", "closed_at", "due_at", "id"),
        Index("ix_reports_due", "closed_at", "due_at"),
        Index("ix_reports_link", "link_id", "closed_at"),
    )

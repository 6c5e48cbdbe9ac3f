"""Delivery links: a token names a row, so that a single one can be taken back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from core.covered import Covered
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

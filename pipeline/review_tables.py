"""Tables of the review: what reviewers write, who looks at what, and the gates that sent it to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.covered import Covered, Uncovered, new_salt
from core.database import Base, now


class AnnotationRow(Base):
    """What a reviewer wrote on a video, on some seconds or a place of it: a note, what to change, why a senior should
    look."""

    __tablename__ = "annotations"
    __ledger__ = Covered(
        committed=(
            "id", "brand_id", "render_id", "sealed_sha256", "author_id", "kind", "code", "words", "t0", "t1",
            "region", "created_at", "salt",
        ),
        immutable=True,
    )  # fmt: skip

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), index=True)
    render_id: Mapped[str] = mapped_column(ForeignKey("renders.id"), index=True)
    sealed_sha256: Mapped[str] = mapped_column(String(64))
    author_id: Mapped[str] = mapped_column(String(40), info={"personal": "pseudonym of a reviewer"})
    kind: Mapped[str] = mapped_column(String(20))  # pipeline/annotations.py
    code: Mapped[str] = mapped_column(String(20))
    words: Mapped[str] = mapped_column(Text, info={"personal": "free words of a reviewer"})
    t0: Mapped[float | None] = mapped_column(Float)  # seconds of the video; None: all of it
    t1: Mapped[float | None] = mapped_column(Float)
    region: Mapped[list[Any] | None] = (
        mapped_column()
    )  # x, y, width, height as shares of the picture; None: all of it
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)


class ReviewLeaseRow(Base):
    """Who looks at a render in review, and until when: two people do not take the same one."""

    __tablename__ = "review_leases"
    __ledger__ = Uncovered("over after a minute and a half; a wrong row delays a decision and makes none")

    render_id: Mapped[str] = mapped_column(ForeignKey("renders.id"), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), index=True)
    account_id: Mapped[str] = mapped_column(String(40), info={"personal": "pseudonym of a reviewer"})
    until: Mapped[float] = mapped_column(Float, index=True)  # seconds of the database's clock


class ReviewFlagRow(Base):
    """A gate that did not pass, of a render on its way through review (pipeline/flags.py)."""

    __tablename__ = "review_flags"
    __ledger__ = Uncovered("it narrows a list that people are shown; the receipts say what the gates found")

    id: Mapped[str] = mapped_column("render_id", ForeignKey("renders.id"), primary_key=True)
    gate: Mapped[str] = mapped_column(String(60), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"))
    campaign_id: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column()  # the render's

    __table_args__ = (
        Index("ix_review_flags_brand", "brand_id", "gate", "created_at", "render_id"),
        Index("ix_review_flags_campaign", "campaign_id", "gate", "created_at", "render_id"),
    )

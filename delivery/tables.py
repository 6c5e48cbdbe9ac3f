"""Delivery links (a token names a row, so that a single one can be taken back) and their tags, what a brand says around
its videos, what people report of them, and who is told of what happens (webhooks)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Float, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from core.covered import Covered, Uncovered, new_salt
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


class CampaignTagsRow(Base):
    """What the links of a campaign carry for the brand's analytics from a moment on: the last row counts."""

    __tablename__ = "campaign_tags"
    __ledger__ = Covered(
        committed=("id", "brand_id", "campaign_id", "tags", "made_by", "created_at"), immutable=True
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), index=True)
    campaign_id: Mapped[str] = mapped_column(ForeignKey("campaigns.id"))
    tags: Mapped[dict[str, Any]] = mapped_column()
    made_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (Index("ix_campaign_tags_last", "campaign_id", "created_at", "id"),)


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


class WebhookRow(Base):
    """An address that is told of what happens to a brand's renders, until ``ended_at``. See delivery/webhooks.py.

    Its secrets are derived from the master secret by ``id`` and ``generation``: none is stored.
    """

    __tablename__ = "webhooks"
    __ledger__ = Covered(
        committed=(
            "id", "brand_id", "address", "events", "generation", "rotated_at", "ended_at", "ended_why", "made_by",
            "created_at", "salt",
        )
    )  # fmt: skip

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"))
    address: Mapped[str] = mapped_column(String(1000))
    events: Mapped[list[Any]] = mapped_column()
    generation: Mapped[int] = mapped_column(Integer, default=1)
    rotated_at: Mapped[datetime | None] = mapped_column()
    ended_at: Mapped[datetime | None] = mapped_column()
    ended_why: Mapped[str] = mapped_column(String(20), default="")
    made_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)

    __table_args__ = (Index("ix_webhooks_brand", "brand_id", "ended_at", "created_at"),)


class WebhookMessageRow(Base):
    """One event on its way to one webhook: the log, and the work that is still to be done."""

    __tablename__ = "webhook_messages"
    __ledger__ = Uncovered(
        "news for others about what the ledger says itself: no door and no right asks these rows"
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"))
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id"))
    entry_id: Mapped[str] = mapped_column(String(40))  # of the ledger: an event is taken in once
    event: Mapped[str] = mapped_column(String(40))
    render_id: Mapped[str | None] = mapped_column(String(40))
    campaign_id: Mapped[str | None] = mapped_column(String(40))
    happened_at: Mapped[datetime] = mapped_column()
    state: Mapped[str] = mapped_column(String(10), default="waiting")  # sent, failed
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_at: Mapped[float] = mapped_column(Float)  # seconds of the database's clock
    status: Mapped[int | None] = mapped_column(Integer)  # of the last answer
    error: Mapped[str] = mapped_column(String(40), default="")  # why there was none
    created_at: Mapped[datetime] = mapped_column(default=now)
    tried_at: Mapped[datetime | None] = mapped_column()

    __table_args__ = (
        Index(
            "ix_webhook_messages_due",
            "webhook_id",
            "next_at",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("ix_webhook_messages_page", "brand_id", "created_at", "id"),
        Index("ix_webhook_messages_old", "created_at"),
        Index("uq_webhook_messages_event", "webhook_id", "entry_id", unique=True),
    )


class WebhookReadRow(Base):
    """One row: how many entries of the ledger were read for webhooks."""

    __tablename__ = "webhook_reads"
    __ledger__ = Uncovered("as the messages: a wrong number tells somebody twice, or not at all")

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(BigInteger, default=0)

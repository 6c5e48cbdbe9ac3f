"""Tables of the sending: a campaign's course, lists of recipients on their way in, and to whom nothing goes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Float, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from core.covered import Covered, Uncovered, new_salt
from core.database import Base, now


class CampaignCourseRow(Base):
    """Whether a campaign's videos are made: paused, running again, or cancelled for good. None: it runs."""

    __tablename__ = "campaign_courses"
    __ledger__ = Covered(
        committed=("campaign_id", "brand_id", "course", "reason", "changed_by", "changed_at", "salt")
    )

    campaign_id: Mapped[str] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), index=True)
    course: Mapped[str] = mapped_column(String(20), index=True)  # pipeline/course.py
    reason: Mapped[str] = mapped_column(Text, info={"personal": "free words of an operator"})
    changed_by: Mapped[str] = mapped_column(String(40), info={"personal": "pseudonym of an operator"})
    changed_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)


class RecipientListRow(Base):
    """A file of recipients on its way in: tried row by row, and then, where a person starts it, entered."""

    __tablename__ = "recipient_lists"
    __ledger__ = Uncovered(
        "a file on its way in: each row that enters is a render, and the ledger says who started which list"
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"))
    campaign_id: Mapped[str] = mapped_column(ForeignKey("campaigns.id"))
    maker_id: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(120), info={"personal": "a file's name, in its sender's words"})
    key: Mapped[str] = mapped_column(String(80))  # of the batch: the same file again is the same batch
    form: Mapped[str] = mapped_column(String(10))
    phase: Mapped[str] = mapped_column(String(20))  # pipeline/recipient_lists.py
    problem: Mapped[dict[str, Any] | None] = mapped_column()

    # The file, and what was said of each of its rows; NULL once they are forgotten.
    file_sha256: Mapped[str | None] = mapped_column(String(64), index=True)
    verdicts_sha256: Mapped[str | None] = mapped_column(String(64), index=True)
    size: Mapped[int] = mapped_column(BigInteger)

    # How far the trial or the entry is, and what came of the rows. No recipient's values.
    bytes_read: Mapped[int] = mapped_column(BigInteger, default=0)
    trial: Mapped[dict[str, Any]] = mapped_column(default=dict)
    entered: Mapped[dict[str, Any]] = mapped_column(default=dict)

    fence: Mapped[int] = mapped_column(Integer, default=0)
    # Leases since a slice was ended.
    tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    lease_until: Mapped[float | None] = mapped_column(Float)  # seconds of the database's clock
    hinted_at: Mapped[float | None] = mapped_column(Float)

    created_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        Index("ix_recipient_lists_campaign", "campaign_id", "created_at", "id"),
        Index("ix_recipient_lists_waiting", "phase", "lease_until"),
        Index("ix_recipient_lists_brand_id", "brand_id"),
    )


class SuppressionRow(Base):
    """A recipient to whom the brand sends nothing more, until ``removed_at``. See pipeline/suppression.py."""

    __tablename__ = "suppressions"
    __ledger__ = Covered(
        committed=("id", "brand_id", "key_digest", "added_by", "removed_at", "created_at", "salt")
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"))
    key_digest: Mapped[str] = mapped_column(
        String(64), info={"personal": "a keyed digest of a recipient's address or number"}
    )
    added_by: Mapped[str] = mapped_column(String(80))
    removed_at: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)

    __table_args__ = (
        # A key is on the list once; one that was taken off may come back.
        Index(
            "uq_suppressions_key",
            "brand_id",
            "key_digest",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

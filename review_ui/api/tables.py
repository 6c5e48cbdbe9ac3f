"""What the API keeps for a day: answers that are given again under the same key, and jobs whose answer is fetched."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.covered import Uncovered
from core.database import Base, now


class KeptAnswerRow(Base):
    """A request that came under an ``Idempotency-Key``, and its answer once there is one.

    Its id is an HMAC over brand, account and key: what the caller wrote is not kept. The answer is encrypted: it may
    hold a link that opens a video.
    """

    __tablename__ = "api_answers"
    __ledger__ = Uncovered(
        "answers to requests that are over, encrypted and gone after a day: no door reads them"
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"))
    request_sha256: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None] = mapped_column()  # None: somebody works on it
    answer: Mapped[str | None] = mapped_column(Text, info={"personal": "as what was asked for"})
    began_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (Index("ix_api_answers_brand", "brand_id", "expires_at"),)


class JobRow(Base):
    """A check of a file that goes on after its request was answered; its lease is as a render's (pipeline/leases.py).

    ``asked``: encrypted, where the file is fetched from, or how its name ends; NULL: of code that kept it to itself.
    ``file_sha256``: the encrypted file in the blob store.
    """

    __tablename__ = "api_jobs"
    __ledger__ = Uncovered(
        "measures of a file that is not kept, encrypted and gone after a day: no door reads them"
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"))
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    task: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20), default="working")
    answer: Mapped[str | None] = mapped_column(Text, info={"personal": "words that are heard in a file"})
    asked: Mapped[str | None] = mapped_column(Text, info={"personal": "the address of a file"})
    file_sha256: Mapped[str | None] = mapped_column(String(64))
    fence: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    attempts: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    lease_until: Mapped[float | None] = mapped_column(Float)  # seconds of the database's clock
    beat_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None] = mapped_column()
    expires_at: Mapped[datetime] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        Index("ix_api_jobs_brand", "brand_id", "created_at"),
        Index("ix_api_jobs_working", "state", "lease_until"),
    )

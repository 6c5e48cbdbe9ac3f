"""Accounts and sign-ins."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from core.covered import Covered, Uncovered
from core.database import Base, now


class AccountRow(Base):
    """A person who works with Greenroom for one brand. Its id is the pseudonym that ledger and approvals carry."""

    __tablename__ = "accounts"
    __ledger__ = Covered(
        committed=("id", "brand_id", "email", "role", "password_hash", "created_at"),
        free={"failures": "x", "locked_until": "x"},
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), index=True)
    email: Mapped[str] = mapped_column(String(254), unique=True, info={"personal": "sign-in name"})
    role: Mapped[str] = mapped_column(String(20))
    password_hash: Mapped[str] = mapped_column(String(200), info={"personal": "argon2id hash"})
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now)


class SignInRow(Base):
    """A signed-in browser: the cookie's token is stored hashed."""

    __tablename__ = "sign_ins"
    __ledger__ = Uncovered("x")

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now)

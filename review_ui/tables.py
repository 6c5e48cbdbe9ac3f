"""Accounts, sign-ins, API keys, and what proves that it is this person: passkeys, one-time codes, recovery codes.

Rows that open a door carry a seal (:mod:`review_ui.seals`): who can write the database and does not hold the
master secret can break them, but not make one that counts.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.covered import Covered, Uncovered, new_salt
from core.database import Base, now

_STRIKES = {
    "failures": "wrong answers of late",
    "failed_at": "as the failures",
    "locked_until": "as the failures",
}


class Strikes:
    """Wrong answers, counted in the row: how many of late, when the last one came, how long the door rests."""

    failures: Mapped[int] = mapped_column(default=0)
    failed_at: Mapped[datetime | None] = mapped_column()
    locked_until: Mapped[datetime | None] = mapped_column()


class Sealed:
    """A row whose ``__sealed__`` columns are authenticated under the master secret; those of ``__sealed_later__`` where
    they say something, so that a column which is added later breaks no older seal."""

    __sealed__: ClassVar[tuple[str, ...]]
    __sealed_later__: ClassVar[tuple[str, ...]] = ()
    __tablename__: str

    seal: Mapped[str] = mapped_column(String(64), default="")


class AccountRow(Strikes, Sealed, Base):
    """A person who works with Greenroom for one brand. Its id is the pseudonym that ledger and approvals carry."""

    __tablename__ = "accounts"
    __ledger__ = Covered(
        committed=(
            "id", "brand_id", "email", "role", "password_hash", "disabled_at", "salt", "created_at", "seal",
        ),
        free=_STRIKES,
    )  # fmt: skip
    __sealed__ = ("id", "brand_id", "email", "role", "password_hash", "disabled_at")

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), index=True)
    email: Mapped[str] = mapped_column(String(254), unique=True, info={"personal": "sign-in name"})
    role: Mapped[str] = mapped_column(String(20))
    password_hash: Mapped[str] = mapped_column(String(200), info={"personal": "argon2id hash"})
    disabled_at: Mapped[datetime | None] = mapped_column()
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)
    created_at: Mapped[datetime] = mapped_column(default=now)


class MembershipRow(Sealed, Base):
    """A brand at which an account works, besides the one at which it works now.

    ``persona_id``: the account is this persona's, and sees what was made of it. ``left_at``: it worked there till then.
    """

    __tablename__ = "memberships"
    __ledger__ = Covered(
        committed=("id", "account_id", "brand_id", "persona_id", "left_at", "created_at", "seal")
    )
    __sealed__ = ("id", "account_id", "brand_id", "persona_id", "left_at")

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), index=True)
    persona_id: Mapped[str | None] = mapped_column(ForeignKey("personas.id"))
    left_at: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (UniqueConstraint("account_id", "brand_id"),)


class InvitationRow(Sealed, Base):
    """A way to one new account: whoever holds its link sets the password. Used once, while it has not ended."""

    __tablename__ = "invitations"
    __ledger__ = Covered(
        committed=(
            "id", "brand_id", "brand_ids", "role", "persona_id", "token_hmac", "made_by", "expires_at", "used_at",
            "account_id", "revoked_at", "created_at", "seal",
        )
    )  # fmt: skip
    __sealed__ = (
        "id", "brand_id", "brand_ids", "role", "persona_id", "token_hmac", "made_by", "expires_at", "used_at",
        "revoked_at",
    )  # fmt: skip

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), index=True)  # where it was made
    brand_ids: Mapped[list[Any]] = mapped_column()  # at which the account will work, the first one first
    role: Mapped[str] = mapped_column(String(20))
    persona_id: Mapped[str | None] = mapped_column(ForeignKey("personas.id"))
    token_hmac: Mapped[str] = mapped_column(String(64), unique=True)
    made_by: Mapped[str] = mapped_column(String(80))
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None] = mapped_column()
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"))
    revoked_at: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (Index("ix_invitations_made", "brand_id", "created_at", "id"),)


class InvitationBrandRow(Base):
    """That an invitation opens a brand: what its ``brand_ids`` say, where an index finds it."""

    __tablename__ = "invitation_brands"
    __ledger__ = Uncovered("it only lists: what an invitation opens is in its own sealed row")

    brand_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    invitation_id: Mapped[str] = mapped_column(ForeignKey("invitations.id"), primary_key=True, index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (Index("ix_invitation_brands_page", "brand_id", "created_at", "invitation_id"),)


class SignInRow(Sealed, Base):
    """A signed-in browser. The cookie's token is stored as an HMAC; nothing else about the browser is kept."""

    __tablename__ = "sign_ins"
    __ledger__ = Uncovered("sealed under the master secret, and over after some hours")
    __sealed__ = ("token_hmac", "account_id", "csrf", "expires_at", "fresh_until")

    token_hmac: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(index=True)
    fresh_until: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now)


class PasskeyRow(Sealed, Base):
    """A WebAuthn credential. One that is removed stays as a row, because past decisions were made with it."""

    __tablename__ = "passkeys"
    __ledger__ = Covered(
        committed=(
            "id", "account_id", "name", "credential_id", "public_key", "origin", "removed_at", "salt", "created_at",
            "seal",
        ),
        free={
            "sign_count": "the authenticator's own counter; a wrong one refuses the next proof",
            "last_used_at": "shown to its owner",
        },
    )  # fmt: skip
    __sealed__ = ("id", "account_id", "credential_id", "public_key", "origin", "removed_at")

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    name: Mapped[str] = mapped_column(String(60), info={"personal": "what its owner calls it"})
    credential_id: Mapped[str] = mapped_column(Text, unique=True)  # base64url, up to 1023 bytes
    public_key: Mapped[str] = mapped_column(Text)  # base64url of the COSE key
    origin: Mapped[str] = mapped_column(String(300))
    sign_count: Mapped[int] = mapped_column(default=0)
    last_used_at: Mapped[datetime | None] = mapped_column()
    removed_at: Mapped[datetime | None] = mapped_column()
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)
    created_at: Mapped[datetime] = mapped_column(default=now)


class TotpRow(Strikes, Sealed, Base):
    """The secret behind one-time codes (RFC 6238), encrypted; it counts once a first code was confirmed."""

    __tablename__ = "totp_secrets"
    __ledger__ = Covered(
        committed=("id", "account_id", "secret", "confirmed_at", "removed_at", "created_at", "seal"),
        free={
            **_STRIKES,
            "last_step": "the newest code that was used; a wrong one refuses codes or allows one again",
        },
    )
    __sealed__ = ("id", "account_id", "secret", "confirmed_at", "removed_at")

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    secret: Mapped[str] = mapped_column(String(200))  # AES-256-GCM under a derived key, base64
    last_step: Mapped[int] = mapped_column(default=0)
    confirmed_at: Mapped[datetime | None] = mapped_column()
    removed_at: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now)


class ApiKeyRow(Sealed, Base):
    """A key with which a program calls the API at one brand, in the name of the account that made it."""

    __tablename__ = "api_keys"
    __ledger__ = Covered(
        committed=(
            "id", "brand_id", "account_id", "name", "rights", "token_hmac", "expires_at", "revoked_at", "salt",
            "created_at", "seal",
        ),
        free={"last_used_on": "shown to people, by the day"},
    )  # fmt: skip
    __sealed__ = ("id", "brand_id", "account_id", "rights", "token_hmac", "expires_at", "revoked_at")

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"))
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    name: Mapped[str] = mapped_column(String(60), info={"personal": "what its maker calls it"})
    rights: Mapped[list[Any]] = mapped_column()
    token_hmac: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime] = mapped_column()
    revoked_at: Mapped[datetime | None] = mapped_column()
    last_used_on: Mapped[datetime | None] = mapped_column()  # midnight of the day
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (Index("ix_api_keys_brand", "brand_id", "created_at", "id"),)


class BrandVeilRow(Base):
    """Whether a brand's videos are veiled in the console from a moment on: the last row counts, earlier ones stay."""

    __tablename__ = "brand_veils"
    __ledger__ = Covered(committed=("id", "brand_id", "veiled", "made_by", "created_at"), immutable=True)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"))
    veiled: Mapped[bool] = mapped_column()
    made_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (Index("ix_brand_veils_last", "brand_id", "created_at", "id"),)


class RecoveryCodeRow(Base):
    """A recovery code that was not used yet, as an HMAC; a used one is gone."""

    __tablename__ = "recovery_codes"
    __ledger__ = Uncovered(
        "HMACs under the master secret: a row cannot be made for a code, and a code approves nothing"
    )

    code_hmac: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class ChallengeRow(Base):
    """A WebAuthn challenge that waits for its answer: one use, five minutes.

    Its key is an HMAC over challenge, account, purpose and subject: it is found only for what it was asked for.
    """

    __tablename__ = "challenges"
    __ledger__ = Uncovered("HMACs under the master secret, over after minutes")

    binding: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class ViewRow(Sealed, Base):
    """What one account's player has played of one sealed asset. One row for both, however often the page is opened."""

    __tablename__ = "views"
    __ledger__ = Uncovered(
        "sealed under the master secret; the approval that is made of it is signed and committed"
    )
    __sealed__ = ("id", "brand_id", "account_id", "render_id", "sealed_sha256", "ranges")
    __sealed_later__ = ("proxy_sha256",)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), index=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    render_id: Mapped[str] = mapped_column(ForeignKey("renders.id"), index=True)
    sealed_sha256: Mapped[str] = mapped_column(String(64))
    ranges: Mapped[list[Any]] = mapped_column(
        default=list, info={"personal": "what a reviewer played, and when"}
    )
    proxy_sha256: Mapped[str | None] = mapped_column(
        String(64)
    )  # played in place of the file, some of it at least
    ahead: Mapped[float] = mapped_column(default=0.0)  # seconds of video that it may be ahead of our clock
    opened_at: Mapped[datetime] = mapped_column(default=now)
    reported_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (UniqueConstraint("account_id", "sealed_sha256"),)

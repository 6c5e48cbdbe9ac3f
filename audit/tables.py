"""Tables of the record. Rows are added and never changed (audit/immutable.py); the ledger commits to each of them
(audit/commitments.py)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

import audit.immutable  # noqa: F401 - wherever these rows can be read, a change of one is refused
from core.covered import Covered, Uncovered, new_salt
from core.database import Base, now
from core.tables import BigId


class LedgerEntryRow(Base):
    """One event. Inserted in the transaction of the change; ``position`` comes from the sequencer, once."""

    __tablename__ = "ledger_entries"
    __ledger__ = Uncovered("the ledger itself: verification recomputes it from its leaves to its signed root")

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    entry_id: Mapped[str] = mapped_column(String(40), unique=True)
    event: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(100))
    facts: Mapped[dict[str, Any]] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now)
    body: Mapped[str] = mapped_column(Text)  # the canonical JSON whose bytes are the leaf
    position: Mapped[int | None] = mapped_column(BigInteger, unique=True)

    # Pending rows are found by absence of a position, never by `id > last`: ids commit out of order.
    # By subject and event: a door asks for the few changes of an authority that has thousands of counted renders, and
    # the record for the newest looks at a brand of very many. No index on the subject alone: SQLite would take that
    # one, for the order of its ids.
    __table_args__ = (
        Index("ix_ledger_entries_pending", "position", "id"),
        Index("ix_ledger_entries_subject_event_id", "subject", "event", "id"),
    )


class LedgerHeadRow(Base):
    """One row: how many positions are given, and the last checkpoint that was signed."""

    __tablename__ = "ledger_head"
    __ledger__ = Uncovered("the ledger itself")

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    assigned: Mapped[int] = mapped_column(BigInteger, default=0)


class LedgerCheckpointRow(Base):
    """Every checkpoint ever signed: a restored old ledger folder is noticed by these."""

    __tablename__ = "ledger_checkpoints"
    __ledger__ = Uncovered("the ledger itself: each holds a signed note")

    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    root: Mapped[str] = mapped_column(String(64))
    note: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)


class AuthorityRow(Base):
    """One version of a consent or of a provenance statement. A change is a new version."""

    __tablename__ = "authorities"
    __ledger__ = Covered(
        committed=(
            "id", "record_id", "version", "supersedes", "brand_id", "persona_id", "kind", "document", "not_after",
            "key_id", "signature", "created_at", "salt",
        ),
        immutable=True,
    )  # fmt: skip

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    record_id: Mapped[str] = mapped_column(String(40), index=True)
    version: Mapped[int] = mapped_column(Integer)
    supersedes: Mapped[str | None] = mapped_column(ForeignKey("authorities.id"), index=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), index=True)
    persona_id: Mapped[str] = mapped_column(String(40), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    document: Mapped[dict[str, Any]] = mapped_column(
        info={"personal": "what a person agreed to: the words of the purpose, digests of the evidence"}
    )
    not_after: Mapped[datetime | None] = mapped_column(
        index=True
    )  # the document's, so that what ended is found
    key_id: Mapped[str] = mapped_column(String(16))
    signature: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)

    __table_args__ = (
        UniqueConstraint("record_id", "version"),
        # Pages of the record's search (pipeline/search.py).
        Index("ix_authorities_search", "brand_id", "kind", "created_at", "id"),
    )


class AuthorityStatusRow(Base):
    """A status of an authority, with its reason. The latest counts."""

    __tablename__ = "authority_status"
    __ledger__ = Covered(
        committed=(
            "authority_id", "ordinal", "status", "reason", "effect", "actor", "key_id", "signature", "created_at",
            "salt",
        ),
        immutable=True,
    )  # fmt: skip

    authority_id: Mapped[str] = mapped_column(ForeignKey("authorities.id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    status: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text, info={"personal": "a person's own words may stand here"})
    effect: Mapped[str] = mapped_column(String(20))
    actor: Mapped[str] = mapped_column(String(80))
    key_id: Mapped[str] = mapped_column(String(16))
    signature: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)


class AuthorityRenderRow(Base):
    """One counted render. Unique by render and by ordinal: the count is exact whoever runs at once."""

    __tablename__ = "authority_renders"
    __ledger__ = Covered(
        committed=("record_id", "render_id", "authority_id", "ordinal", "created_at", "salt"), immutable=True
    )

    record_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    render_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    authority_id: Mapped[str] = mapped_column(ForeignKey("authorities.id"), index=True)
    ordinal: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)

    __table_args__ = (UniqueConstraint("record_id", "ordinal"),)


class ReceiptRow(Base):
    """A gate's signed verdict over an essence, stored once (trust step 8)."""

    __tablename__ = "receipts"
    __ledger__ = Covered(
        committed=(
            "id", "brand_id", "essence", "gate", "gate_version", "gate_set_sha256", "brief_sha256", "verdict",
            "document", "key_id", "signature", "created_at", "salt",
        ),
        immutable=True,
    )  # fmt: skip

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(String(40), index=True)
    essence: Mapped[str] = mapped_column(String(64), index=True)
    gate: Mapped[str] = mapped_column(String(60))
    gate_version: Mapped[str] = mapped_column(String(40))
    gate_set_sha256: Mapped[str] = mapped_column(String(64))
    brief_sha256: Mapped[str] = mapped_column(String(64))
    verdict: Mapped[str] = mapped_column(String(10))
    document: Mapped[str] = mapped_column(
        Text, info={"personal": "findings quote words of the script, which may name a recipient"}
    )
    key_id: Mapped[str] = mapped_column(String(16))
    signature: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)

    __table_args__ = (
        UniqueConstraint(
            "essence",
            "gate",
            "gate_version",
            "gate_set_sha256",
            "brief_sha256",
            "brand_id",
            name="uq_receipts_once",
        ),
    )


class ApprovalRow(Base):
    """A person's decision over one sealed asset (trust step 11)."""

    __tablename__ = "approvals"
    __ledger__ = Covered(
        committed=(
            "id", "brand_id", "render_id", "sealed_sha256", "reviewer_id", "maker_id", "verdict", "reason", "manner",
            "document", "key_id", "signature", "created_at", "salt",
        ),
        immutable=True,
    )  # fmt: skip

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(String(40), index=True)
    render_id: Mapped[str] = mapped_column(String(40), index=True)
    sealed_sha256: Mapped[str] = mapped_column(String(64))
    reviewer_id: Mapped[str] = mapped_column(String(80), info={"personal": "pseudonym of a reviewer"})
    maker_id: Mapped[str] = mapped_column(String(80), info={"personal": "pseudonym of an operator"})
    verdict: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(Text, info={"personal": "free words of a reviewer"})
    manner: Mapped[str] = mapped_column(String(10))
    # What the reviewer's machine signed; the columns above are an index. None: decided before decisions were signed.
    document: Mapped[str | None] = mapped_column(Text, info={"personal": "the decision as it was signed"})
    key_id: Mapped[str | None] = mapped_column(String(16))
    signature: Mapped[str | None] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)

    __table_args__ = (
        UniqueConstraint("sealed_sha256", "reviewer_id"),
        # Pages of the record's search (pipeline/search.py).
        Index("ix_approvals_search", "brand_id", "verdict", "created_at", "id"),
        Index("ix_approvals_search_reviewer", "brand_id", "reviewer_id", "verdict", "created_at", "id"),
    )


class HoldRow(Base):
    """A person, campaign or render is kept as it is, and nothing more of it goes out; or such a hold is lifted.

    A row that ``lifts`` another ends that one: neither is ever changed.
    """

    __tablename__ = "holds"
    __ledger__ = Covered(
        committed=("id", "brand_id", "kind", "subject", "lifts", "reason", "actor", "created_at", "salt"),
        immutable=True,
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"))
    kind: Mapped[str] = mapped_column(String(20))  # audit/holds.py
    subject: Mapped[str] = mapped_column(String(40), index=True)
    lifts: Mapped[str | None] = mapped_column(ForeignKey("holds.id"), unique=True)
    reason: Mapped[str] = mapped_column(Text, info={"personal": "a person's own words may stand here"})
    actor: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)

    __table_args__ = (
        Index(
            "ix_holds_page",
            "brand_id",
            "created_at",
            "id",
            sqlite_where=text("lifts IS NULL"),
            postgresql_where=text("lifts IS NULL"),
        ),
    )


class PersonaDecisionRow(Base):
    """What the person who appears says of one sealed asset, where their authority asks them (trust step 11).

    No approval of a reviewer, and never counted as one. After an approval a refusal may follow, once.
    """

    __tablename__ = "persona_decisions"
    __ledger__ = Covered(
        committed=(
            "id", "brand_id", "render_id", "persona_id", "sealed_sha256", "account_id", "verdict", "document",
            "key_id", "signature", "created_at", "salt",
        ),
        immutable=True,
    )  # fmt: skip

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(String(40), index=True)
    render_id: Mapped[str] = mapped_column(String(40), index=True)
    persona_id: Mapped[str] = mapped_column(String(40))
    sealed_sha256: Mapped[str] = mapped_column(String(64))
    account_id: Mapped[str] = mapped_column(
        String(80), info={"personal": "pseudonym of the person who appears"}
    )
    verdict: Mapped[str] = mapped_column(String(10))
    document: Mapped[str] = mapped_column(
        Text, info={"personal": "the decision as it was signed, with its words"}
    )
    key_id: Mapped[str] = mapped_column(String(16))
    signature: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)

    __table_args__ = (UniqueConstraint("sealed_sha256", "persona_id", "verdict"),)


class ScriptDecisionRow(Base):
    """What the person who appears says of a script before anything is made of it (trust step 1), where their authority
    asks them: of a campaign's, or of one text (``render_id``: the video whose text they were shown first).
    """

    __tablename__ = "script_decisions"
    __ledger__ = Covered(
        committed=(
            "id", "brand_id", "campaign_id", "render_id", "persona_id", "script_sha256", "account_id", "verdict",
            "document", "key_id", "signature", "created_at", "salt",
        ),
        immutable=True,
    )  # fmt: skip

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(String(40), index=True)
    campaign_id: Mapped[str] = mapped_column(String(40))
    render_id: Mapped[str | None] = mapped_column(String(40), index=True)
    persona_id: Mapped[str] = mapped_column(String(40))
    script_sha256: Mapped[str] = mapped_column(
        String(64), info={"personal": "digest of a text that may name its recipient"}
    )
    account_id: Mapped[str] = mapped_column(
        String(80), info={"personal": "pseudonym of the person who appears"}
    )
    verdict: Mapped[str] = mapped_column(String(10))
    document: Mapped[str] = mapped_column(
        Text, info={"personal": "the decision as it was signed, with its words"}
    )
    key_id: Mapped[str] = mapped_column(String(16))
    signature: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)

    __table_args__ = (
        Index("ix_script_decisions_script", "campaign_id", "script_sha256"),
        # What this person said yes to before: the newest scripts.
        Index("ix_script_decisions_persona", "persona_id", "created_at", "id"),
    )

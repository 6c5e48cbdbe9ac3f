"""Tables of the capture: signed documents, authorities that are proposed, and references that are examined."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.covered import Covered, new_salt
from core.database import Base, now


class DocumentRow(Base):
    """A signed document behind an authority. Its bytes are kept encrypted, until ``keep_until`` and no longer."""

    __tablename__ = "documents"
    __ledger__ = Covered(
        committed=(
            "id", "brand_id", "sha256", "blob_sha256", "size", "media_type", "keep_until", "uploaded_by", "deleted_at",
            "created_at", "salt",
        )
    )  # fmt: skip

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), index=True)
    sha256: Mapped[str] = mapped_column(
        String(64), info={"personal": "digest of a document that a person signed"}
    )
    # Of the encrypted bytes: their name in the store. None: they were deleted.
    blob_sha256: Mapped[str | None] = mapped_column(String(64), index=True)
    size: Mapped[int] = mapped_column(BigInteger)  # bytes, as uploaded
    media_type: Mapped[str] = mapped_column(String(40))
    keep_until: Mapped[datetime] = mapped_column()
    uploaded_by: Mapped[str] = mapped_column(String(80))
    deleted_at: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)

    __table_args__ = (Index("ix_documents_over", "deleted_at", "keep_until"),)


class OnboardingRow(Base):
    """A reference clip on its way to a persona: uploaded, examined, and used by the authority that is approved for it.

    Its lease is the job's, as a render's (pipeline/leases.py): times are seconds of the database's clock.
    """

    __tablename__ = "onboardings"
    __ledger__ = Covered(
        committed=(
            "id", "brand_id", "name", "voice", "reference_sha256", "state", "material_sha256", "result", "made_by",
            "persona_id", "created_at", "changed_at", "salt",
        ),
        free={
            "fence": "who may record the examination, not what it is", "lease_until": "as the fence",
            "attempts": "how often it was tried", "hinted_at": "when a message was sent",
            "progress": "shown to people while it runs",
        },
    )  # fmt: skip

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"))
    name: Mapped[str] = mapped_column(String(200), info={"personal": "the persona's display name"})
    voice: Mapped[str] = mapped_column(String(60))
    reference_sha256: Mapped[str | None] = mapped_column(String(64))  # None: it was deleted
    state: Mapped[str] = mapped_column(String(20))  # waiting, passed, refused, deleted
    material_sha256: Mapped[str | None] = mapped_column(
        String(64), info={"personal": "digest of face and voice templates, kept for the identity gates only"}
    )
    result: Mapped[dict[str, Any]] = mapped_column(
        default=dict, info={"personal": "what was seen and heard in a clip of a person"}
    )
    made_by: Mapped[str] = mapped_column(String(80))
    persona_id: Mapped[str | None] = mapped_column(String(40))
    fence: Mapped[int] = mapped_column(Integer, default=0)
    lease_until: Mapped[float | None] = mapped_column(Float)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    hinted_at: Mapped[float | None] = mapped_column(Float)
    progress: Mapped[float] = mapped_column(Float, default=0.0)
    created_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)

    __table_args__ = (
        Index("ix_onboardings_page", "brand_id", "created_at", "id"),
        Index("ix_onboardings_waiting", "state", "lease_until"),
    )


class ProposalRow(Base):
    """An authority that somebody states and that counts for nothing until a legal user has approved it.

    ``content``: what the authority's file says (:class:`pipeline.onboarding.AuthorityFile`). For a persona that there
    is: ``supersedes`` names the version that it would follow; else ``onboarding_id`` the reference that becomes one.
    """

    __tablename__ = "authority_proposals"
    __ledger__ = Covered(
        committed=(
            "id", "brand_id", "persona_id", "supersedes", "onboarding_id", "content", "notice", "document_id",
            "proposed_by", "verdict", "words", "decided_by", "decided_at", "authority_id", "created_at", "salt",
        )
    )  # fmt: skip

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"))
    persona_id: Mapped[str | None] = mapped_column(String(40))
    supersedes: Mapped[str | None] = mapped_column(String(40))
    onboarding_id: Mapped[str | None] = mapped_column(ForeignKey("onboardings.id"))
    content: Mapped[dict[str, Any]] = mapped_column(info={"personal": "what a person agreed to"})
    notice: Mapped[str] = mapped_column(
        Text, default=""
    )  # the text whose digest the consent names, if given here
    document_id: Mapped[str | None] = mapped_column(ForeignKey("documents.id"))
    proposed_by: Mapped[str] = mapped_column(String(80))
    verdict: Mapped[str | None] = mapped_column(String(10))  # approved, refused; None: it waits
    words: Mapped[str] = mapped_column(Text, default="", info={"personal": "free words of who decided"})
    decided_by: Mapped[str | None] = mapped_column(String(80))
    decided_at: Mapped[datetime | None] = mapped_column()
    authority_id: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)

    __table_args__ = (
        # The proposals of a brand: those that wait first, each kind by its age.
        Index("ix_authority_proposals_brand", "brand_id", "verdict", "created_at", "id"),
        Index("ix_authority_proposals_onboarding", "onboarding_id"),
        Index("ix_authority_proposals_authority", "authority_id"),
    )

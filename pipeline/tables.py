"""Tables of the pipeline: personas, campaigns, renders and their numbers, and the cache of stage results; those of the
review and of the sending, which stand in files of their own, are had from here too."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DDL, BigInteger, Float, ForeignKey, Index, Integer, String, Text, event, text
from sqlalchemy.orm import Mapped, mapped_column

from core.covered import Covered, Uncovered, new_salt
from core.database import Base, now
from core.tables import BigId
from pipeline.counting import COUNTING
from pipeline.review_tables import AnnotationRow, ReviewFlagRow, ReviewLeaseRow
from pipeline.sending_tables import CampaignCourseRow, RecipientListRow, SuppressionRow

__all__ = [
    "AnnotationRow",
    "CampaignCourseRow",
    "CampaignRow",
    "ImportRow",
    "PersonaRow",
    "RecipientListRow",
    "RenderCountChangeRow",
    "RenderCountRow",
    "RenderRow",
    "ReviewFlagRow",
    "ReviewLeaseRow",
    "StageResultRow",
    "SuppressionRow",
]


def _where(condition: str) -> dict[str, Any]:
    """An index over the rows for which the condition holds, on both databases."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class PersonaRow(Base):
    """Who appears: a reference clip examined at onboarding, and the authority that allows its use.

    ``authority_id`` names the version that it was enrolled under; the version in force is that record's newest.
    """

    __tablename__ = "personas"
    __ledger__ = Covered(
        committed=(
            "id", "brand_id", "name", "authority_id", "voice", "reference_sha256", "material_sha256", "created_at",
            "salt",
        ),
        immutable=True,
    )  # fmt: skip

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"))
    name: Mapped[str] = mapped_column(String(200), info={"personal": "the persona's display name"})
    authority_id: Mapped[str] = mapped_column(String(40))
    voice: Mapped[str] = mapped_column(String(60))
    reference_sha256: Mapped[str] = mapped_column(String(64))
    material_sha256: Mapped[str] = mapped_column(
        String(64), info={"personal": "digest of face and voice templates, kept for the identity gates only"}
    )
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)

    __table_args__ = (
        Index("ix_personas_page", "brand_id", "created_at", "id"),
        Index("ix_personas_authority_id", "authority_id"),
        Index("ix_personas_reference", "brand_id", "reference_sha256"),  # who is the same person
    )


class CampaignRow(Base):
    """Brand + persona + template + territory + channel: what its renders have in common."""

    __tablename__ = "campaigns"
    __ledger__ = Covered(
        committed=(
            "id", "brand_id", "persona_id", "name", "template", "field_schema", "language", "territory", "channel",
            "topic", "rule_pack", "label_profile", "risk_class", "gate_set", "release_on_approval", "created_at",
        ),
        immutable=True,
    )  # fmt: skip

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"))
    persona_id: Mapped[str] = mapped_column(ForeignKey("personas.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    template: Mapped[str] = mapped_column(Text)
    field_schema: Mapped[dict[str, Any]] = mapped_column()
    language: Mapped[str] = mapped_column(String(20), default="en")
    territory: Mapped[str] = mapped_column(String(20))
    channel: Mapped[str] = mapped_column(String(40))
    topic: Mapped[str] = mapped_column(String(100))
    rule_pack: Mapped[str] = mapped_column(String(100))
    label_profile: Mapped[str] = mapped_column(String(60))
    risk_class: Mapped[str] = mapped_column(String(20), default="standard")
    gate_set: Mapped[str] = mapped_column(String(60), default="standard")
    release_on_approval: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        Index("ix_campaigns_page", "brand_id", "created_at", "id"),
        Index(
            "ix_campaigns_persona", "persona_id", "created_at", "id"
        ),  # what the person who appears is shown
    )


class RenderRow(Base):
    """One video to be made or examined. Never edited: a change is a new render that names the old."""

    __tablename__ = "renders"
    __ledger__ = Covered(
        committed=(
            "id", "brand_id", "campaign_id", "maker_id", "supersedes", "request_key", "state", "origin", "fields",
            "script", "script_findings", "source_sha256", "speech_sha256", "mark_id", "essence", "seconds",
            "examined_sha256", "sealed_sha256", "published_sha256", "verdict", "summary", "gate_set_sha256",
            "brief_sha256", "reason", "created_at", "changed_at", "salt",
        ),
        free={
            "fence": "who may record a stage's result, not what it is",
            "lease_owner": "as the fence", "lease_started": "as the fence", "lease_until": "as the fence",
            "attempts": "how often a stage was tried; a wrong number delays or parks it",
            "waits": "as the attempts", "retry_at": "when a stage is tried again", "hinted_at": "when a hint was sent",
            "progress": "shown to people while a stage runs", "timings": "seconds, shown to people",
            "cause": "the reason's code once more, for lists: what is done about one reads the reason",
        },
    )  # fmt: skip

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"))
    campaign_id: Mapped[str] = mapped_column(ForeignKey("campaigns.id"))
    maker_id: Mapped[str] = mapped_column(String(40))
    supersedes: Mapped[str | None] = mapped_column(ForeignKey("renders.id"))
    request_key: Mapped[str | None] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(20), default="draft")

    # What it is made from: fields of a template, or a finished video (an import).
    origin: Mapped[str] = mapped_column(String(10), default="made")
    fields: Mapped[dict[str, Any]] = mapped_column(info={"personal": "a recipient's fields"})
    script: Mapped[str | None] = mapped_column(Text, info={"personal": "the composed text names a recipient"})
    script_findings: Mapped[list[Any]] = mapped_column(default=list, info={"personal": "quotes the script"})
    source_sha256: Mapped[str | None] = mapped_column(String(64))

    # What was made, each named by its digest.
    speech_sha256: Mapped[str | None] = mapped_column(String(64))
    mark_id: Mapped[int | None] = mapped_column(BigInteger)
    essence: Mapped[str | None] = mapped_column(String(64), index=True)
    seconds: Mapped[float | None] = mapped_column(Float)
    examined_sha256: Mapped[str | None] = mapped_column(String(64))
    sealed_sha256: Mapped[str | None] = mapped_column(String(64))
    published_sha256: Mapped[str | None] = mapped_column(String(64))

    # What was found: the verdict of step 8, and why it ended where it ended.
    verdict: Mapped[str | None] = mapped_column(String(10))
    summary: Mapped[str] = mapped_column(
        String(300), default="", info={"personal": "the gravest finding may quote the script"}
    )
    gate_set_sha256: Mapped[str | None] = mapped_column(String(64))
    brief_sha256: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[dict[str, Any] | None] = mapped_column()
    cause: Mapped[str] = mapped_column(String(60), default="", server_default="")  # pipeline/causes.py

    # The lease on the current stage; times are seconds of the database's clock.
    fence: Mapped[int] = mapped_column(Integer, default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(100))
    lease_started: Mapped[float | None] = mapped_column(Float)
    lease_until: Mapped[float | None] = mapped_column(Float)
    attempts: Mapped[int] = mapped_column(Integer, default=0)  # leases taken since the last result
    waits: Mapped[int] = mapped_column(Integer, default=0)  # results that said: try again later
    retry_at: Mapped[float | None] = mapped_column(Float)  # the stage is not claimed before
    hinted_at: Mapped[float | None] = mapped_column(Float)  # the last message about it
    progress: Mapped[float] = mapped_column(Float, default=0.0)
    timings: Mapped[dict[str, Any]] = mapped_column(default=dict)

    created_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)

    __table_args__ = (
        # Pages of a list, by brand and by campaign (pipeline/paging.py). The id orders what came at the same moment.
        Index("ix_renders_queue", "brand_id", "state", "created_at", "id"),
        Index("ix_renders_campaign", "campaign_id", "state", "created_at", "id"),
        Index(
            "ix_renders_gravest", "brand_id", "verdict", "created_at", "id", **_where("state = 'in_review'")
        ),
        Index(
            "ix_renders_campaign_gravest",
            "campaign_id",
            "verdict",
            "created_at",
            "id",
            **_where("state = 'in_review'"),
        ),
        # What a change of an authority took back or stopped, counted from then on.
        Index(
            "ix_renders_ended",
            "campaign_id",
            "changed_at",
            "state",
            **_where("state IN ('recalled', 'blocked')"),
        ),
        # Recalls by when they were, of a brand and of a campaign (pipeline/search.py).
        Index("ix_renders_recalled", "brand_id", "changed_at", "id", **_where("state = 'recalled'")),
        Index(
            "ix_renders_campaign_recalled", "campaign_id", "changed_at", "id", **_where("state = 'recalled'")
        ),
        Index("ix_renders_waiting", "state", "lease_until"),
        # What stopped in a campaign, by why; and what took a render's place.
        Index(
            "ix_renders_cause",
            "campaign_id",
            "state",
            "cause",
            "created_at",
            "id",
            **_where("state IN ('failed', 'blocked', 'rejected')"),
        ),
        Index("ix_renders_supersedes", "supersedes", "created_at", "id", **_where("supersedes IS NOT NULL")),
        # An intake that is sent twice makes one render.
        Index("uq_renders_request", "brand_id", "request_key", unique=True),
    )


class ImportRow(Base):
    """What came with a finished video that was made elsewhere: by what it was made, and what its credential said."""

    __tablename__ = "imports"
    __ledger__ = Covered(
        committed=("render_id", "brand_id", "engine", "credential", "created_at", "salt"), immutable=True
    )

    render_id: Mapped[str] = mapped_column(ForeignKey("renders.id"), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), index=True)
    engine: Mapped[str] = mapped_column(String(100))
    credential: Mapped[dict[str, Any]] = mapped_column(
        info={"personal": "a credential may name who made a video"}
    )
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(String(32), default=new_salt)


for _dialect, _statements in COUNTING.items():
    for _statement in _statements.values():
        event.listen(RenderRow.__table__, "after_create", DDL(_statement).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]


class RenderCountRow(Base):
    """How many renders of a campaign are in a state; under the campaign "" those of the whole brand.

    Changes that are not folded in yet come on top (:class:`RenderCountChangeRow`, pipeline/counts.py).
    """

    __tablename__ = "render_counts"
    __ledger__ = Uncovered("numbers that people are shown; the renders themselves say them again at any time")

    brand_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    campaign_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    state: Mapped[str] = mapped_column(String(20), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        Index("ix_render_counts_campaign_id", "campaign_id"),
        # The campaigns that hold something now (pipeline/narrowing.py).
        Index("ix_render_counts_held", "brand_id", "state", "campaign_id", **_where("number <> 0")),
    )


class RenderCountChangeRow(Base):
    """One render came into a state (+1) or left it (-1). The database's trigger writes it, in the same transaction."""

    __tablename__ = "render_count_changes"
    __ledger__ = Uncovered("as the counts that it is folded into")

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    brand_id: Mapped[str] = mapped_column(String(40), index=True)
    campaign_id: Mapped[str] = mapped_column(String(40), index=True)
    state: Mapped[str] = mapped_column(String(20))
    change: Mapped[int] = mapped_column(Integer)


class StageResultRow(Base):
    """A pure stage's result under the keyed digest of its inputs: work that was done is not done again."""

    __tablename__ = "stage_results"
    __ledger__ = Uncovered("a cache: what it names is examined by the gates like anything else")

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"), index=True)
    stage: Mapped[str] = mapped_column(String(20))
    result: Mapped[dict[str, Any]] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now)

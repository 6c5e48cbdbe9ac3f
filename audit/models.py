"""The record's words: scope, authority, receipt, approval."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from core.models import GateDecision, Verdict

Likeness = Literal["face", "voice", "body", "name"]
ANY = "*"


class AuthorityStatus(StrEnum):
    """Where an authority stands. Only ``GRANTED`` allows a render."""

    GRANTED = "granted"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    EXPIRED = "expired"


class Effect(StrEnum):
    """What a withdrawal, a suspension or the end means for what is already out. New renders stop under each."""

    NONE = "none"  # what is released stands: its links go on, and new ones are made
    STOP = "stop"  # no new link, release or send; existing links go on until they expire
    RECALL = "recall"  # what is out is taken back


class Scope(BaseModel):
    """What an authority allows. Every limit is stated: an empty list allows nothing, ``"*"`` allows any.

    After ISO/IEC TS 27560 and the contract riders in the research note. Ids and codes only, apart from
    ``purpose`` and topics. Times are aware.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    brands: tuple[str, ...] = Field((), description="Brand ids.", max_length=200)
    campaigns: tuple[str, ...] = Field((), description="Campaign ids.", max_length=1000)
    topics_allowed: tuple[str, ...] = Field((), description="Topics of policy/topics.yaml.", max_length=100)
    topics_barred: tuple[str, ...] = Field(
        (), description="Topics that block even when allowed.", max_length=100
    )
    script_mode: Literal["exact", "template", "free"] | None = Field(
        None, description="exact: only the listed scripts; template: only the listed templates; free: any."
    )
    scripts: tuple[str, ...] = Field(
        (), description="SHA-256 of allowed scripts or templates.", max_length=1000
    )
    personal_fields: tuple[str, ...] = Field(
        (), description="Field names a script may fill in.", max_length=100
    )
    languages: tuple[str, ...] = Field((), description="BCP 47; 'en' covers 'en-IN'.", max_length=100)
    territories: tuple[str, ...] = Field(
        (), description="Lower case: 'in', 'eu', 'us', or '*'.", max_length=300
    )
    channels: tuple[str, ...] = Field((), description="Channel names.", max_length=100)
    likeness: tuple[Likeness, ...] = Field((), description="What of the person may be used.")
    not_before: AwareDatetime | None = None
    not_after: AwareDatetime | None = None
    max_renders: int | Literal["unlimited"] | None = Field(None, description="Renders over all versions.")
    training: bool = Field(False, description="May models be trained on the material?")
    on_withdrawal: Effect = Field(
        Effect.STOP, description="What a withdrawal does to released videos unless it says otherwise."
    )
    on_expiry: Effect = Field(Effect.STOP, description="What the end does to released videos.")
    purpose: str = Field("", max_length=2000, description="The purpose in specific words.")

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.not_before and self.not_after and self.not_after <= self.not_before:
            raise ValueError("not_after must be later than not_before")
        if isinstance(self.max_renders, int) and self.max_renders < 0:
            raise ValueError("max_renders cannot be negative")
        return self


class Consent(BaseModel):
    """What a real person agreed to, and how we know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject_kind: Literal["adult", "minor", "estate"]
    guardian: bool = Field(False, description="A guardian or the estate agreed on the subject's behalf.")
    grantee: str = Field(max_length=200, description="Legal entity that may use the likeness.")
    notice_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Digest of the notice text.")
    notice_language: str = Field(max_length=20)
    notice_version: str = Field(max_length=40)
    retention_class: str = Field("likeness", max_length=40)

    @model_validator(mode="after")
    def _someone_may_agree(self) -> Self:
        if self.subject_kind != "adult" and not self.guardian:
            raise ValueError("a minor or an estate needs a guardian or representative")
        return self


class ProvenanceStatement(BaseModel):
    """What a presenter who does not exist was made from, and by whom."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    made_by: str = Field(max_length=200, description="Organisation or project, not a person.")
    made_from: str = Field(max_length=2000, description="Sources in words.")
    method: str = Field(max_length=2000)
    checked_against: str = Field("", max_length=2000, description="How likeness to real people was checked.")


class AuthorityDocument(BaseModel):
    """The signed content of one version of an authority."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    record_id: str
    version: int = Field(ge=1)
    supersedes: str | None
    brand_id: str
    persona_id: str
    kind: Literal["consent", "provenance"]
    scope: Scope
    approval_mode: Literal["final_cut", "script", "none"]
    consent: Consent | None = None
    provenance: ProvenanceStatement | None = None
    evidence: dict[str, str] = Field(
        default_factory=dict, max_length=50, description="Name of the evidence to SHA-256 of its bytes."
    )
    made_at: str

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.kind == "consent") != (self.consent is not None) or (self.kind == "provenance") != (
            self.provenance is not None
        ):
            raise ValueError("a consent holds a consent, a provenance statement holds a statement")
        if self.kind == "consent" and self.scope.not_after is None:
            raise ValueError("a consent of a real person states when it ends")
        return self


class StatusChange(BaseModel):
    """One entry of an authority's history."""

    model_config = ConfigDict(frozen=True)

    status: AuthorityStatus
    reason: str
    effect: Effect
    actor: str
    time: datetime


class Authority(BaseModel):
    """A verified authority as it stands now: the signed document, its status, its counter."""

    model_config = ConfigDict(frozen=True)

    document: AuthorityDocument
    status: AuthorityStatus
    history: tuple[StatusChange, ...]
    superseded_by: str | None
    renders_counted: int

    @property
    def id(self) -> str:
        return self.document.id

    @property
    def scope(self) -> Scope:
        return self.document.scope

    @property
    def approval_mode(self) -> Literal["final_cut", "script", "none"]:
        return self.document.approval_mode


class Receipt(BaseModel):
    """A gate's signed verdict over an essence."""

    model_config = ConfigDict(frozen=True)

    id: str
    brand_id: str
    essence: str
    decision: GateDecision
    gate_set_sha256: str
    brief_sha256: str
    environment: str
    time: str
    key_id: str
    signature: str
    sha256: str = Field(description="Digest of the signed bytes: what a credential names.")

    @property
    def gate(self) -> str:
        return self.decision.result.gate

    @property
    def verdict(self) -> Verdict:
        return self.decision.verdict


Decision = Literal["approve", "reject"]
Manner = Literal["seen", "decided", "sampled"]
"""``seen``: in full, as the player reported it; ``decided`` otherwise; ``sampled`` under a sampling plan."""
Factor = Literal["none", "passkey", "totp"]
"""What was proven beyond the sign-in at the decision."""


class Approval(BaseModel):
    """A person's decision over one sealed asset, as it was signed."""

    model_config = ConfigDict(frozen=True)

    id: str
    brand_id: str
    render_id: str
    sealed_sha256: str
    essence: str
    reviewer_id: str
    maker_id: str
    verdict: Decision
    reason: str
    manner: Manner
    factor: Factor
    shown_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Digest of what the reviewer was shown.")
    played: tuple[tuple[float, float], ...] = Field((), max_length=2000)
    proxy_sha256: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{64}$",
        exclude_if=lambda value: (
            value is None
        ),  # a decision of before there were proxies stays what was signed
        description="The copy that was played in place of the sealed file, where the browser could not play that.",
    )
    time: AwareDatetime


PersonaVerdict = Literal["approve", "refuse"]


class PersonaDecision(BaseModel):
    """What the person who appears said of one sealed asset, as it was signed."""

    model_config = ConfigDict(frozen=True)

    id: str
    brand_id: str
    render_id: str
    persona_id: str
    authority_id: str = Field(description="The version that asked.")
    sealed_sha256: str
    essence: str
    account_id: str
    verdict: PersonaVerdict
    words: str = Field("", max_length=2000)
    time: AwareDatetime


ScriptVerdict = Literal["approve", "each", "refuse"]
"""``each``: yes to the script, and every text that is composed from it is to be shown too."""


class ScriptDecision(BaseModel):
    """What the person who appears said of a script before anything was made of it, as it was signed."""

    model_config = ConfigDict(frozen=True)

    id: str
    brand_id: str
    campaign_id: str
    render_id: str | None = Field(description="The video whose text was shown; None: the campaign's script.")
    persona_id: str
    authority_id: str = Field(description="The version that asked.")
    script_sha256: str
    account_id: str
    verdict: ScriptVerdict
    words: str = Field("", max_length=2000)
    time: AwareDatetime

"""Rule packs, reports, uses: the shapes of text policy and consent scope."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.models import Finding, Verdict

Action = Literal["block", "review", "note"]
FieldKind = Literal["name", "place", "organisation", "number", "date", "code", "text"]


class FieldLike(Protocol):
    """A personal field inside the composed text: ``text[start:end]`` is its value."""

    @property
    def name(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


class Examples(BaseModel):
    """Texts that a rule must find, and texts that it must leave alone. The pack loads only if it does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    match: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()


class Match(BaseModel):
    """When a rule fires: any of terms, patterns, names of a fact, or a fact that is false."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    terms: tuple[str, ...] = Field((), max_length=400, description="Phrases, see policy/phrases.py.")
    patterns: tuple[str, ...] = Field((), max_length=50, description="Bounded regular expressions.")
    unless: tuple[str, ...] = Field(
        (), max_length=100, description="Phrases that excuse a match inside them."
    )
    strong: bool = Field(False, description="Also masked, by sound and across two personal fields.")
    ordinary: tuple[str, ...] = Field((), description="Names and words that sound alike and are meant.")
    claim: str | None = Field(None, description="Excused when the fact `substantiated` lists this claim.")
    disclosure: tuple[str, ...] = Field((), description="Excused when one of these phrases is in the text.")
    names_from: Literal["competitors"] | None = Field(None, description="Names of the brand's own list.")
    fact: str | None = Field(None, description="Fires when this fact of the campaign is given and false.")
    only_fields: tuple[FieldKind, ...] = Field(
        (), description="Looks at personal fields of these kinds alone."
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.terms or self.patterns or self.names_from or self.fact):
            raise ValueError("a rule without terms, patterns, names or a fact matches nothing")
        return self


class Rule(BaseModel):
    """One rule of a pack."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{2,59}$")
    severity: Literal["low", "medium", "high"]
    action: Action
    message: str = Field(min_length=10, max_length=300)
    hint: str = Field("", max_length=300)
    citation: str = Field(min_length=5, max_length=300)
    match: Match
    examples: Examples


class FieldRule(BaseModel):
    """What a personal field of a kind may hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FieldKind
    names: tuple[str, ...] = Field((), description="Field names of this kind; `*` for the rest.")
    max_length: int = Field(ge=1, le=1000)
    max_words: int = Field(ge=1, le=200)
    digits: bool = False
    punctuation: str = Field("", max_length=40, description="Allowed besides letters, marks and spaces.")


class Pack(BaseModel):
    """A versioned set of rules. Immutable once used: its hash is in every report."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{1,39}$")
    version: str = Field(pattern=r"^[0-9][0-9.]{0,9}$")
    title: str = Field(max_length=100)
    status: str = Field("", max_length=400, description="What the rules rest on, and when it was read.")
    locales: tuple[str, ...] = Field(min_length=1, description="Languages that the rules were written for.")
    territories: tuple[str, ...] = Field((), description="Chosen by territory where given.")
    lists: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    fields: tuple[FieldRule, ...] = ()
    rules: tuple[Rule, ...] = Field(min_length=1, max_length=500)

    @model_validator(mode="after")
    def _unique(self) -> Self:
        ids = [rule.id for rule in self.rules]
        if len(set(ids)) != len(ids):
            raise ValueError("two rules have one id")
        return self


class PolicyReport(BaseModel):
    """What the packs say of one composed text (trust step 3)."""

    model_config = ConfigDict(frozen=True)

    verdict: Verdict
    findings: tuple[Finding, ...]
    packs: dict[str, str] = Field(description="Pack name to version@sha256.")


class Use(BaseModel):
    """One intended use of a persona, to be held against an authority (trust step 1)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    brand_id: str
    campaign_id: str
    language: str = Field(description="BCP 47.")
    territory: str
    channel: str
    at: datetime = Field(description="The moment of the use, aware.")
    topic: str = Field("", description="Topic that the campaign declares.")
    script_mode: Literal["exact", "template", "free"] = "template"
    script_sha256: str = Field("", description="Digest of the exact script, or of the template.")
    script: str | None = Field(None, description="The composed text, for its topics; None before step 2.")
    personal_fields: tuple[str, ...] = ()
    likeness: tuple[Literal["face", "voice", "body", "name"], ...] = ("face", "voice")
    persona_id: str | None = Field(None, description="None where the authority was found by the persona.")
    renders: int = Field(0, ge=0, description="Renders that this use adds to those counted already.")
    training: bool = False


class ScopeDecision(BaseModel):
    """Whether an authority covers a use: pass, review or block, with a finding for each limit."""

    model_config = ConfigDict(frozen=True)

    verdict: Verdict
    findings: tuple[Finding, ...]

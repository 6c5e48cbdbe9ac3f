"""What the verifier says of a file, as a typed document."""

from __future__ import annotations

from pydantic import BaseModel, Field

from provenance.models import Release, VerifyVerdict


class Ingredient(BaseModel):
    """What went into the file, as its credential says."""

    title: str
    relationship: str
    has_credential: bool


class GateStated(BaseModel):
    """A gate's verdict, as a credential of ours states it."""

    gate: str
    version: str
    verdict: str


class GateSetStated(BaseModel):
    """The gates that were asked, by name and hash."""

    name: str
    sha256: str


class ApprovalStated(BaseModel):
    """The approval, as a credential of ours states it: its digest, and the manner as the player reported it."""

    sha256: str
    manner: str
    manner_reported_by: str = ""


class CredentialRead(BaseModel):
    """The content credential. What it claims is told only where we know who claims it (`ours`)."""

    present: bool
    state: str
    ours: bool | None = None
    id: str | None = None
    issuer: str | None = None
    signed_at: str | None = None
    tool: str | None = None
    actions: list[str] | None = None
    ingredients: list[Ingredient] | None = None
    made_by: list[str] | None = None
    demonstration: bool | None = None
    gate_set: GateSetStated | None = None
    gates: list[GateStated] | None = None
    approval: ApprovalStated | None = None


class MarkRead(BaseModel):
    """The invisible mark. `checked` false: nobody looked."""

    checked: bool | None = None
    present: bool | None
    id: str | None
    p_false: float | None = Field(description="Chance that the reading is an accident.")


class SystemSays(BaseModel):
    """What the installation says of the file: never a recipient, a name or a score."""

    name: str | None = None
    made_here: bool | None = None
    demonstration: bool | None = None
    campaign: str | None = None


class ProblemFound(BaseModel):
    """Something that was found, where it applies with its seconds."""

    code: str
    message: str
    t0: float | None = None
    t1: float | None = None


class Verification(BaseModel):
    """Is this file what it claims to be?"""

    verdict: VerifyVerdict
    sentence: str
    trusted: bool
    release: Release
    credential: CredentialRead
    watermark: MarkRead
    system: SystemSays
    problems: list[ProblemFound]

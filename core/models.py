"""The words that every package shares: verdicts, spans, findings, gate results, the brief of a render."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Verdict(StrEnum):
    """What a gate says. Ordered by severity: ``PASS < REVIEW < BLOCK``; an abstain counts as review."""

    PASS = "pass"
    REVIEW = "review"
    BLOCK = "block"

    @property
    def severity(self) -> int:
        return {"pass": 0, "review": 1, "block": 2}[self.value]

    @staticmethod
    def worst(verdicts: list[Verdict]) -> Verdict:
        """The most severe of a list. Raises ValueError on an empty one: nothing checked is no pass."""
        if not verdicts:
            raise ValueError("no verdicts: an empty set of gates never passes")
        return max(verdicts, key=lambda verdict: verdict.severity)


class Span(BaseModel):
    """Where a finding is: characters of a text, seconds of the video, a region of the picture.

    ``start``/``end`` are character offsets into the original text (end exclusive). ``t0``/``t1`` are
    seconds of the one time axis of the render. ``region`` is x, y, width, height as fractions of the frame.
    """

    model_config = ConfigDict(frozen=True)

    source: Literal["script", "field", "transcript", "picture", "sound", "file"] = "file"
    start: int | None = None
    end: int | None = None
    t0: float | None = None
    t1: float | None = None
    region: tuple[float, float, float, float] | None = None
    text: str | None = Field(None, description="The words concerned, for script and transcript spans.")
    track: int | None = Field(
        None, description="Number of the file's track that was looked at or heard, from 0."
    )


class Finding(BaseModel):
    """A rule or a measure that fired."""

    model_config = ConfigDict(frozen=True)

    code: str = Field(description="Stable snake_case reason code, such as `lip_audio_mismatch`.")
    severity: Literal["note", "review", "block"]
    message: str = Field(description="One plain sentence for a reviewer.")
    spans: tuple[Span, ...] = ()
    score: float | None = None
    threshold: float | None = None
    unit: str = ""
    hint: str = Field("", description="What the maker can change.")
    citation: str = Field("", description="The rule's source.")
    rule: str = Field("", description="rule_id or pack@version:rule_id for policy findings.")


class GateResult(BaseModel):
    """What one gate measured on one asset: a score and findings, no verdict yet (``core.gates.decide``)."""

    model_config = ConfigDict(frozen=True)

    gate: str
    version: str
    score: float | None = Field(description="In the gate's unit; None when it abstained.")
    unit: str
    abstained: bool = False
    reason: str = Field("", description="Why it abstained, or a short summary in words.")
    findings: tuple[Finding, ...] = ()
    curve: tuple[tuple[float, float], ...] = Field(
        (), description="(seconds, value) for the review page's lanes."
    )
    measures: dict[str, Any] = Field(default_factory=dict, description="Further numbers, for experts.")
    models: dict[str, str] = Field(
        default_factory=dict, description="Names and SHA-256 of the weights that ran."
    )


class GateDecision(BaseModel):
    """A gate result with the verdict that the gate set gives it. This is what a receipt signs."""

    model_config = ConfigDict(frozen=True)

    result: GateResult
    verdict: Verdict
    threshold: float | None


@dataclass(frozen=True)
class PersonaMaterial:
    """What identity gates compare with: references of the persona, already examined at onboarding.

    Attributes:
        faces: (n, 128) float32 dlib embeddings of the reference.
        voices: (m, 256) float32 GE2E embeddings of the voice that the persona speaks with; may be empty.
    """

    faces: Any
    voices: Any


@dataclass(frozen=True)
class Brief:
    """What a campaign's gates know of the render they examine. ``analyze`` has none.

    Attributes:
        script: the composed text that passed step 3, None for an import without a script.
        language: BCP 47 code of the script.
        persona: reference material of the persona.
        label_profile: name of the territory's label profile.
        mark_id: the id that step 6 put in, None where no mark of ours is expected.
    """

    script: str | None
    language: str
    persona: PersonaMaterial | None
    label_profile: str
    mark_id: int | None
    facts: dict[str, Any] = field(default_factory=dict)


class AssetRole(StrEnum):
    """The three roles of a render's bytes; all share one essence."""

    EXAMINED = "examined"
    SEALED = "sealed"
    PUBLISHED = "published"


@dataclass(frozen=True)
class StoredBlob:
    """Bytes in the blob store, and a local path where they can be read."""

    sha256: str
    size: int
    path: Path

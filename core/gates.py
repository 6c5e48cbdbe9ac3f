"""The gate-set document, and the one function that turns a score into a verdict (trust step 8).

Scorers, the console, receipts and backtests read thresholds here and nowhere else. A gate set names each
gate, its version, the weights it may run, and its thresholds with unit and reason. Its hash is in every
receipt and credential, so a gate that was off, or looser, is visible. Fails closed: an empty set, an
unknown gate, another version or an abstain never pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.canonical import digest_json
from core.errors import GreenroomError
from core.models import GateDecision, GateResult, Verdict

GATE_SETS = Path(__file__).parent / "gate_sets"


class GateSetError(GreenroomError):
    """The gate set is empty, broken or does not know a gate."""

    code = "gate_set"


class Threshold(BaseModel):
    """Bounds on a gate's score: ``direction`` says which side is bad; ``review`` comes before ``block``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    direction: Literal["high_is_bad", "low_is_bad"]
    review: float
    block: float | None = None
    unit: str
    reason: str = Field(min_length=20, description="Where the number comes from: data, split, figure.")

    @model_validator(mode="after")
    def _ordered(self) -> Threshold:
        if self.block is not None:
            worse = (
                self.block >= self.review if self.direction == "high_is_bad" else self.block <= self.review
            )
            if not worse:
                raise ValueError("block must be at least as bad as review")
        return self

    def verdict(self, score: float) -> Verdict:
        def reached(bound: float) -> bool:
            return score >= bound if self.direction == "high_is_bad" else score <= bound

        if self.block is not None and reached(self.block):
            return Verdict.BLOCK
        return Verdict.REVIEW if reached(self.review) else Verdict.PASS


class GateEntry(BaseModel):
    """One gate of the set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    threshold: Threshold | None = Field(None, description="None: the gate decides by its findings alone.")
    findings: dict[str, Threshold] = Field(
        default_factory=dict,
        description="Bounds of the measures behind its findings, by reason code, for gates of many measures.",
    )
    required: bool = Field(True, description="Its receipt must be present at release.")
    informational: bool = Field(False, description="Measured and shown; never changes the render's verdict.")
    needs_brief: bool = Field(False, description="Runs only for a campaign's render, not in `analyze`.")
    models: dict[str, str] = Field(
        default_factory=dict, description="Weights by name; digests in the registry."
    )


class GateSet(BaseModel):
    """All gates of step 8 under one name and one hash."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    gates: dict[str, GateEntry] = Field(min_length=1)

    @cached_property
    def sha256(self) -> str:
        """Hash of the whole document, as canonical JSON."""
        return digest_json(self.model_dump(mode="json"))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> GateSet:
        """As pydantic's; a copy with other gates has another hash."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("sha256", None)
        return copy

    def required(self, *, with_brief: bool = True) -> list[str]:
        """Names whose receipts a release needs."""
        return [
            name
            for name, entry in self.gates.items()
            if entry.required and (with_brief or not entry.needs_brief)
        ]


def load_gate_set(name: str = "standard") -> GateSet:
    """The named gate set of ``core/gate_sets``. Raises :class:`GateSetError` when it is missing or broken."""
    return _load(GATE_SETS / f"{name}.yaml")


@lru_cache(maxsize=8)
def _load(path: Path) -> GateSet:
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return GateSet.model_validate(document)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise GateSetError(
            f"the gate set cannot be read: {error}", where=path.name, next_step="restore or correct the file"
        ) from error


def decide(result: GateResult, gate_set: GateSet) -> GateDecision:
    """The verdict of one gate: the worse of its score against the threshold and its findings' severities.

    Raises:
        GateSetError: the gate is not in the set, or it ran in another version than the set names.
    """
    entry = gate_set.gates.get(result.gate)
    if entry is None:
        raise GateSetError(f"the gate set '{gate_set.name}' does not know the gate '{result.gate}'")
    if entry.version != result.version:
        raise GateSetError(
            f"gate '{result.gate}' ran as version {result.version}, the gate set names {entry.version}",
            next_step="install the version that the gate set names, or publish a new gate set",
        )
    threshold = entry.threshold
    bound = threshold.review if threshold else None
    verdicts = [Verdict.REVIEW if result.abstained else Verdict.PASS]
    if threshold is not None and not result.abstained:
        # A gate with a threshold that brings no score has not measured anything: that is no pass.
        verdicts.append(threshold.verdict(result.score) if result.score is not None else Verdict.REVIEW)
    verdicts += [Verdict(finding.severity) for finding in result.findings if finding.severity != "note"]
    return GateDecision(result=result, verdict=Verdict.worst(verdicts), threshold=bound)


def overall(decisions: list[GateDecision], gate_set: GateSet, *, with_brief: bool = True) -> Verdict:
    """The render's verdict: the worst of all that count; a required gate that is missing is a block.

    Raises ValueError when there are no decisions at all.
    """
    present = {decision.result.gate for decision in decisions}
    missing = [name for name in gate_set.required(with_brief=with_brief) if name not in present]
    counted = [d.verdict for d in decisions if not gate_set.gates[d.result.gate].informational]
    return Verdict.worst([*counted, *[Verdict.BLOCK for _ in missing]])

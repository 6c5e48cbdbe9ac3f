"""What the page of one render shows: the script with its marked words, findings on one time axis, receipts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audit.approvals import approvals_for
from audit.models import Approval, Receipt
from core.database import reading
from core.gates import GateSet, load_gate_set
from core.models import Finding
from pipeline import review
from pipeline.findings import findings_of, receipts_of
from pipeline.models import CLEARNESS_UNIT
from pipeline.standing import Standing, standing_of
from pipeline.states import State
from pipeline.tables import CampaignRow, RenderRow

# Gates whose curve is of another measure than their score: its name and unit.
_MEASURES = {
    "lip_sync": ("clearness", CLEARNESS_UNIT),
    "technical": ("movement", "least movement of a picture in the second"),
}


@dataclass(frozen=True)
class Piece:
    """A run of the script: plain, or marked by a finding."""

    text: str
    finding: Finding | None


@dataclass(frozen=True)
class Evidence:
    """Everything that the page needs, read in one go.

    Attributes:
        timeline: data of the evidence player: duration, findings with seconds, curves by gate.
        rule: what the decision table asks of an approval.
        standing: whether a released render may be served now, and why not; None before a release.
    """

    campaign: CampaignRow | None
    findings: list[Finding]
    receipts: list[Receipt]
    approvals: list[Approval]
    gate_set: GateSet
    script: list[Piece]
    timeline: dict[str, Any]
    rule: review.Rule = review.STRICTEST
    standing: Standing | None = None

    def informs(self, gate: str) -> bool:
        """Is the gate for information only? One that today's gate set does not know is not: its verdict counted."""
        entry = self.gate_set.gates.get(gate)
        return entry is not None and entry.informational


def evidence_of(render: RenderRow) -> Evidence:
    """The evidence of one render at this moment."""
    receipts = receipts_of(render)
    findings = findings_of(render)
    with reading() as session:
        campaign = session.get(CampaignRow, render.campaign_id)
        approvals = approvals_for(session, render.sealed_sha256) if render.sealed_sha256 else []
        rule = review.rule_of(session, render)
        standing = standing_of(session, render) if render.state == State.RELEASED else None
    gate_set = load_gate_set(campaign.gate_set if campaign else "standard")
    return Evidence(
        campaign=campaign,
        findings=findings,
        receipts=receipts,
        approvals=approvals,
        gate_set=gate_set,
        script=marked_script(render.script or "", findings),
        timeline=_timeline(render, receipts, findings),
        rule=rule,
        standing=standing,
    )


def marked_script(text: str, findings: list[Finding]) -> list[Piece]:
    """The script cut at the spans of its findings; where two overlap the graver one is shown."""
    owner: list[Finding | None] = [None] * len(text)
    for finding in reversed(findings):  # gravest first in the list, so it is painted last
        for span in finding.spans:
            if span.source in ("script", "field") and span.start is not None and span.end is not None:
                for position in range(max(0, span.start), min(len(text), span.end)):
                    owner[position] = finding
    pieces: list[Piece] = []
    start = 0
    for position in range(1, len(text) + 1):
        if position == len(text) or owner[position] is not owner[start]:
            pieces.append(Piece(text[start:position], owner[start]))
            start = position
    return pieces


def _timeline(render: RenderRow, receipts: list[Receipt], findings: list[Finding]) -> dict[str, Any]:
    return {
        "duration": render.seconds,
        "findings": [
            {
                "code": finding.code,
                "severity": finding.severity,
                "message": finding.message,
                "t0": span.t0,
                "t1": span.t1 if span.t1 is not None else span.t0,
                "region": span.region,
            }
            for finding in findings
            for span in finding.spans
            if span.t0 is not None
        ],
        "curves": [
            {
                "gate": receipt.gate,
                "measure": _MEASURES.get(receipt.gate, ("", ""))[0],
                "unit": _MEASURES.get(receipt.gate, ("", receipt.decision.result.unit))[1],
                "points": receipt.decision.result.curve,
            }
            for receipt in receipts
            if len(receipt.decision.result.curve) > 1
        ],
        "words": [
            word
            for receipt in receipts
            if receipt.gate == "transcript"
            for word in receipt.decision.result.measures.get("words") or []
        ],
    }

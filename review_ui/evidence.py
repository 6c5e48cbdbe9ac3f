"""What the page of one render shows: the script with its marked words, findings on one time axis, receipts."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy.orm import Session

from audit.approvals import approvals_for
from audit.models import Approval, PersonaDecision, Receipt, ScriptDecision
from audit.persona_decisions import persona_decisions
from core.database import reading
from core.errors import GreenroomError
from core.gates import GateSet, load_gate_set
from core.models import Finding
from pipeline.decision_table import STRICTEST, Rule, rule_of
from pipeline.findings import findings_of, receipts_of
from pipeline.script_approval import Lack, approval_of
from pipeline.standing import Standing, authority_of, standing_of
from pipeline.states import State
from pipeline.tables import CampaignRow, ImportRow, RenderRow
from review_ui.answers import Branch, credential_in_words
from review_ui.measures import Measured, curve_of, measured, words_of
from review_ui.people import names_of
from review_ui.spoken import Heard, Line, lines_of

MOST_SHOWN = 600
"""Words that are drawn on the time axis, and that seek one by one; of more there is no room, and their lines seek."""


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
        persona: what the person who appears said of it, where their authority asks them.
        words: their yes to its words, or what lacks; None where they are not asked.
        names: what to call the people who made it and decided over it.
    """

    campaign: CampaignRow | None
    findings: list[Finding]
    receipts: list[Receipt]
    approvals: list[Approval]
    gate_set: GateSet
    script: list[Piece]
    timeline: dict[str, Any]
    rule: Rule = STRICTEST
    standing: Standing | None = None
    persona: list[PersonaDecision] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    came_with: ImportRow | None = None
    words: ScriptDecision | Lack | None = None

    @property
    def waits_for_words(self) -> str:
        """Why it is not made yet, where the person who appears has not approved what it says; else ""."""
        return self.words.sentence if isinstance(self.words, Lack) else ""

    @cached_property
    def carried(self) -> Branch | None:
        """The credential that an import carried, in words."""
        return credential_in_words(self.came_with.credential) if self.came_with is not None else None

    @cached_property
    def lines(self) -> list[Line]:
        """What was heard beside the script, line by line; none where the receipts hold no words."""
        heard = [Heard(word["text"], word["t0"], word["t1"]) for word in _words(self.receipts)]
        return lines_of("".join(piece.text for piece in self.script), heard)

    @cached_property
    def gates(self) -> list[Measured]:
        """Each receipt in words, what a person has to look at first."""
        told = [measured(receipt, self.gate_set) for receipt in self.receipts]
        return sorted(told, key=lambda gate: -gate.verdict.severity if gate.verdict is not None else 1)

    @cached_property
    def reasons(self) -> list[Measured]:
        """The gates that did not pass for a reason that is no finding: an abstention, or a score beyond its bar."""
        return [gate for gate in self.gates if gate.why and gate.verdict is not None]

    @cached_property
    def unexamined(self) -> list[str]:
        """Gates that a release needs and that left no receipt, by name; none before the gates have looked."""
        if not self.receipts:
            return []
        present = {receipt.gate for receipt in self.receipts}
        return [words_of(gate).name for gate in self.gate_set.required() if gate not in present]


def evidence_of(render: RenderRow, *, reader: str | None = None) -> Evidence:
    """The evidence of one render at this moment.

    Args:
        reader: an account that may decide: while the render is in review it sees its own decision alone, so that the
            second of two people does not know what the first one said, nor that there was one.
    """
    receipts = receipts_of(render)
    findings = findings_of(render)
    with reading() as session:
        campaign = session.get(CampaignRow, render.campaign_id)
        approvals = approvals_for(session, render.sealed_sha256) if render.sealed_sha256 else []
        if reader is not None and render.state == State.IN_REVIEW:
            approvals = [decision for decision in approvals if decision.reviewer_id == reader]
        rule = rule_of(session, render)
        standing = standing_of(session, render) if render.state == State.RELEASED else None
        said = _persona(session, render, campaign)
        words = _words_approved(session, render)
        came_with = session.get(ImportRow, render.id) if render.origin == "import" else None
    gate_set = load_gate_set(campaign.gate_set if campaign else "standard")
    return Evidence(
        campaign=campaign,
        findings=findings,
        receipts=receipts,
        approvals=approvals,
        gate_set=gate_set,
        script=marked_script(render.script or "", findings),
        timeline=_timeline(render, receipts, findings, gate_set),
        rule=rule,
        standing=standing,
        persona=said,
        names=names_of(
            [render.maker_id, *(decision.reviewer_id for decision in approvals)], brand_id=render.brand_id
        ),
        came_with=came_with,
        words=words,
    )


def _persona(session: Session, render: RenderRow, campaign: CampaignRow | None) -> list[PersonaDecision]:
    if campaign is None or not render.sealed_sha256:
        return []
    return persona_decisions(
        session, render_id=render.id, sealed_sha256=render.sealed_sha256, persona_id=campaign.persona_id
    )


def _words_approved(session: Session, render: RenderRow) -> ScriptDecision | Lack | None:
    try:
        return approval_of(session, render, authority_of(session, render, with_count=False))
    except GreenroomError:  # an authority that cannot be read: every act on the render says so
        return None


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


def _words(receipts: list[Receipt]) -> list[dict[str, Any]]:
    """What the transcript gate heard, with seconds."""
    return [
        word
        for receipt in receipts
        if receipt.gate == "transcript"
        for word in receipt.decision.result.measures.get("words") or []
    ]


def _timeline(
    render: RenderRow, receipts: list[Receipt], findings: list[Finding], gate_set: GateSet
) -> dict[str, Any]:
    words = _words(receipts)
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
            curve for curve in (curve_of(receipt, gate_set) for receipt in receipts) if curve is not None
        ],
        "words": words if len(words) <= MOST_SHOWN else [],
    }

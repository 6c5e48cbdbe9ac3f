"""Which gates did not pass, of the renders on their way through review: rows by which the reviewer's queue is narrowed.

They come with the gates' verdict and go when the render is decided over or stopped, so that a list of them is as long
as what waits. Nothing is decided by them: a decision reads the receipts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import delete
from sqlalchemy.orm import Session

from core.gates import GateSet
from core.models import GateDecision, Verdict
from pipeline.states import State
from pipeline.tables import RenderRow, ReviewFlagRow

SCRIPT = "script"
"""Stands for the rules that a script is held against (trust step 3), among the names of gates."""

FLAGGED = frozenset({State.EXAMINED, State.SEALED, State.IN_REVIEW, State.FAILED})
"""The states in which a render keeps its flags. One that failed goes on from where it was."""


def flags_of(render: RenderRow, decisions: Iterable[GateDecision], gate_set: GateSet) -> list[ReviewFlagRow]:
    """What did not pass (trust step 8). A gate that is for information alone flags nothing."""
    flagged = {
        decision.result.gate
        for decision in decisions
        if decision.verdict is not Verdict.PASS and not gate_set.gates[decision.result.gate].informational
    }
    if any(finding["severity"] != "note" for finding in render.script_findings):
        flagged.add(SCRIPT)
    return [
        ReviewFlagRow(
            id=render.id,
            gate=gate,
            brand_id=render.brand_id,
            campaign_id=render.campaign_id,
            created_at=render.created_at,
        )
        for gate in sorted(flagged)
    ]


def lower_flags(session: Session, render_ids: Collection[str], start: State, end: State) -> None:
    """These renders go from one state to another: beyond review they have no flags."""
    if start in FLAGGED and end not in FLAGGED:
        session.execute(delete(ReviewFlagRow).where(ReviewFlagRow.id.in_(render_ids)))

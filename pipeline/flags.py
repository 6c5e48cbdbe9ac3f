"""Which gates did not pass, of the renders in review: rows by which the reviewer's queue is narrowed.

They come with a render into review and go when it leaves, so that a list of them is as long as what waits. Nothing
is decided by them: a decision reads the receipts.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete
from sqlalchemy.orm import Session

from core.gates import load_gate_set
from core.models import Verdict
from pipeline.findings import receipts_in
from pipeline.tables import CampaignRow, RenderRow, ReviewFlagRow

SCRIPT = "script"
"""Stands for the rules that a script is held against (trust step 3), among the names of gates."""


def raise_flags(session: Session, render: RenderRow, campaign: CampaignRow) -> None:
    """A render comes into review: what did not pass is flagged. A gate that is for information alone flags nothing."""
    gates = load_gate_set(campaign.gate_set).gates
    flagged = {
        receipt.gate
        for receipt in receipts_in(session, render)
        if receipt.verdict is not Verdict.PASS
        and not (receipt.gate in gates and gates[receipt.gate].informational)
    }
    if any(finding["severity"] != "note" for finding in render.script_findings):
        flagged.add(SCRIPT)
    lower_flags(session, [render.id])
    session.add_all(
        ReviewFlagRow(
            id=render.id,
            gate=gate,
            brand_id=render.brand_id,
            campaign_id=render.campaign_id,
            created_at=render.created_at,
        )
        for gate in sorted(flagged)
    )


def lower_flags(session: Session, render_ids: Collection[str]) -> None:
    """These renders leave review."""
    session.execute(delete(ReviewFlagRow).where(ReviewFlagRow.id.in_(render_ids)))

"""What has to hold for a release (trust step 12), asked of the rows: approvals, what was shown, receipts, authority,
to whom it goes.

Each raises ReleaseRefused, with a message that names it. The reader's answer and the parts are asked in ``release.py``.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from audit.models import Approval, Receipt
from audit.receipts import receipts_for
from core.gates import load_gate_set
from core.models import Verdict
from delivery.errors import ReleaseRefused
from pipeline.errors import RecipientSuppressed
from pipeline.review import approvers, rule_of, shown
from pipeline.standing import authority_of
from pipeline.suppression import check_recipient
from pipeline.tables import CampaignRow, RenderRow
from pipeline.uses import covered_by


def check_approvals(session: Session, render: RenderRow) -> list[Approval]:
    """Enough people approved this very asset, in a manner that the decision table allows, and nobody rejected it."""
    rule = rule_of(session, render)
    given = approvers(session, render, rule)
    if len(given) < rule.people:
        raise ReleaseRefused(
            "the approvals are not complete",
            where=render.id,
            next_step="take it back and ask for the video again, so that it is reviewed anew",
        )
    return list(given.values())


def check_shown(session: Session, render: RenderRow, approvals: list[Approval]) -> None:
    """What people were shown when they decided is what is here now."""
    what = shown(session, render)
    if any(approval.shown_sha256 != what for approval in approvals):
        raise ReleaseRefused(
            "what was shown at the approval is not what is here now",
            where=render.id,
            next_step="run `greenroom ledger verify`; then take it back and ask for the video again",
        )


def check_receipts(session: Session, render: RenderRow) -> list[Receipt]:
    """Every required receipt is present, signed, over this essence, under the campaign's gate set."""
    campaign = session.get(CampaignRow, render.campaign_id)
    if campaign is None or render.essence is None:
        raise ReleaseRefused("the render has no campaign or no essence", where=render.id)
    gate_set = load_gate_set(campaign.gate_set)
    if gate_set.sha256 != render.gate_set_sha256:
        raise ReleaseRefused(
            "the gate set changed after this render was examined",
            where=render.id,
            next_step="make the render again, so that it is examined by the gates in force",
        )
    found = receipts_for(
        session,
        render.essence,
        gate_set_sha256=gate_set.sha256,
        brand_id=render.brand_id,
        brief_sha256=render.brief_sha256 or "",
    )
    receipts = {receipt.gate: receipt for receipt in found}
    missing = [name for name in gate_set.required() if name not in receipts]
    if missing:
        raise ReleaseRefused(f"receipts are missing: {', '.join(missing)}", where=render.id)
    blocking = [name for name in gate_set.required() if receipts[name].verdict is Verdict.BLOCK]
    if blocking:
        raise ReleaseRefused(f"blocked by {', '.join(blocking)}", where=render.id)
    return found


def check_to_whom(session: Session, render: RenderRow) -> None:
    """The recipient is not on the brand's suppression list."""
    campaign = session.get(CampaignRow, render.campaign_id)
    if campaign is None:
        raise ReleaseRefused("the render has no campaign", where=render.id)
    try:
        check_recipient(session, campaign, render.fields, where=render.id)
    except RecipientSuppressed as error:
        raise ReleaseRefused(
            error.what, where=render.id, next_step=error.next_step, code=error.code
        ) from error


def check_authority(session: Session, render: RenderRow) -> None:
    """The authority is valid at this moment, for this use (trust step 1 again)."""
    standing = authority_of(session, render)
    decision = covered_by(session, standing.authority, render, script=render.script)
    if not standing.valid or decision.verdict is Verdict.BLOCK:
        reasons = "; ".join(finding.message for finding in decision.findings if finding.severity == "block")
        raise ReleaseRefused(
            f"the authority does not cover this use now: {reasons or standing.state}",
            where=render.id,
            next_step="have the authority renewed, or take the video back",
            code="release_refused" if standing.valid else f"authority_{standing.state}",
        )

"""What has to be so for a release (trust step 12), asked of the rows: approvals, what was shown, receipts, authority,
to whom it goes, the yes of the person who appears where their authority asks for it, and that no legal hold stands.

Each raises ReleaseRefused, a hold OnHold, with a message that names it. The reader's answer and the parts are asked in
``release.py``.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from audit.holds import check_free
from audit.models import Approval, Authority, PersonaDecision, Receipt, ScriptDecision
from audit.standing import AuthorityStanding
from core.gates import load_gate_set
from core.models import Verdict
from delivery.errors import ReleaseRefused
from pipeline import final_cut, script_approval
from pipeline.decision_table import approvers, rule_of
from pipeline.errors import RecipientSuppressed
from pipeline.findings import receipts_in
from pipeline.grounds import grounds_of, subjects_of
from pipeline.review import shown
from pipeline.standing import authority_of
from pipeline.suppression import check_recipient
from pipeline.tables import RenderRow
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


def check_shown(render: RenderRow, receipts: list[Receipt], approvals: list[Approval]) -> None:
    """What people were shown when they decided is what is here now."""
    what = shown(render, receipts)
    if any(approval.shown_sha256 != what for approval in approvals):
        raise ReleaseRefused(
            "what was shown at the approval is not what is here now",
            where=render.id,
            next_step="run `greenroom ledger verify`; then take it back and ask for the video again",
        )


def check_receipts(session: Session, render: RenderRow) -> list[Receipt]:
    """Every required receipt is present, signed, over this essence, under the campaign's gate set."""
    campaign = grounds_of(session, render).campaign
    if campaign is None or render.essence is None:
        raise ReleaseRefused("the render has no campaign or no essence", where=render.id)
    gate_set = load_gate_set(campaign.gate_set)
    if gate_set.sha256 != render.gate_set_sha256:
        raise ReleaseRefused(
            "the gate set changed after this render was examined",
            where=render.id,
            next_step="make the render again, so that it is examined by the gates in force",
        )
    found = receipts_in(session, render)
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
    campaign = grounds_of(session, render).campaign
    if campaign is None:
        raise ReleaseRefused("the render has no campaign", where=render.id)
    try:
        check_recipient(session, campaign, render.fields, where=render.id)
    except RecipientSuppressed as error:
        raise ReleaseRefused(
            error.what, where=render.id, next_step=error.next_step, code=error.code
        ) from error


def check_holds(session: Session, render: RenderRow) -> None:
    """No legal hold stands on the render, its campaign or its persona. Raises :class:`audit.holds.OnHold`."""
    check_free(session, subjects_of(session, render), where=render.id)


def check_authority(session: Session, render: RenderRow) -> AuthorityStanding:
    """The authority is valid at this moment, for this use (trust step 1 again). Gives its standing."""
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
    return standing


def check_final_cut(session: Session, render: RenderRow, authority: Authority) -> PersonaDecision | None:
    """The yes of the person who appears (trust step 11); None where their authority does not ask for it."""
    if why := final_cut.lacks_final_cut(session, render, authority):
        raise ReleaseRefused(
            why[:1].lower() + why[1:].rstrip("."),
            where=render.id,
            next_step="they decide on their own page; an administrator invites them with the role persona",
            code=final_cut.CODE,
        )
    if authority.approval_mode != "final_cut":
        return None
    return final_cut.final_cut(session, render, authority)


def check_script(session: Session, render: RenderRow, standing: AuthorityStanding) -> ScriptDecision | None:
    """Their yes to the words that are spoken (trust step 1 again); None where their authority does not ask for it."""
    found = script_approval.approval_of(session, render, standing)
    if isinstance(found, script_approval.Lack):
        raise ReleaseRefused(
            found.sentence[:1].lower() + found.sentence[1:].rstrip("."),
            where=render.id,
            next_step="they decide on their own page"
            if found.step == "waits"
            else "take it back; other words are another video",
            code=found.code,
        )
    return found

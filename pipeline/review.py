"""Trust step 11: a person decides over the sealed asset; two for a high-risk class, none of them the maker.

What a risk class asks is the decision table's (pipeline/decision_table.py).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy.orm import Session

from audit.approvals import record
from audit.models import Decision, Factor, Manner, Receipt
from core.canonical import digest_json
from core.database import transaction
from core.errors import Conflict, InputError
from core.models import Verdict
from pipeline.agreement import check_agreement
from pipeline.annotations import CODES, Ask, Kind, in_words, rows_of
from pipeline.assignment import check_free, check_handed_on, let_go
from pipeline.decision_table import approvers, check_rule, rule_of
from pipeline.errors import AuthorityInvalid
from pipeline.findings import findings_in, receipts_in
from pipeline.life import move
from pipeline.metrics import decided
from pipeline.ownership import owned
from pipeline.seen import manner_of, spans_of
from pipeline.states import State
from pipeline.tables import CampaignRow, PersonaRow, RenderRow
from pipeline.uses import covered_by, valid_authority

Ranges = Sequence[tuple[float, float]]


def approve(
    render_id: str,
    *,
    brand_id: str,
    reviewer_id: str,
    sealed_sha256: str,
    note: str = "",
    played: Ranges = (),
    proxy_sha256: str | None = None,
    factor: Factor = "none",
    senior: bool = False,
) -> State:
    """Approve one sealed asset. Answers with the render's state after it.

    Args:
        sealed_sha256: what the reviewer saw; a stale page names another asset and is refused.
        played: seconds that the player reported, as (start, end); they make the decision ``seen`` or ``decided``.
        proxy_sha256: what was played where the reviewer's browser could not play the file: the decision is then
            ``decided``, whatever was played of it.
        factor: what the reviewer proved a moment ago; the caller has checked it.
        senior: the reviewer may decide over what another has handed on.

    Raises:
        Conflict: the render is not in review any more, the page was stale, or somebody else is deciding over it
            (pipeline/assignment.py); AuthorityInvalid where the authority does
            not stand or does not cover this use.
        LedgerInconsistent: somebody changed the render, its campaign or its persona in the database.
        Forbidden: the reviewer made this render, or the decision table asks for more than was given.
    """
    with transaction() as session:
        row = to_decide(session, render_id, brand_id, sealed_sha256, reviewer_id, senior=senior)
        check_agreement(session, row)
        _check_authority(session, row)
        rule = rule_of(session, row)
        manner = _manner(session, row, played, proxy_sha256)
        check_rule(row, rule, manner, factor, proxy_sha256)
        _record(
            session,
            row,
            reviewer_id,
            "approve",
            note,
            manner=manner,
            factor=factor,
            played=played,
            proxy_sha256=proxy_sha256,
        )
        if len(approvers(session, row, rule)) < rule.people:
            return State.IN_REVIEW
        move(session, row.id, State.APPROVED, start=State.IN_REVIEW)
        return State.APPROVED


def reject(
    render_id: str,
    *,
    brand_id: str,
    reviewer_id: str,
    sealed_sha256: str,
    reason: str = "",
    asks: Sequence[Ask] = (),
    change: bool = False,
    played: Ranges = (),
    proxy_sha256: str | None = None,
    senior: bool = False,
) -> State:
    """Reject with a reason; one rejection is enough, in any risk class and without a second factor.

    Args:
        reason: in words; without it those of ``asks``.
        asks: what is wrong, with its seconds; the maker reads it.
        change: a new one with ``asks`` is wanted. A render is never edited: this one ends all the same.

    Raises as :func:`approve`; InputError without any reason.
    """
    if change and not asks:
        raise InputError("a change needs to be named", where="code", next_step="choose what should change")
    kind: Kind = "change_asked" if change else "rejected"
    with transaction() as session:
        row = to_decide(session, render_id, brand_id, sealed_sha256, reviewer_id, senior=senior)
        notes = rows_of(row, reviewer_id, kind, asks)
        said = reason.strip() or "; ".join(dict.fromkeys(in_words(ask) for ask in asks))
        manner = _manner(session, row, played, proxy_sha256)
        _record(
            session,
            row,
            reviewer_id,
            "reject",
            said,
            manner=manner,
            played=played,
            proxy_sha256=proxy_sha256,
        )
        head = "A change is asked for" if change else "Rejected"
        why = "; ".join(dict.fromkeys(CODES[ask.code] for ask in asks))
        move(
            session,
            row.id,
            State.REJECTED,
            start=State.IN_REVIEW,
            values={"reason": {"code": kind, "message": f"{head}: {why}" if why else head}},
            rows=notes,
            facts={"reason_code": kind},
        )
        return State.REJECTED


def to_decide(
    session: Session, render_id: str, brand_id: str, sealed_sha256: str, reviewer_id: str, *, senior: bool
) -> RenderRow:
    """The render that somebody decides over now: in review, the one that their page showed, and theirs to decide.

    Raises NotFound; Conflict where it is not in review, where the page was stale, and while somebody else is deciding
    over it; Forbidden where it was handed on and this is no senior.
    """
    row = owned(session, RenderRow, render_id, brand_id)
    if row.state != State.IN_REVIEW:
        raise Conflict(
            f"this render is not in review any more: it is {row.state}",
            where=render_id,
            next_step="reload the page; your decision was not recorded",
            code="not_in_review",
        )
    if row.sealed_sha256 != sealed_sha256:
        raise Conflict(
            "the page showed another file than the one in review",
            where=render_id,
            next_step="reload the page and look at the video again",
            code="stale_page",
        )
    check_free(session, row.id, reviewer_id)
    check_handed_on(session, row, senior=senior)
    return row


def shown(row: RenderRow, receipts: Sequence[Receipt]) -> str:
    """Digest of what the page shows of a render: the script, what was found, and what each gate decided.

    Args:
        receipts: all of the render's (:func:`pipeline.findings.receipts_in`).
    """
    return digest_json(
        {
            "script": row.script,
            "script_findings": row.script_findings,
            "verdict": row.verdict,
            "gates": {
                # Through JSON, as the receipt itself: a measure that is no number is null.
                receipt.gate: json.loads(receipt.decision.model_dump_json())
                for receipt in receipts
            },
        }
    )


def _record(
    session: Session,
    row: RenderRow,
    reviewer_id: str,
    verdict: Decision,
    reason: str,
    *,
    manner: Manner,
    factor: Factor = "none",
    played: Ranges = (),
    proxy_sha256: str | None = None,
) -> None:
    record(
        session,
        render_id=row.id,
        sealed_sha256=row.sealed_sha256 or "",
        essence=row.essence or "",
        reviewer_id=reviewer_id,
        maker_id=row.maker_id,
        verdict=verdict,
        reason=reason,
        manner=manner,
        factor=factor,
        shown_sha256=shown(row, receipts_in(session, row)),
        played=tuple(played),
        proxy_sha256=proxy_sha256,
        brand_id=row.brand_id,
    )
    decided(session, row, verdict, manner)
    let_go(session, row.id, reviewer_id)


def _manner(session: Session, row: RenderRow, played: Ranges, proxy_sha256: str | None) -> Manner:
    if proxy_sha256 is not None:
        return "decided"  # other pixels than those of the file
    return manner_of(played, row.seconds or 0.0, spans_of(findings_in(session, row)))[0]


def _check_authority(session: Session, row: RenderRow) -> None:
    campaign = session.get_one(CampaignRow, row.campaign_id)
    persona = session.get_one(PersonaRow, campaign.persona_id)
    standing = valid_authority(session, persona.authority_id, where=row.id)
    decision = covered_by(session, standing.authority, row, script=row.script)
    if decision.verdict is Verdict.BLOCK:
        reasons = "; ".join(finding.message for finding in decision.findings if finding.severity == "block")
        raise AuthorityInvalid(
            f"the authority does not cover this use: {reasons}",
            where=row.id,
            next_step="ask for an authority that covers it, then for a new render",
        )

"""Trust step 11: a person decides over the sealed asset; two for a high-risk class, none of them the maker."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from audit.approvals import approvals_for, record
from audit.ledger import Event, append
from audit.models import Approval, Decision, Factor, Manner, Receipt
from core.canonical import digest_json
from core.database import transaction
from core.errors import Conflict, Forbidden, InputError
from core.models import Verdict
from pipeline.agreement import check_agreement
from pipeline.annotations import CODES, Ask, Kind, in_words, is_handed_on, rows_of
from pipeline.assignment import check_free, check_handed_on, check_may_decide, deciders, let_go
from pipeline.errors import AuthorityInvalid
from pipeline.findings import findings_in, receipts_in
from pipeline.grounds import grounds_of
from pipeline.life import move
from pipeline.metrics import decided
from pipeline.ownership import owned
from pipeline.seen import manner_of, spans_of
from pipeline.states import State
from pipeline.tables import CampaignRow, PersonaRow, RenderRow
from pipeline.uses import covered_by, valid_authority

Ranges = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Rule:
    """What a risk class asks of the decisions over a render.

    Attributes:
        people: how many different people must approve.
        manners: the manners that count. ``seen`` is what the player reported: 95 % of the seconds, and every second
            with a finding.
        factor: each proves a passkey, or a one-time code, at the decision itself.
        hours: asked for so long ago and not decided over yet, the queue says that it is late.
    """

    people: int
    manners: frozenset[Manner]
    factor: bool
    hours: int


# The decision table. An unknown class asks for the most.
RULES: dict[str, Rule] = {
    "standard": Rule(people=1, manners=frozenset({"seen", "decided"}), factor=False, hours=24),
    "high": Rule(people=2, manners=frozenset({"seen"}), factor=True, hours=4),
}
STRICTEST = RULES["high"]


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
        row = _in_review(session, render_id, brand_id, sealed_sha256)
        _check_turn(session, row, reviewer_id, senior=senior)
        check_agreement(session, row)
        _check_authority(session, row)
        rule = rule_of(session, row)
        manner = _manner(session, row, played, proxy_sha256)
        _check_rule(row, rule, manner, factor, proxy_sha256)
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
        row = _in_review(session, render_id, brand_id, sealed_sha256)
        _check_turn(session, row, reviewer_id, senior=senior)
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


def hand_on(
    render_id: str,
    *,
    brand_id: str,
    reviewer_id: str,
    sealed_sha256: str,
    words: str,
    seniors: Collection[str],
    senior: bool = False,
) -> None:
    """Leave the decision to a senior reviewer, with a question. The render stays in review.

    Args:
        seniors: the accounts that may decide over what is handed on at this brand.

    Raises as :func:`approve`; AlreadyDecided for who has decided over it; InputError without words; Conflict where it
    was handed on before, and where fewer seniors than it needs may decide over it: nobody could ever end its review.
    """
    if not words.strip():
        raise InputError("handing on needs a note", where="note", next_step="say what the question is")
    with transaction() as session:
        row = _in_review(session, render_id, brand_id, sealed_sha256)
        _check_turn(session, row, reviewer_id, senior=senior)
        check_may_decide(session, row, reviewer_id)
        if is_handed_on(session, row.id):
            raise Conflict(
                "this video was handed on before",
                where=render_id,
                next_step="a senior reviewer decides over it",
                code="handed_on",
            )
        _check_seniors(session, row, set(seniors) - {reviewer_id})
        asked = [Ask("other", words)]
        rows = rows_of(row, reviewer_id, "handed_on", asked)
        append(session, Event.REVIEW_ESCALATED, row.id, {"reviewer_id": reviewer_id}, rows=rows)
        let_go(session, row.id, reviewer_id)


def _check_turn(session: Session, row: RenderRow, reviewer_id: str, *, senior: bool) -> None:
    check_free(session, row.id, reviewer_id)
    check_handed_on(session, row, senior=senior)


def _check_seniors(session: Session, row: RenderRow, seniors: set[str]) -> None:
    rule = rule_of(session, row)
    needed = rule.people - len(approvers(session, row, rule))
    if len(seniors - {row.maker_id} - deciders(session, row)) < needed:
        who = "no senior reviewer" if needed == 1 else f"fewer than {needed} senior reviewers"
        raise Conflict(
            f"at this brand {who} could decide over this video: who asked for it, and who hands it on, do not count",
            where=row.id,
            next_step="decide over it, or ask an administrator to invite a senior reviewer",
            code="no_senior",
        )


def rule_of(session: Session, row: RenderRow) -> Rule:
    """The line of the decision table that holds for a render."""
    campaign = grounds_of(session, row).campaign
    return rule_for(campaign.risk_class if campaign is not None else "")


def rule_for(risk: str) -> Rule:
    """The line of a risk class; the strictest for one that is not known."""
    return RULES.get(risk, STRICTEST)


def approvers(session: Session, row: RenderRow, rule: Rule) -> dict[str, Approval]:
    """Who approved this very asset in a way that counts, by reviewer. Empty when anybody rejected it.

    Raises ForgedApproval when one of the decisions is not what was signed.
    """
    decisions = approvals_for(session, row.sealed_sha256 or "", render_id=row.id)
    if any(decision.verdict == "reject" for decision in decisions):
        return {}
    return {
        decision.reviewer_id: decision
        for decision in decisions
        if decision.reviewer_id not in (row.maker_id, decision.maker_id)
        and (decision.render_id, decision.essence, decision.brand_id) == (row.id, row.essence, row.brand_id)
        and decision.manner in rule.manners
        and (decision.factor != "none" or not rule.factor)
    }


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


def _check_rule(row: RenderRow, rule: Rule, manner: Manner, factor: Factor, proxy_sha256: str | None) -> None:
    if rule.factor and factor == "none":
        raise Forbidden(
            "a high-risk video is approved with a passkey or a one-time code",
            where=row.id,
            next_step="decide on the video's page in the console, where you can prove it",
            code="factor_needed",
        )
    if manner not in rule.manners and proxy_sha256 is not None:
        raise Forbidden(
            "this video must be seen before it is approved, and a proxy of it is what was played",
            where=row.id,
            next_step="play the file itself, in a browser that can",
            code="proxy_seen",
        )
    if manner not in rule.manners:
        raise Forbidden(
            "this video must be seen before it is approved, and the player has not reported that",
            where=row.id,
            next_step="play it on its page in the console, above all the seconds with a finding",
            code="not_seen",
        )


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


def _in_review(session: Session, render_id: str, brand_id: str, sealed_sha256: str) -> RenderRow:
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
    return row

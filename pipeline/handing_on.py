"""Handing on: a reviewer leaves a decision (trust step 11) to a senior one, with a question."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session

from audit.ledger import Event, append
from core.database import transaction
from core.errors import Conflict, InputError
from pipeline.annotations import Ask, is_handed_on, rows_of
from pipeline.assignment import check_may_decide, deciders, let_go
from pipeline.decision_table import approvers, rule_of
from pipeline.review import to_decide
from pipeline.tables import RenderRow


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

    Raises as :func:`pipeline.review.to_decide`; AlreadyDecided for who has decided over it; InputError without words;
    Conflict where it was handed on before, and where fewer seniors than it needs may decide over it: nobody could ever
    end its review.
    """
    if not words.strip():
        raise InputError("handing on needs a note", where="note", next_step="say what the question is")
    with transaction() as session:
        row = to_decide(session, render_id, brand_id, sealed_sha256, reviewer_id, senior=senior)
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

"""Why renders of a campaign stopped, by cause, and another try for all that failed for one.

A cause is the code of the render's reason. It stands in a column of its own, so that a list by cause reads an index and
no renders; whoever acts on a render reads the reason itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, literal, literal_column, select
from sqlalchemy.orm import Session

from pipeline.states import State
from pipeline.tables import RenderRow

STOPPED = (State.FAILED, State.BLOCKED, State.REJECTED)
MADE_AGAIN = "made_again"
"""The cause of a render whose place another one took: there is nothing left to do about it."""

MOST_CAUSES = 40  # of one state
MOST_COUNTED = 50
SHOWN = 3
_LONGEST = 60


@dataclass(frozen=True)
class Example:
    """One render of a cause, and what it says in words."""

    id: str
    message: str


@dataclass(frozen=True)
class Cause:
    """Renders of a campaign that stopped in the same state for the same reason.

    Attributes:
        code: of the reason; "" where none was written down.
        number: how many, up to ``MOST_COUNTED``.
        more: there are more than that.
        examples: the newest ones.
    """

    state: State
    code: str
    number: int
    more: bool
    examples: tuple[Example, ...]


def with_cause(values: Mapping[str, Any]) -> dict[str, Any]:
    """Columns of a render, with the cause that goes with the reason where they set one."""
    if "reason" not in values:
        return dict(values)
    return {**values, "cause": str((values["reason"] or {}).get("code", ""))[:_LONGEST]}


def causes_of(session: Session, campaign_id: str) -> list[Cause]:
    """What stopped in a campaign and was not made again: what failed first, of each state the most frequent first."""
    found = []
    for state in STOPPED:
        here = [_cause(session, campaign_id, state, code) for code in _codes(session, campaign_id, state)]
        found += sorted(here, key=lambda cause: (-cause.number, cause.code))
    return found


def _codes(session: Session, campaign_id: str, state: State) -> list[str]:
    """The different causes, each found by a step along the index."""
    codes: list[str] = []
    query = select(RenderRow.cause).where(*stopped_in(campaign_id, state))
    while len(codes) < MOST_CAUSES:
        further = query.where(RenderRow.cause > codes[-1]) if codes else query
        code = session.scalar(further.order_by(RenderRow.cause).limit(1))
        if code is None:
            break
        codes.append(code)
    return [code for code in codes if code != MADE_AGAIN]


def _cause(session: Session, campaign_id: str, state: State, code: str) -> Cause:
    here = (*stopped_in(campaign_id, state), RenderRow.cause == code)
    some = select(literal(1)).where(*here).limit(MOST_COUNTED + 1).subquery()
    number = session.scalar(select(func.count()).select_from(some)) or 0
    newest = select(RenderRow.id, RenderRow.reason).where(*here)
    newest = newest.order_by(RenderRow.created_at.desc(), RenderRow.id.desc()).limit(SHOWN)
    examples = tuple(
        Example(render_id, str((reason or {}).get("message", "")))
        for render_id, reason in session.execute(newest)
    )
    return Cause(state, code, min(number, MOST_COUNTED), number > MOST_COUNTED, examples)


_STOPPED: ColumnElement[bool] = literal_column(
    "renders.state IN ('failed', 'blocked', 'rejected')"
)  # word for word what the partial index holds


def stopped_in(campaign_id: str, state: State) -> tuple[ColumnElement[bool], ...]:
    """Renders of a campaign in one of the states of ``STOPPED``, as the index of causes holds them."""
    return RenderRow.campaign_id == campaign_id, RenderRow.state == state.value, _STOPPED

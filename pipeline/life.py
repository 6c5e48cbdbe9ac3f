"""The one place where a render changes: its state, the ledger's entry, what was made with it, and the
message, together.

Whatever happens to a render, in the order of the trust steps, is a move of :data:`pipeline.states.MOVES`;
here it is made. Nobody else writes ``renders.state`` (a test reads the code for it), and the database
refuses `released` from anywhere but the release (pipeline/guard.py). Each function works in the caller's
transaction: all of it commits, or none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from audit.errors import LedgerInconsistent
from audit.ledger import Event, append
from core.database import Base, now, take_turn
from core.errors import Conflict
from pipeline import outbox
from pipeline.agreement import check_agreement
from pipeline.errors import LeaseLost
from pipeline.leases import FREE, Claim
from pipeline.states import ENDED, MOVES, Move, State, check_move
from pipeline.tables import RenderRow


def begin(session: Session, row: RenderRow, *, rows: Sequence[Base] = ()) -> None:
    """A new render, as a draft: before trust step 1. ``rows``: what came with it."""
    row.state = State.DRAFT
    event = Event.VIDEO_IMPORTED if row.origin == "import" else Event.RENDER_CREATED
    facts = {"campaign_id": row.campaign_id, "maker_id": row.maker_id, "supersedes": row.supersedes}
    append(session, event, row.id, facts, rows=[row, *rows])
    outbox.hint(session, row)


def move(
    session: Session,
    render_id: str,
    end: State,
    *,
    start: State,
    event: Event | None = None,
    claim: Claim | None = None,
    values: Mapping[str, Any] | None = None,
    rows: Sequence[Base] = (),
    facts: Mapping[str, Any] | None = None,
) -> RenderRow:
    """Take a render from one state to another, once: a compare-and-set on where it is.

    Args:
        start: where the caller saw it.
        event: which move, where two lead the same way (a recall and a withdrawal).
        claim: the lease under which a stage did the work; without one the render is taken from whoever works on it.
        values: columns that the step sets.
        rows: rows that were made with it (assets, manifests, fingerprints); the entry commits to them.
        facts: what the entry states beside the move's own columns.

    Raises:
        Conflict: the table has no such move, or the render was moved meanwhile; nothing is changed.
        LeaseLost: as the latter, for a stage.
        LedgerInconsistent: somebody changed the render in the database: it goes nowhere but to an end.
    """
    check_move(start, end, where=render_id)
    way = _way(start, end, event)
    altered = _altered(session, render_id, may_end=end in ENDED)
    _change(session, render_id, start, claim, {"state": end, **(values or {})})
    row = session.get_one(RenderRow, render_id, populate_existing=True)
    stated = {name: getattr(row, name) for name in way.states}
    append(
        session,
        way.event,
        row.id,
        {"from_state": start, "state": end, "altered": altered or None, **stated, **(facts or {})},
        rows=[row, *rows],
    )
    outbox.hint(session, row)
    return row


def note(
    session: Session,
    render_id: str,
    event: Event,
    *,
    start: State,
    claim: Claim | None = None,
    values: Mapping[str, Any],
    facts: Mapping[str, Any] | None = None,
) -> RenderRow:
    """Something happened to a render that leaves it where it is, such as a refused release. Frees its lease.

    Raises as :func:`move`.
    """
    _altered(session, render_id, may_end=False)
    _change(session, render_id, start, claim, values)
    row = session.get_one(RenderRow, render_id, populate_existing=True)
    append(session, event, row.id, {"state": start, **(facts or {})}, rows=[row])
    return row


def _altered(session: Session, render_id: str, *, may_end: bool) -> bool:
    """Whether somebody changed the render in the database, or what it stands on.

    What is recorded next commits to the whole row: such a change does not enter the record as a step's doing. An
    end is recorded all the same, and its entry says that the row was altered.
    """
    row = take_turn(session, RenderRow, render_id)  # row and entries are then of one moment
    try:
        if row is not None:
            check_agreement(session, row)
    except LedgerInconsistent:
        if may_end:
            return True
        raise
    return False


def _change(
    session: Session, render_id: str, start: State, claim: Claim | None, values: Mapping[str, Any]
) -> None:
    mine = [RenderRow.fence == claim.fence] if claim is not None else []
    taken_away: dict[str, Any] = {} if claim is not None else {"fence": RenderRow.fence + 1}
    result = session.execute(
        update(RenderRow)
        .where(RenderRow.id == render_id, RenderRow.state == start, *mine)
        .values(**{**FREE, **taken_away, "changed_at": now(), **values})
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[Any]", result).rowcount == 1:
        return
    if claim is not None:
        raise LeaseLost("this stage is no longer ours", where=f"{render_id}, {claim.stage.name}")
    raise Conflict(
        "the render was decided otherwise meanwhile",
        where=render_id,
        next_step="reload it and see what happened in between",
        code="moved_meanwhile",
    )


def _way(start: State, end: State, event: Event | None) -> Move:
    ways = [way for way in MOVES if start in way.start and end is way.end]
    return next((way for way in ways if way.event is event), ways[0]) if event is not None else ways[0]

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

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from audit.errors import LedgerInconsistent
from audit.ledger import Entry, Event, append, append_all, committed
from core.database import Base, now, take_turn
from core.errors import Conflict
from pipeline import metrics, outbox
from pipeline.agreement import altered_of, check_agreement
from pipeline.causes import with_cause
from pipeline.errors import LeaseLost
from pipeline.flags import lower_flags
from pipeline.jobs import Outcome
from pipeline.leases import FREE, Claim, database_seconds
from pipeline.states import ENDED, MOVES, STAGE_AT, Move, State, check_move
from pipeline.tables import RenderRow


def begin(session: Session, row: RenderRow, *, rows: Sequence[Base] = ()) -> None:
    """A new render, as a draft: before trust step 1. ``rows``: what came with it."""
    row.state = State.DRAFT
    row.hinted_at = database_seconds(session)
    if rows:
        session.add(row)
        session.flush()  # they name it
    append(session, _first_event(row), row.id, _first_facts(row), rows=[row, *rows])
    outbox.hint(session, row)


def enter(session: Session, arrivals: Sequence[tuple[RenderRow, Outcome]]) -> None:
    """Many new renders, each with the answer of trust steps 1-3: what :func:`begin` and :func:`move` do for one, in a
    few statements for all.

    Raises Conflict where the table has no such move.
    """
    entries: list[Entry] = []
    clock = database_seconds(session)
    for row, outcome in arrivals:
        row.state = State.DRAFT
        _fill(row)
        check_move(State.DRAFT, outcome.state, where=row.id)
        entries.append(Entry(_first_event(row), row.id, _first_facts(row), committed(row)))
        values = {**outcome.values, "reason": outcome.reason, "state": outcome.state}
        for name, value in with_cause(values).items():
            setattr(row, name, value)
        way = _way(State.DRAFT, outcome.state, None)
        code = str(outcome.reason["code"]) if outcome.reason else None
        stated = {name: getattr(row, name) for name in way.states}
        facts = {
            "from_state": State.DRAFT,
            "state": outcome.state,
            "reason_code": code,
            **stated,
            **outcome.facts,
        }
        entries.append(Entry(way.event, row.id, facts, committed(row)))
        if outcome.state in STAGE_AT:
            topic, payload = outbox.message(row.id, outcome.state)
            outbox.post(session, topic, **payload)
            row.hinted_at = clock
    session.add_all([row for row, _ in arrivals])
    append_all(session, entries)


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
    changes = {"state": end, **outbox.hinted(session, end), **(values or {})}
    row = _change(session, render_id, start, claim, changes)
    lower_flags(session, [render_id], start, end)
    stated = {name: getattr(row, name) for name in way.states}
    append(
        session,
        way.event,
        row.id,
        {"from_state": start, "state": end, "altered": altered or None, **stated, **(facts or {})},
        rows=[row, *rows],
    )
    outbox.hint(session, row)
    metrics.moved(session, row, way.event)
    return row


def move_all(
    session: Session,
    renders: Sequence[RenderRow],
    end: State,
    *,
    event: Event | None = None,
    values: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """What :func:`move` does for one, for many that go the same way from the state they are in, whoever works on them.

    Args:
        renders: as this transaction has read them, for itself (`take_turn`, or a locking query).

    Raises as :func:`move`; then none is moved.
    """
    ways: dict[str, Move] = {}
    for render in renders:
        check_move(State(render.state), end, where=render.id)
        ways[render.id] = _way(State(render.state), end, event)
    altered = altered_of(session, renders)
    if altered and end not in ENDED:
        check_agreement(session, next(render for render in renders if render.id in altered))
    was = {render.id: render.state for render in renders}
    for start in sorted(set(was.values())):
        ids = [render_id for render_id, state in was.items() if state == start]
        result = session.execute(
            update(RenderRow)
            .where(RenderRow.id.in_(ids), RenderRow.state == start)
            .values(
                **{
                    **FREE,
                    **outbox.hinted(session, end),
                    "fence": RenderRow.fence + 1,
                    "changed_at": now(),
                    "state": end,
                    **with_cause(values or {}),
                }
            )
            .execution_options(synchronize_session=False)
        )
        if cast("CursorResult[Any]", result).rowcount != len(ids):
            raise _moved_meanwhile(ids[0])
        lower_flags(session, ids, State(start), end)
    again = select(RenderRow).where(RenderRow.id.in_(was)).execution_options(populate_existing=True)
    entries = []
    for row in session.scalars(again.order_by(RenderRow.id)):
        stated = {name: getattr(row, name) for name in ways[row.id].states}
        said = {"from_state": was[row.id], "state": end, "altered": row.id in altered or None, **stated}
        entries.append(Entry(ways[row.id].event, row.id, {**said, **(facts or {})}, committed(row)))
        outbox.hint(session, row)
        metrics.moved(session, row, ways[row.id].event)
    append_all(session, entries)


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
    row = _change(session, render_id, start, claim, values)
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
) -> RenderRow:
    """The compare-and-set; the row as it is then."""
    mine = [RenderRow.fence == claim.fence] if claim is not None else []
    taken_away: dict[str, Any] = {} if claim is not None else {"fence": RenderRow.fence + 1}
    changed = session.scalars(
        update(RenderRow)
        .where(RenderRow.id == render_id, RenderRow.state == start, *mine)
        .values(**{**FREE, **taken_away, "changed_at": now(), **with_cause(values)})
        .returning(RenderRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    ).one_or_none()
    if changed is not None:
        return changed
    if claim is not None:
        raise LeaseLost("this stage is no longer ours", where=f"{render_id}, {claim.stage.name}")
    raise _moved_meanwhile(render_id)


def _moved_meanwhile(render_id: str) -> Conflict:
    return Conflict(
        "the render was decided otherwise meanwhile",
        where=render_id,
        next_step="reload it and see what happened in between",
        code="moved_meanwhile",
    )


def _way(start: State, end: State, event: Event | None) -> Move:
    ways = [way for way in MOVES if start in way.start and end is way.end]
    return next((way for way in ways if way.event is event), ways[0]) if event is not None else ways[0]


def _first_event(row: RenderRow) -> Event:
    return Event.VIDEO_IMPORTED if row.origin == "import" else Event.RENDER_CREATED


def _first_facts(row: RenderRow) -> dict[str, Any]:
    return {"campaign_id": row.campaign_id, "maker_id": row.maker_id, "supersedes": row.supersedes}


def _fill(row: RenderRow) -> None:
    """The columns' defaults, now: the entry commits to the row before it is in the database."""
    for column in RenderRow.__table__.columns:
        default = column.default
        if default is not None and getattr(row, column.key) is None:
            setattr(row, column.key, default.arg(None) if default.is_callable else default.arg)

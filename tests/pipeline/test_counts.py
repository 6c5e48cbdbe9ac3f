"""The numbers above the lists: equal to a count of the rows after any history, failures and rollbacks included."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text, update

from core.database import reading, transaction
from core.errors import GreenroomError
from pipeline import counts
from pipeline.counts import counts_of_brand, counts_of_campaigns, fold, recount
from pipeline.life import move
from pipeline.states import TRANSITIONS, State
from pipeline.tables import RenderCountChangeRow, RenderCountRow, RenderRow

MakeRender = Callable[..., RenderRow]
WITHOUT_A_RELEASE = sorted(set(State) - {State.RELEASED})


def truth() -> dict[tuple[str, str], dict[State, int]]:
    """By brand and campaign, counted row by row."""
    found: dict[tuple[str, str], dict[State, int]] = {}
    with reading() as session:
        for row in session.scalars(select(RenderRow)):
            for key in ((row.brand_id, ""), (row.brand_id, row.campaign_id)):
                states = found.setdefault(key, {})
                states[State(row.state)] = states.get(State(row.state), 0) + 1
    return found


def numbers() -> dict[tuple[str, str], dict[State, int]]:
    with reading() as session:
        rows = session.execute(select(RenderRow.brand_id, RenderRow.campaign_id).distinct()).all()
        told = {(brand, ""): counts_of_brand(session, brand) for brand, _ in rows}
        by_campaign = counts_of_campaigns(session, [campaign for _, campaign in rows])
    return told | {(brand, campaign): by_campaign[campaign] for brand, campaign in rows}


class Stop(Exception):
    """Something fails before the commit."""


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("new"), st.sampled_from(WITHOUT_A_RELEASE), st.booleans()),
            st.tuples(st.just("move"), st.integers(0, 20), st.booleans()),
            st.tuples(st.just("illegal"), st.integers(0, 20), st.booleans()),
            st.tuples(st.just("behind our back"), st.integers(0, 20), st.booleans()),
            st.tuples(st.just("fold"), st.just(0), st.booleans()),
        ),
        max_size=20,
    )
)
def test_the_numbers_are_those_of_the_rows_after_any_history(make_render: MakeRender, history) -> None:
    rows = [make_render().id]

    def act(what: str, which, fails: bool) -> None:
        if what == "new":
            rows.append(make_render(state=which.value).id)
        elif what == "fold":
            fold()
        else:
            with transaction() as session:
                row = session.get_one(RenderRow, rows[which % len(rows)])
                start = State(row.state)
                ways = sorted(TRANSITIONS[start] - {State.RELEASED})
                if what == "behind our back":
                    session.execute(update(RenderRow).where(RenderRow.id == row.id).values(state="failed"))
                elif what == "illegal":
                    move(session, row.id, State.DRAFT, start=State.RECALLED)
                elif ways:
                    move(session, row.id, ways[which % len(ways)], start=start)
                if fails:
                    raise Stop

    for what, which, fails in history:
        with suppress(Stop, GreenroomError):
            act(what, which, fails)
        assert numbers() == truth()
    fold()
    assert numbers() == truth()


def test_folding_leaves_the_numbers_and_takes_the_changes(
    make_render: MakeRender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "FOLDED_AT_ONCE", 2)
    for state in ("draft", "draft", "in_review", "blocked", "failed"):
        make_render(state=state)
    before = numbers()
    assert fold() == 5 and fold() == 0
    assert numbers() == before == truth()
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(RenderCountChangeRow)) == 0


def test_two_that_fold_at_once_count_nothing_twice(
    make_render: MakeRender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "FOLDED_AT_ONCE", 3)
    for _ in range(20):
        make_render()
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: fold(), range(4))) == 20
    assert numbers() == truth()


@pytest.mark.only("postgresql")
def test_two_moves_of_a_campaign_do_not_wait_for_each_other(make_render: MakeRender) -> None:
    one, other = make_render().id, make_render().id
    with transaction() as first:
        first.execute(update(RenderRow).where(RenderRow.id == one).values(state="blocked"))
        with transaction() as second:
            second.execute(text("SET LOCAL lock_timeout = '200ms'"))
            second.execute(update(RenderRow).where(RenderRow.id == other).values(state="blocked"))
        fold()
    assert numbers() == truth()


def test_a_render_that_stays_where_it_is_writes_nothing(make_render: MakeRender) -> None:
    row = make_render()
    fold()
    with transaction() as session:
        session.execute(update(RenderRow).where(RenderRow.id == row.id).values(progress=0.5, state=row.state))
    assert fold() == 0


def test_a_recount_says_what_the_rows_say(make_render: MakeRender) -> None:
    for state in ("draft", "in_review", "in_review"):
        make_render(state=state)
    fold()
    with transaction() as session:
        session.execute(update(RenderCountRow).values(number=7))
        session.execute(delete(RenderRow).where(RenderRow.state == "draft"))
    assert numbers() != truth()
    with transaction() as session:
        recount(session)
    assert numbers() == truth()


def test_a_campaign_without_renders_has_no_numbers(home: Path) -> None:
    with reading() as session:
        assert counts_of_campaigns(session, ["cmp_none"]) == {"cmp_none": {}}
        assert counts_of_brand(session, "brd_none") == {}

"""Pages of a list: whoever follows them sees each row that stays, once, whatever comes and goes meanwhile."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from core.database import reading, transaction
from core.errors import InputError, NotFound
from pipeline.errors import BadCursor
from pipeline.lists import list_renders, page_of_campaigns
from pipeline.paging import MOST_ROWS, Cursor, Place, read_cursor
from pipeline.runs import GRAVEST, Order
from pipeline.states import State
from pipeline.tables import RenderRow

MakeRender = Callable[..., RenderRow]
START = datetime(2026, 1, 1, tzinfo=UTC)
WORKING = (State.DRAFT, State.SCRIPTED, State.VOICED)
GONE = State.BLOCKED


class Lists:
    """Renders that come and go in the database of one brand."""

    def __init__(self, first: RenderRow):
        self.like = {column.key: getattr(first, column.key) for column in RenderRow.__table__.columns}
        self.brand, self.made = first.brand_id, 0

    def clear(self) -> None:
        with transaction() as session:
            session.execute(delete(RenderRow))

    def add(self, minute: int, state: State, verdict: str | None = None) -> str:
        """Minutes collide on purpose: the id then decides."""
        self.made += 1
        row_id = f"rnd_{self.made:06d}"
        moment = START + timedelta(minutes=minute)
        values = {
            "id": row_id,
            "state": state.value,
            "verdict": verdict,
            "created_at": moment,
            "request_key": None,
        }
        with transaction() as session:
            session.execute(insert(RenderRow).values(self.like | values))
        return row_id

    def move(self, row_id: str, state: State) -> None:
        with transaction() as session:
            session.execute(update(RenderRow).where(RenderRow.id == row_id).values(state=state.value))

    def page(self, states: tuple[State, ...], order: Order, cursor: str, limit: int = 3) -> Any:
        found = list_renders(brand_id=self.brand, states=states, order=order, cursor=cursor, limit=limit)
        return [row.id for row in found.page.rows], found.page.next, found.page.previous

    def members(self, states: tuple[State, ...]) -> set[str]:
        with reading() as session:
            return set(session.scalars(select(RenderRow.id).where(RenderRow.state.in_(states))))


@pytest.fixture
def lists(home: Path, make_render: MakeRender) -> Lists:
    return Lists(make_render())


minutes, states = st.integers(0, 5), st.sampled_from([*WORKING, GONE])
verdicts = st.sampled_from([None, "pass", "review", "block"])
acts = st.lists(
    st.one_of(
        st.tuples(st.just("add"), minutes, states),
        st.tuples(st.just("move"), st.integers(0, 30), states),
    ),
    max_size=4,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.lists(st.tuples(minutes, states), max_size=14),
    meanwhile=st.lists(acts, max_size=6),
    order=st.sampled_from(["oldest", "newest"]),
)
def test_each_row_that_stays_is_seen_once_whatever_comes_and_goes(
    lists: Lists, before: list[Any], meanwhile: list[Any], order: Order
) -> None:
    lists.clear()
    rows = [lists.add(*each) for each in before]
    stayed, seen, cursor = lists.members(WORKING), [], ""
    while True:
        page, following, _ = lists.page(WORKING, order, cursor)
        seen += page
        for what, which, state in meanwhile.pop() if meanwhile else []:
            if what == "add":
                rows.append(lists.add(which, state))
            elif rows:
                lists.move(rows[which % len(rows)], state)
        stayed &= lists.members(WORKING)
        if following is None:
            break
        cursor = following
    assert len(seen) == len(set(seen)), "a row was shown twice"
    assert stayed <= set(seen), "a row that never left was not shown"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.lists(st.tuples(minutes, verdicts), min_size=1, max_size=12),
    order=st.sampled_from(["oldest", "newest", "gravest"]),
)
def test_the_way_back_shows_the_same_rows_in_the_same_order(
    lists: Lists, before: list[Any], order: Order
) -> None:
    lists.clear()
    for minute, verdict in before:
        lists.add(minute, State.IN_REVIEW, verdict)
    whole, _, _ = lists.page((State.IN_REVIEW,), order, "", limit=50)
    forth, cursor, pages = [], "", []
    while cursor is not None:
        page, cursor, previous = lists.page((State.IN_REVIEW,), order, cursor)
        assert (previous is None) == (not pages)
        forth += page
        pages.append(page)
    assert forth == whole and len(whole) == len(before)
    back = pages[-1]
    while previous is not None:
        page, onward, previous = lists.page((State.IN_REVIEW,), order, previous)
        assert lists.page((State.IN_REVIEW,), order, onward)[0][:1] == back[:1]
        back = page + back
    assert back == whole


def test_the_gravest_come_first_and_of_equals_the_oldest(lists: Lists) -> None:
    lists.clear()
    for minute in (1, 0):
        for verdict in (*GRAVEST[::-1],):
            lists.add(minute, State.IN_REVIEW, verdict)
    found = list_renders(brand_id=lists.brand, states=(State.IN_REVIEW,), order="gravest")
    told = [(row.verdict, (row.created_at - START).seconds // 60) for row in found.page.rows]
    assert told == [(verdict, minute) for verdict in GRAVEST for minute in (0, 1)]


def test_a_page_whose_rows_have_all_gone_leads_back_and_on(lists: Lists) -> None:
    lists.clear()
    rows = [lists.add(minute, State.DRAFT) for minute in range(8)]
    _, second, _ = lists.page(WORKING, "oldest", "")
    _, third, first = lists.page(WORKING, "oldest", second)
    for row in rows[3:]:
        lists.move(row, GONE)
    page, following, previous = lists.page(WORKING, "oldest", third)
    assert (page, following) == ([], None)
    assert lists.page(WORKING, "oldest", previous)[0] == rows[:3]
    for row in rows:
        lists.move(row, GONE if row in rows[:3] else State.DRAFT)
    page, following, previous = lists.page(WORKING, "oldest", first)
    assert (page, previous) == ([], None)
    assert lists.page(WORKING, "oldest", following)[0] == rows[3:6]


@pytest.mark.parametrize("limit, shown", [(-1, 1), (0, 1), (2, 2), (10_000, MOST_ROWS)])
def test_no_page_is_longer_than_the_most(lists: Lists, limit: int, shown: int) -> None:
    lists.clear()
    with transaction() as session:
        rows = [lists.like | {"id": f"rnd_{n}", "state": "draft"} for n in range(MOST_ROWS + 1)]
        session.execute(insert(RenderRow), rows)
    assert len(lists.page(WORKING, "oldest", "", limit=limit)[0]) == shown


def test_another_brands_campaign_has_no_list(lists: Lists) -> None:
    with pytest.raises(NotFound):
        list_renders(brand_id="brd_another", campaign_id=lists.like["campaign_id"])
    assert page_of_campaigns(brand_id="brd_another").page.rows == []


def test_only_what_is_in_review_is_ordered_by_its_verdict(lists: Lists) -> None:
    with pytest.raises(InputError, match="by its verdict"):
        list_renders(brand_id=lists.brand, states=WORKING, order="gravest")


def packed(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


GOOD = Cursor("oldest", True, Place(0, START + timedelta(microseconds=1), "rnd_1")).text()


@pytest.mark.parametrize(
    "text",
    [
        "x", "0", "'; DROP TABLE renders; --", "é", GOOD + "A", GOOD[:-2], GOOD * 9, "W10",
        packed(), packed("oldest"), packed("newest", 0), packed("oldest", 2), packed("oldest", "0"),
        packed("oldest", 0, 0), packed("oldest", 0, 0, 1), packed("oldest", 0, 0, 1, "rnd_1", 0),
        packed("oldest", 0, "0", 1, "rnd_1"), packed("oldest", 0, 0, 1.5, "rnd_1"), packed("oldest", 0, True, 1, "r"),
        packed("oldest", 0, 0, -1, "rnd_1"), packed("oldest", 0, 0, 10**30, "rnd_1"),
        packed("oldest", 0, 10**9, 1, "r"),
        packed("oldest", 0, 0, 1, ["rnd_1"]), packed("oldest", 0, 0, 1, "rnd 1"), packed("oldest", 0, 0, 1, "r" * 41),
        packed({"oldest": 0}), "WwWwWwWw" * 25, base64.urlsafe_b64encode(b"[" * 140).decode().rstrip("="),
    ],
)  # fmt: skip
def test_a_cursor_that_was_never_given_is_refused_in_words(text: str) -> None:
    with pytest.raises(BadCursor, match="no page of this list") as refused:
        read_cursor(text, "oldest")
    assert refused.value.http_status == 422 and refused.value.next_step


@given(
    rank=st.integers(0, 99), after=st.timedeltas(START - START, timedelta(days=2_000_000)), back=st.booleans()
)
def test_a_cursor_comes_back_as_it_was_given(rank: int, after: timedelta, back: bool) -> None:
    for place in (None, Place(rank, START + after, "rnd_01KAE8ZQ5W")):
        cursor = Cursor("newest", back, place)
        assert read_cursor(cursor.text(), "newest") == cursor
        assert len(cursor.text()) <= 200

"""The record's search: each kind, narrowed by its facet, its campaign and its days; true numbers; nothing of others."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from audit.tables import ApprovalRow
from core.database import now, reading, transaction
from core.errors import GreenroomError, InputError, NotFound
from pipeline import search as module
from pipeline.search import FACETS, KINDS, Asked, Found, Number, beside, search
from pipeline.service import create_brand
from pipeline.states import State
from pipeline.tables import PersonaRow
from tests.kit.world import World


def found(world: World, kind: Any, brand_id: str = "", cursor: str = "", **more: Any) -> Found:
    with reading() as session:
        return search(session, Asked(kind, **more), brand_id=brand_id or world.brand_id, cursor=cursor)


def ids(found: Found) -> list[str]:
    return [getattr(row, "render_id", row.id if hasattr(row, "id") else "") for row in found.page.rows]


def test_a_render_is_found_by_its_state_and_its_campaign(world: World):
    other = world.campaign(name="Another")
    out, waiting = world.released(), world.to_review(campaign=other)
    assert ids(found(world, "renders")) == [waiting.id, out.id]
    assert ids(found(world, "renders", facet="released")) == [out.id]
    assert ids(found(world, "renders", campaign=other.id)) == [waiting.id]
    numbers = found(world, "renders", facet="released")
    assert (numbers.total, numbers.facets["in_review"]) == (Number(1), Number(1))
    assert found(world, "renders", campaign=other.id).facets["released"] == Number(0)


def test_releases_and_recalls_are_in_the_order_in_which_they_were(world: World):
    first, second = world.approved(), world.approved()
    world.release(second)
    world.release(first)
    assert ids(found(world, "releases")) == [first.id, second.id]
    world.recall(second)
    world.recall(first)
    assert ids(found(world, "recalls")) == [first.id, second.id]
    assert ids(found(world, "releases")) == [first.id, second.id]  # it was released, whatever came after
    assert found(world, "releases").total == found(world, "recalls").total == Number(2)
    assert ids(found(world, "recalls", campaign=first.campaign_id)) == [first.id, second.id]


def test_decisions_are_found_by_their_verdict_and_by_who_decided(world: World):
    approved, rejected = world.approved(), world.reject(world.to_review())
    assert ids(found(world, "decisions", facet="approve")) == [approved.id]
    assert ids(found(world, "decisions", facet="reject")) == [rejected.id]
    assert found(world, "decisions", reviewer=world.reviewer).total.value == 2
    assert found(world, "decisions", reviewer=world.second_reviewer).total.value == 0


@pytest.mark.only("sqlite")
def test_consents_and_people(world: World):
    person = world.add_persona("consent")
    assert {row.persona_id for row in found(world, "consents", facet="consent").page.rows} == {person.id}
    assert {row.id for row in found(world, "people").page.rows} == {world.persona.id, person.id}
    assert found(world, "consents").facets == {"consent": Number(1), "provenance": Number(1)}


@pytest.mark.parametrize("name", ["ष", "ΑΝΝΑ", "zo\u00eb", "%", "_", "'"])
def test_a_person_is_found_by_a_part_of_the_name_in_any_script(world: World, name: str):
    names = ["कक्षा", "Άννα Αννα", "Zo\u00eb", "100%", "a_b", "O'Neil"]
    like = {column.key: getattr(world.persona, column.key) for column in PersonaRow.__table__.columns}
    with transaction() as session:
        session.execute(
            insert(PersonaRow),
            [like | {"id": f"per_{number}", "name": each} for number, each in enumerate(names)],
        )
    assert [row.name for row in found(world, "people", name=name).page.rows] == [
        each for each in reversed(names) if name.casefold() in each.casefold()
    ]
    assert len(found(world, "people", name=name).page.rows) == 1


@pytest.mark.only("sqlite")
def test_a_name_is_looked_for_among_the_newest_people_of_the_days_and_what_was_not_read_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    like = {column.key: getattr(world.persona, column.key) for column in PersonaRow.__table__.columns}
    day = datetime(2026, 3, 1, tzinfo=UTC)
    people = [like | {"id": f"per_{n}", "name": "Asha", "created_at": day + timedelta(n)} for n in range(4)]
    with transaction() as session:
        session.execute(insert(PersonaRow), people)
    assert (everybody := found(world, "people", name="asha")).total == Number(4) and not everybody.unread
    assert ids_of(found(world, "people", name="asha", until=day.date())) == ["per_0"]
    monkeypatch.setattr(module, "NAMED_AT_MOST", 1)
    assert ids_of(some := found(world, "people", name="asha")) == ["per_3"] and some.total == Number(4)
    monkeypatch.setattr(module, "NAMES_AT_MOST", 2)
    assert (some := found(world, "people", name="asha")).unread and some.total == Number(1, more=True)


def ids_of(found: Found) -> list[str]:
    return [row.id for row in found.page.rows]


@pytest.mark.parametrize("kind", KINDS)
def test_the_days_are_whole_and_both_included(world: World, kind: str):
    world.recall(world.released())
    today = datetime.now(UTC).date()
    everything = found(world, kind).total.value
    assert everything > 0
    assert found(world, kind, since=today, until=today).total.value == everything
    assert found(world, kind, until=today - timedelta(days=1)).total.value == 0
    assert found(world, kind, since=today + timedelta(days=1), until=date.max).total.value == 0


@pytest.mark.parametrize("kind", KINDS)
def test_another_brand_finds_nothing(world: World, kind: str):
    world.recall(world.released())
    nothing = found(world, kind, create_brand("Another brand").id)
    assert (nothing.page.rows, nothing.total.value) == ([], 0)
    assert all(not number.value for number in nothing.facets.values())


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"kind": "people", "facet": "released"}, InputError),
        ({"kind": "renders", "facet": "lost"}, InputError),
        ({"kind": "renders", "campaign": "cmp_1"}, NotFound),
        ({"kind": "renders", "since": date(2026, 2, 2), "until": date(2026, 2, 1)}, InputError),
        ({"kind": "renders", "cursor": "x"}, GreenroomError),
    ],
)
def test_what_cannot_be_asked_is_said(world: World, asked: dict[str, Any], error: type[Exception]):
    with pytest.raises(error):
        found(world, **asked)


def test_whoever_follows_the_pages_sees_each_row_once(world: World):
    """Of every kind of order: decisions of one moment are told apart by their ids."""
    moment = now()
    like = {"brand_id": world.brand_id, "render_id": "rnd_1", "reviewer_id": "usr_1", "maker_id": "usr_2"}
    rows = [
        {**like, "id": f"apr_{n:03}", "sealed_sha256": f"{n:064}", "verdict": ("approve", "reject")[n % 2],
         "reason": "", "manner": "seen", "created_at": moment - timedelta(seconds=n // 3)}
        for n in range(130)
    ]  # fmt: skip
    with transaction() as session:
        session.execute(insert(ApprovalRow), rows)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = found(world, "decisions", cursor=cursor).page
        seen += [row.id for row in page.rows]
        cursor = page.next
    assert len(seen) == len(set(seen)) == 130


@pytest.mark.only("sqlite")
def test_what_is_not_counted_to_its_end_says_so(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "COUNTED_AT_MOST", 1)
    world.to_review()
    today = datetime.now(UTC).date()
    assert found(world, "renders", since=today).total == Number(1, more=False)
    world.to_review()
    assert found(world, "renders", since=today).total == Number(1, more=True)
    assert found(world, "renders").total == Number(2)  # the counters know


@pytest.mark.only("sqlite")
def test_what_a_page_names_comes_with_it(world: World):
    out = world.released()
    for kind in KINDS:
        rows = found(world, kind).page.rows
        with reading() as session:
            named = beside(session, rows)
        if kind in ("renders", "decisions", "releases"):
            assert set(named.renders) == {out.id} and set(named.campaigns) == {out.campaign_id}, kind


def test_every_state_is_a_choice():
    assert set(FACETS["renders"]) == {state.value for state in State}

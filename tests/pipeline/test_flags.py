"""What flagged a render is listed while it is in review, and forgotten when it leaves."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core.database import reading, transaction
from core.errors import InputError
from pipeline.flags import SCRIPT, lower_flags
from pipeline.lists import list_renders
from pipeline.narrowing import Narrowing
from pipeline.states import State
from pipeline.tables import RenderRow, ReviewFlagRow
from tests.kit.workers import work
from tests.kit.world import World


def flags(render: RenderRow) -> set[str]:
    with reading() as session:
        return set(session.scalars(select(ReviewFlagRow.gate).where(ReviewFlagRow.id == render.id)))


def listed(w: World, **narrowed: object) -> list[str]:
    narrowing = Narrowing(**narrowed)  # type: ignore[arg-type]
    found = list_renders(brand_id=w.brand_id, states=[State.IN_REVIEW], narrowing=narrowing)
    return [row.id for row in found.page.rows]


def test_gates_that_did_not_pass_flag_a_render_while_it_is_in_review(world: World):
    one, two = world.to_review(flagged=("lip_sync", "label")), world.to_review(flagged=("label",))
    clean = world.to_review()
    assert (flags(one), flags(two), flags(clean)) == ({"lip_sync", "label"}, {"label"}, set())
    assert listed(world, gate="lip_sync") == [one.id] and listed(world, gate="label") == [one.id, two.id]
    world.reject(one)
    assert listed(world, gate="label") == [two.id] and flags(one) == set()


def test_a_gate_for_information_flags_nothing(world: World):
    assert flags(world.to_review(flagged=("authenticity",))) == set()


def test_a_withdrawal_takes_the_flags_of_all_that_it_stops(world: World):
    one, two = (world.to_review(flagged=("label",)) for _ in range(2))
    world.withdraw(effect="recall")
    work()
    assert {world.now_is(one).state, world.now_is(two).state} == {State.BLOCKED}
    assert flags(one) == flags(two) == set()


def test_a_blocked_video_has_no_flags_and_one_that_failed_keeps_them(world: World):
    blocked = world.advance(world.render(blocked=("label",)))
    assert blocked.state == State.BLOCKED and flags(blocked) == set()
    one = world.to_review(flagged=("label",))
    for start, end, kept in (
        (State.SEALED, State.FAILED, True),
        (State.FAILED, State.SEALED, True),
        (State.SEALED, State.BLOCKED, False),
    ):
        with transaction() as session:
            lower_flags(session, [one.id], start, end)
        assert bool(flags(one)) is kept


def test_a_flag_that_was_left_behind_lists_nothing(world: World):
    """An earlier release, beside this one while it is upgraded, moves a render and knows of no flags."""
    one = world.to_review(flagged=("label",))
    world.as_database_owner("UPDATE renders SET state = 'rejected' WHERE id = ?", one.id)
    assert flags(one) == {"label"} and listed(world, gate="label") == []


def test_a_gate_and_what_its_campaign_is_narrow_together(world: World):
    high = world.campaign(risk_class="high")
    one, _two = world.to_review(campaign=high, flagged=("label",)), world.to_review(flagged=("label",))
    world.to_review(campaign=high)
    assert listed(world, gate="label", risk="high") == [one.id]
    assert SCRIPT not in flags(one)


def test_only_what_is_in_review_has_flags(world: World):
    for wrong in ({"states": [State.RELEASED]}, {"states": [State.IN_REVIEW], "order": "gravest"}):
        with pytest.raises(InputError):
            list_renders(brand_id=world.brand_id, narrowing=Narrowing(gate="label"), **wrong)  # type: ignore[arg-type]

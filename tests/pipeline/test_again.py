"""A video that stopped is made again: in its place, once, through every step; and what failed is tried again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from audit.errors import LedgerInconsistent
from audit.ledger import Event
from core.database import reading, transaction
from core.errors import Conflict, GreenroomError, InputError, NotFound
from pipeline import again
from pipeline.again import make_again, retry, retry_cause, successor_of
from pipeline.causes import causes_of
from pipeline.errors import AuthorityInvalid, MadeAgain
from pipeline.intake import import_video
from pipeline.life import move
from pipeline.service import create_brand
from pipeline.states import State
from pipeline.tables import RenderRow
from tests.kit import media
from tests.kit.workers import last_entry, stored
from tests.kit.world import ASHA, BREAKS_A_RULE, World

BEN = {"first_name": "Ben", "remark": "Thank you for choosing us."}


def failed(w: World, code: str = "timestamp_down", **asked: object) -> RenderRow:
    """A render whose next stage could not be done."""
    row = w.render(**asked)
    reason = {"code": code, "message": f"a made-up {code}", "stage": "voice", "retry": "scripted"}
    with transaction() as session:
        return move(session, row.id, State.FAILED, start=State.SCRIPTED, values={"reason": reason})


STOPS: dict[str, Callable[[World], RenderRow]] = {
    "failed": failed,
    "blocked": lambda w: w.render(BREAKS_A_RULE),
    "rejected": lambda w: w.reject(w.to_review()),
}


def once_more(w: World, row: RenderRow, **more: object) -> RenderRow:
    return make_again(row.id, brand_id=w.brand_id, maker_id=w.operator, **more)


def after(row: RenderRow) -> str | None:
    with reading() as session:
        found = successor_of(session, row.id)
    return found.id if found is not None else None


@pytest.mark.parametrize("state", STOPS)
def test_what_stopped_is_made_again_with_its_fields_and_names_what_it_replaces(world: World, state: str):
    old = STOPS[state](world)
    new = once_more(world, old, fields=BEN)
    assert (new.supersedes, new.fields, new.campaign_id) == (old.id, BEN, old.campaign_id)
    assert after(old) == new.id and after(new) is None
    assert world.now_is(old).state == state, "the old one stays what it is"
    assert last_entry(new.id, Event.RENDER_CREATED).facts["supersedes"] == old.id
    assert world.released(world.approved(world.to_review(new))).state == State.RELEASED
    assert world.ledger().good


def test_nothing_given_keeps_everything(world: World):
    assert once_more(world, failed(world)).fields == ASHA


def test_an_import_keeps_its_video_and_may_be_meant_to_say_something_else(world: World, tmp_path: Path):
    clip = media.write_clip(tmp_path / "clip.mp4", 3)
    old = import_video(
        clip,
        world.campaign().id,
        brand_id=world.brand_id,
        maker_id=world.operator,
        script=f"{BREAKS_A_RULE['remark']}",
    )
    assert old.state == State.BLOCKED
    with pytest.raises(InputError):
        once_more(world, old, fields=BEN)
    new = once_more(world, old, script="Hello.")
    assert (new.state, new.script, new.source_sha256) == (State.SCRIPTED, "Hello.", old.source_sha256)


@pytest.mark.parametrize("state", ["in_review", "approved", "released", "recalled"])
def test_what_may_still_go_out_or_was_out_is_not_made_again(world: World, state: str):
    row = {
        "in_review": world.to_review,
        "approved": world.approved,
        "released": world.released,
        "recalled": lambda: world.recall(world.released()),
    }[state]()
    before = stored()
    with pytest.raises(Conflict) as refused:
        once_more(world, row)
    assert refused.value.code == "not_stopped" and stored() == before


def test_one_place_is_taken_once(world: World):
    old = failed(world)
    new = once_more(world, old)
    assert once_more(world, old).id == new.id, "the same call again"
    with pytest.raises(MadeAgain) as refused:
        once_more(world, old, fields=BEN)
    assert refused.value.where == new.id
    with pytest.raises(MadeAgain):
        retry(old.id, brand_id=world.brand_id)


def test_a_place_that_a_plain_request_took_is_taken(world: World):
    old = failed(world)
    other = world.render(BEN, supersedes=old.id)
    with pytest.raises(MadeAgain) as refused:
        once_more(world, old)
    assert refused.value.where == other.id and after(old) == other.id


def test_two_at_once_make_one(world: World):
    old = failed(world)
    with ThreadPoolExecutor(4) as pool:
        made = {row.id for row in pool.map(lambda _: once_more(world, old), range(4))}
    assert made == {after(old)}


def test_a_retry_and_another_video_at_once_leave_one_of_them(world: World):
    old = failed(world)

    def act(which: int) -> str:
        try:
            if which:
                return once_more(world, old).state
            return retry(old.id, brand_id=world.brand_id).state
        except GreenroomError as error:
            return error.code

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(act, range(2)))
    assert answers in (["made_again", "scripted"], ["not_stopped", "scripted"])
    going = [row for row in (old.id, after(old)) if row and world.now_is(row).state == State.SCRIPTED]
    assert len(going) == 1


def test_a_render_of_another_brand_is_not_there(world: World):
    old, other = failed(world), create_brand("Another brand").id
    with pytest.raises(NotFound):
        make_again(old.id, brand_id=other, maker_id="usr_other")
    with pytest.raises(NotFound):
        retry_cause(old.campaign_id, "timestamp_down", brand_id=other, actor_id="usr_other")


def test_refusals_leave_the_place_free(world: World):
    """A wrong field, an authority that is over: nothing is stored, and the next try is the first."""
    old = failed(world)
    before = stored()
    with pytest.raises(InputError):
        once_more(world, old, fields={"first_name": "Ben"})
    world.withdraw(status="suspended")
    with pytest.raises(AuthorityInvalid):
        once_more(world, old)
    assert after(old) is None and stored()["renders"] == before["renders"]


@pytest.mark.only("sqlite")
def test_what_somebody_changed_in_the_database_is_not_made_again(world: World):
    old = failed(world)
    world.as_database_owner("UPDATE renders SET fields = ? WHERE id = ?", '{"first_name": "Eve"}', old.id)
    with pytest.raises(LedgerInconsistent):
        once_more(world, old, fields=BEN)


# By cause


def told(w: World, campaign_id: str) -> list[tuple[str, str, int]]:
    with reading() as session:
        return [(cause.state.value, cause.code, cause.number) for cause in causes_of(session, campaign_id)]


def test_what_stopped_is_told_by_cause_what_failed_first(world: World):
    rows = [failed(world, code) for code in ("timestamp_down", "poison", "timestamp_down")]
    blocked, other = world.render(BREAKS_A_RULE), world.campaign(name="Another")
    failed(world, "elsewhere", campaign=other)
    campaign = rows[0].campaign_id
    assert told(world, campaign) == [
        ("failed", "timestamp_down", 2),
        ("failed", "poison", 1),
        ("blocked", "policy", 1),
    ]
    with reading() as session:
        first = causes_of(session, campaign)[0]
    assert [one.id for one in first.examples] == [rows[2].id, rows[0].id], "the newest first"
    assert first.examples[0].message == "a made-up timestamp_down"
    once_more(world, blocked, fields=ASHA)
    assert ("blocked", "policy", 1) not in told(world, campaign), "it was dealt with"


def test_a_count_ends_where_it_would_take_long(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.causes.MOST_COUNTED", 1)
    row = failed(world)
    with reading() as session:
        assert not causes_of(session, row.campaign_id)[0].more
    failed(world)
    with reading() as session:
        cause = causes_of(session, row.campaign_id)[0]
    assert (cause.number, cause.more) == (1, True)


def test_all_of_a_cause_are_tried_again_and_no_others(world: World):
    mine, late = failed(world), failed(world)
    other, replaced = failed(world, "poison"), failed(world)
    once_more(world, replaced)
    done = retry_cause(mine.campaign_id, "timestamp_down", brand_id=world.brand_id, actor_id=world.operator)
    assert (done.renders, done.left) == (2, False)
    states = [world.now_is(row).state for row in (mine, late, other, replaced)]
    assert states == [State.SCRIPTED, State.SCRIPTED, State.FAILED, State.FAILED]
    assert last_entry(mine.id, Event.RENDER_RETRIED).facts["actor"] == world.operator
    assert world.now_is(mine).cause == "" and told(world, mine.campaign_id) == [("failed", "poison", 1)]
    assert world.to_review(mine).state == State.IN_REVIEW
    assert world.ledger().good


def test_a_call_is_bounded_and_says_what_is_left(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(again, "AT_ONCE", 2)
    monkeypatch.setattr(again, "_CHUNK", 1)
    rows = [failed(world) for _ in range(3)]
    call = lambda: retry_cause(  # noqa: E731
        rows[0].campaign_id, "timestamp_down", brand_id=world.brand_id, actor_id=world.operator
    )
    assert (first := call()).renders == 2 and first.left
    assert (second := call()).renders == 1 and not second.left


@pytest.mark.only("sqlite")
def test_one_that_somebody_changed_keeps_no_other_back(world: World):
    bad, good = failed(world), failed(world)
    world.as_database_owner("UPDATE renders SET script = 'Other words.' WHERE id = ?", bad.id)
    done = retry_cause(bad.campaign_id, "timestamp_down", brand_id=world.brand_id, actor_id=world.operator)
    assert done.renders == 1
    assert (world.now_is(bad).state, world.now_is(good).state) == (State.FAILED, State.SCRIPTED)


def test_causes_are_found_by_an_index_alone(world: World):
    """However many renders a campaign has."""
    row = failed(world)
    with reading() as session:
        if session.get_bind().dialect.name != "sqlite":
            pytest.skip("PostgreSQL is asked in tests/review_ui/test_bounded.py")
        plan = session.execute(
            text(
                "EXPLAIN QUERY PLAN SELECT cause FROM renders WHERE campaign_id = :id AND state = :state AND "
                "renders.state IN ('failed', 'blocked', 'rejected') AND cause > 'a' ORDER BY cause LIMIT 1"
            ),
            {"id": row.campaign_id, "state": "failed"},
        ).all()
    assert "COVERING INDEX ix_renders_cause" in str(plan) and "TEMP" not in str(plan)

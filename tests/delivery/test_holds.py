"""Legal holds: what one stands on is not released, linked or deleted until another entry lifts it; links that exist go
on. Whatever the rows or the ledger alone say, a hold stands while one of them says so."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest
from sqlalchemy import update

from audit.errors import Immutable
from audit.events import Event
from audit.holds import OnHold, held, place
from audit.ledger import append
from audit.tables import HoldRow
from core.database import Base, reading, transaction
from core.errors import Conflict, GreenroomError, InputError, NotFound
from delivery import orphans
from delivery.errors import NotServed
from delivery.holds import HOLD_LIFTED, lift_hold, page_of_holds, place_hold, waiting_for_a_lift
from delivery.links import make_link, open_link
from delivery.orphans import sweep_orphans
from delivery.reach import reach_of
from pipeline.service import create_brand
from pipeline.standing import standing_of
from pipeline.tables import PersonaRow, RenderRow
from tests.kit.workers import events_of, last_entry, work
from tests.kit.world import World

Place = Callable[..., HoldRow]


def on(world: World, kind: str, subject: str, reason: str = "A made-up case.") -> HoldRow:
    return place_hold(kind, subject, brand_id=world.brand_id, actor_id=world.legal, reason=reason)


def off(world: World, row: HoldRow, reason: str = "It is settled.") -> HoldRow:
    return lift_hold(row.id, brand_id=world.brand_id, actor_id=world.legal, reason=reason)


def subject_of(world: World, render: RenderRow, kind: str) -> str:
    return {"render": render.id, "campaign": render.campaign_id, "person": world.persona.id}[kind]


def code_of(act: Callable[[], object]) -> str:
    try:
        act()
    except GreenroomError as error:
        return error.code
    return "done"


@pytest.mark.parametrize("kind", ["render", "campaign", "person"])
def test_what_is_on_hold_is_not_released_until_it_is_lifted(world: World, kind: str):
    render = world.approved()
    row = on(world, kind, subject_of(world, render, kind))
    with pytest.raises(OnHold, match="legal hold"):
        world.release(render)
    waiting = world.now_is(render)
    assert (waiting.state, (waiting.reason or {})["code"]) == ("approved", "legal_hold")
    assert not world.published()
    off(world, row)
    assert world.release(render).state == "released"


def test_a_hold_that_is_placed_while_the_file_is_made_is_in_time(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """The release asks once more in the transaction that makes it true, and takes its file back."""
    from delivery import release as module

    render, publish = world.approved(), module._publish

    def then_on_hold(cleared: object) -> object:
        made = publish(cleared)  # type: ignore[arg-type]
        on(world, "render", render.id)
        return made

    monkeypatch.setattr(module, "_publish", then_on_hold)
    with pytest.raises(OnHold):
        world.release(render)
    assert world.now_is(render).state == "approved" and not world.published()


@pytest.mark.parametrize("kind", ["render", "campaign", "person"])
def test_links_that_exist_go_on_and_no_new_one_is_made(world: World, kind: str):
    render = world.released()
    token = make_link(render.id, brand_id=world.brand_id)
    row = on(world, kind, subject_of(world, render, kind))
    assert open_link(token)[0].id == render.id
    with pytest.raises(NotServed, match="legal hold"):
        make_link(render.id, brand_id=world.brand_id)
    with reading() as session:
        standing = standing_of(session, world.now_is(render))
        assert (standing.serves, standing.links, standing.code) == (True, False, "legal_hold")
    off(world, row)
    assert make_link(render.id, brand_id=world.brand_id)


@pytest.mark.only("sqlite")
def test_what_is_on_hold_can_still_be_recalled(world: World):
    render = world.released()
    on(world, "render", render.id)
    assert world.recall(render).state == "recalled"


@pytest.mark.only("sqlite")
def test_another_campaigns_hold_stops_nothing_here(world: World):
    render = world.approved()
    on(world, "campaign", world.campaign().id)
    on(world, "person", persona_beside(world, "another person"))
    assert world.release(render).state == "released"


# A person may be several personas

KINDS_OF_KIN = ("one clip", "one authority", "one authority's earlier version", "one clip's authority")


def persona_beside(world: World, how: str) -> str:
    """The id of a further persona of the brand, who is the world's persona or another person."""
    first = world.persona.authority_id
    newer = world.supersede().id if "earlier" in how else first
    clip, authority = {
        "one clip": (world.persona.reference_sha256, "aut_other"),
        "one authority": ("f" * 64, first),
        "one authority's earlier version": ("f" * 64, newer),
        "one clip's authority": ("f" * 64, "aut_other"),
        "another person": ("f" * 64, "aut_other"),
    }[how]
    like = {column.key: getattr(world.persona, column.key) for column in PersonaRow.__table__.columns}
    other = world.add_persona().authority_id if how == "one clip's authority" else authority
    with transaction() as session:
        session.add(
            PersonaRow(**like | {"id": "per_beside", "reference_sha256": clip, "authority_id": other})
        )
    return "per_beside"


@pytest.mark.parametrize("how", KINDS_OF_KIN)
def test_a_hold_on_a_person_reaches_every_persona_that_is_the_same_one(world: World, how: str):
    campaign = world.campaign(release_on_approval=True)
    row = on(world, "person", persona_beside(world, how))
    render = world.approved(campaign=campaign)
    with pytest.raises(OnHold):
        world.release(render)
    work()
    off(world, row)
    assert waiting_for_a_lift() == [render.id]
    assert HOLD_LIFTED in work() and world.now_is(render).state == "released"
    row = on(world, "person", "per_beside")
    with reading() as session:
        assert not standing_of(session, world.now_is(render)).links


@pytest.mark.only("sqlite")
def test_another_brands_persona_of_the_same_clip_is_not_reached(world: World):
    like = {column.key: getattr(world.persona, column.key) for column in PersonaRow.__table__.columns}
    other = create_brand("Another brand").id
    with transaction() as session:
        session.add(PersonaRow(**like | {"id": "per_there", "brand_id": other}))
    place_hold("person", "per_there", brand_id=other, actor_id="usr_1", reason="x")
    assert world.released().state == "released"


@pytest.mark.only("sqlite")
def test_what_a_hold_would_reach_is_known_before_it_stands(world: World):
    out, waiting = world.released(), world.to_review()
    world.recall(world.released())
    kin, namesake = world.add_persona(), persona_beside(world, "another person")
    world.to_review(campaign=world.campaign(kin))
    reach = reach_of("person", world.persona.id, brand_id=world.brand_id)
    assert {row.id for row in reach.people} == {world.persona.id, kin.id} and reach.person_count == 2
    assert [row.id for row in reach.namesakes] == [namesake]
    assert (reach.campaigns, reach.out, reach.stopped) == (2, 1, 2)
    reach = reach_of("campaign", out.campaign_id, brand_id=world.brand_id)
    assert (reach.out, reach.stopped, reach.people) == (1, 1, [])
    assert reach_of("render", waiting.id, brand_id=world.brand_id).stopped == 1
    with pytest.raises(NotFound):
        reach_of("person", world.persona.id, brand_id=create_brand("Another brand").id)


@pytest.mark.only("sqlite")
def test_namesakes_who_are_the_same_person_are_held_with_it_or_none_is(world: World):
    namesake = persona_beside(world, "another person")
    hold = {"brand_id": world.brand_id, "actor_id": world.legal, "reason": "x"}
    with pytest.raises(NotFound):
        place_hold("person", world.persona.id, **hold, also=[namesake, "per_1"])
    assert page_of_holds(world.brand_id)[1] == []
    with pytest.raises(InputError):
        place_hold("person", world.persona.id, **hold, also=[f"per_{n}" for n in range(50)])
    row = place_hold("person", world.persona.id, **hold, also=[namesake, namesake])
    assert row.subject == world.persona.id
    with reading() as session:
        assert held(session, [world.persona.id, namesake]) == {world.persona.id, namesake}
    assert len(page_of_holds(world.brand_id)[1]) == 2


@pytest.mark.only("sqlite")
def test_the_last_hold_that_is_lifted_sets_free(world: World):
    render = world.approved()
    first, second = on(world, "render", render.id), on(world, "person", world.persona.id)
    off(world, first)
    with pytest.raises(OnHold):
        world.release(render)
    off(world, second)
    assert world.release(render).state == "released"


def test_what_was_refused_for_a_hold_is_released_when_it_is_lifted(world: World):
    """Where its campaign releases on approval."""
    campaign = world.campaign(release_on_approval=True)
    row = on(world, "campaign", campaign.id)
    render = world.approved(campaign=campaign)
    work()
    assert world.now_is(render).state == "approved"
    off(world, row)
    assert HOLD_LIFTED in work() and world.now_is(render).state == "released"


@pytest.mark.only("sqlite")
def test_the_sweeper_finds_what_a_lifted_hold_let_go_when_its_message_was_lost(world: World):
    campaign = world.campaign(release_on_approval=True)
    row = on(world, "campaign", campaign.id)
    render = world.approved(campaign=campaign)
    work()
    assert waiting_for_a_lift() == []
    off(world, row)
    work("nothing")  # lost
    assert waiting_for_a_lift() == [render.id]


def test_both_are_on_the_ledger_with_no_word_of_the_reason(world: World):
    render = world.approved()
    row = on(world, "render", render.id, "Zephyrine complained.")
    off(world, row, "Zephyrine agreed.")
    for event in (Event.HOLD_PLACED, Event.HOLD_LIFTED):
        entry = last_entry(render.id, event)
        assert (entry.facts["hold_id"], entry.facts["actor"]) == (row.id, world.legal)
        assert "ephyrine" not in str(entry.facts)
    assert world.ledger().good


# A hold is not lifted by the database's owner


@pytest.mark.only("sqlite")
def test_a_hold_whose_row_was_deleted_stands(world: World):
    render = world.approved()
    row = on(world, "render", render.id)
    world.as_database_owner("DELETE FROM holds WHERE id = ?", row.id)
    with pytest.raises(OnHold):
        world.release(render)


@pytest.mark.only("sqlite")
def test_a_hold_whose_entry_was_deleted_stands(world: World):
    render = world.approved()
    on(world, "render", render.id)
    world.as_database_owner("DELETE FROM ledger_entries WHERE event = 'custody:hold:placed'")
    with reading() as session:
        assert held(session, [render.id]) == {render.id}


@pytest.mark.only("sqlite")
@pytest.mark.parametrize("half", ["row", "entry"])
def test_a_row_or_an_entry_alone_lifts_nothing(world: World, half: str):
    render = world.approved()
    row = on(world, "render", render.id)
    if half == "entry":
        with transaction() as session:
            append(session, Event.HOLD_LIFTED, render.id, {"hold_id": row.id})
    else:
        off(world, row)
        world.as_database_owner("DELETE FROM ledger_entries WHERE event = 'custody:hold:lifted'")
    with pytest.raises(OnHold):
        world.release(render)


@pytest.mark.only("sqlite")
def test_a_hold_is_never_changed(world: World):
    row = on(world, "campaign", world.campaign().id)
    with pytest.raises(Immutable), transaction() as session:
        session.execute(update(HoldRow).where(HoldRow.id == row.id).values(reason="Another one."))


# Nothing that a hold is on is deleted


@pytest.mark.only("sqlite")
def test_the_sweep_of_orphans_leaves_what_is_on_hold(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(orphans, "_last", 0.0)
    render = world.released()
    on(world, "render", render.id)
    for path in (world.home / "blobs").rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - 200 * 24 * 3600,) * 2)
    before = {path for path in (world.home / "blobs").rglob("*") if path.is_file()}
    sweep_orphans(every=0.0)
    sweep_orphans(every=0.0)
    after = {path for path in (world.home / "blobs").rglob("*") if path.is_file()}
    for digest in (render.examined_sha256, render.sealed_sha256, render.published_sha256):
        assert any(path.name == digest for path in before & after)


# Who asks for what


@pytest.mark.only("sqlite")
@pytest.mark.parametrize("reason", ["", "  ", "x" * 2001, "a\0b"])
def test_a_hold_takes_a_reason_that_can_be_kept(world: World, reason: str):
    render = world.render()
    with pytest.raises(InputError):
        on(world, "render", render.id, reason)
    row = on(world, "render", render.id)
    with pytest.raises(InputError):
        off(world, row, reason)


@pytest.mark.only("sqlite")
def test_only_what_is_there_is_put_on_hold(world: World):
    render = world.render()
    other = create_brand("Another brand").id
    wrong: dict[str, tuple[str, str, str]] = {
        "not_found": ("render", "rnd_1", world.brand_id),
        "bad_input": ("brand", world.brand_id, world.brand_id),
    }
    for code, (kind, subject, brand_id) in wrong.items():
        act = lambda k=kind, s=subject, b=brand_id: place_hold(k, s, brand_id=b, actor_id="usr_1", reason="x")  # noqa: E731
        assert code_of(act) == code
    with pytest.raises(NotFound):
        place_hold("render", render.id, brand_id=other, actor_id="usr_1", reason="x")
    with pytest.raises(NotFound):
        place_hold("person", render.id, brand_id=world.brand_id, actor_id="usr_1", reason="x")


@pytest.mark.only("sqlite")
def test_a_hold_is_lifted_once_by_its_own_brand(world: World):
    row = on(world, "campaign", world.campaign().id)
    with pytest.raises(NotFound):
        lift_hold(row.id, brand_id=create_brand("Another brand").id, actor_id="usr_1", reason="x")
    lifting = off(world, row)
    with pytest.raises(Conflict, match="lifted already"):
        off(world, row)
    with pytest.raises(NotFound):
        off(world, lifting)
    assert [events_of(row.subject).count(f"custody:hold:{done}") for done in ("placed", "lifted")] == [1, 1]


def test_the_page_of_holds_says_what_lifted_each(world: World):
    campaign, render = world.campaign(), world.render()
    first = on(world, "campaign", campaign.id)
    second = on(world, "render", render.id)
    lifting = off(world, first)
    page, holds = page_of_holds(world.brand_id)
    assert [hold.placed.id for hold in holds] == [second.id, first.id] and page.next is None
    assert [hold.lifted and hold.lifted.id for hold in holds] == [None, lifting.id]
    assert page_of_holds(create_brand("Another brand").id)[1] == []


def test_whoever_deletes_asks_in_the_transaction_that_does(world: World):
    """The question is one that holds until the transaction ends."""
    with transaction() as session:
        place(
            session,
            brand_id=world.brand_id,
            kind="person",
            subject=world.persona.id,
            reason="x",
            actor="usr_1",
        )
        assert held(session, [world.persona.id, "per_1"]) == {world.persona.id}
    assert issubclass(HoldRow, Base)

"""Taking a video back (trust step 13): from `released` and `approved` alone, at every door at once, for good."""

from __future__ import annotations

import pytest

from audit.events import Event
from core.blobs import blobs
from core.errors import Conflict, GreenroomError, InputError, NotFound
from delivery.errors import NotServed, ReleaseRefused
from delivery.links import make_link
from delivery.recall import recall
from pipeline import outbox
from pipeline.service import retry
from pipeline.states import State
from tests.kit.workers import door, events_of, last_entry, put_back, stored, swept, waiting_messages, work
from tests.kit.world import World

OTHERS = sorted(set(State) - {State.APPROVED, State.RELEASED})


def test_a_released_video_is_taken_back_at_every_door_at_once(world: World):
    render = world.released()
    token = make_link(render.id, brand_id=world.brand_id)
    published = blobs().get_file(render.published_sha256)
    assert (door(token), world.verify(published).release) == ("open", "released")

    recalled = world.recall(render)

    assert recalled.state == State.RECALLED
    assert door(token) == "link_recalled"
    assert world.verify(published).verdict == "recalled"
    with pytest.raises(NotServed, match="taken back"):
        make_link(render.id, brand_id=world.brand_id)
    assert world.ledger().good


def test_the_entry_names_the_published_bytes_and_not_the_reason(world: World):
    render = world.released()
    world.recall(render, reason="Asha Example asked for it")
    entry = last_entry(render.id, Event.ASSET_RECALLED)
    assert entry.facts["published_sha256"] == render.published_sha256
    assert (entry.facts["from_state"], entry.facts["actor"]) == ("released", world.operator)
    assert "Asha" not in entry.body
    assert world.now_is(render).reason == {"code": "recalled", "message": "Asha Example asked for it"}


def test_a_reason_is_kept_whole_or_refused(world: World):
    render, whole = world.approved(), "why " * 499 + "now."
    with pytest.raises(InputError, match="2,000"):
        world.recall(render, reason=f"{whole} {whole}")
    assert world.now_is(render).state == State.APPROVED
    assert world.recall(render, reason=whole).reason == {"code": "recalled", "message": whole}


def test_channels_are_told_in_the_same_transaction(world: World):
    render = world.released()
    waiting_messages()
    world.recall(render)
    assert waiting_messages() == [(outbox.RECALLED, {"render_id": render.id})]


def test_an_approved_video_is_taken_back_before_its_release(world: World):
    render = world.approved(campaign=world.campaign(release_on_approval=True))
    recalled = world.recall(render)
    assert (recalled.state, recalled.published_sha256) == (State.RECALLED, None)
    work()  # the message of its approval was on the way
    assert swept() == []
    with pytest.raises(ReleaseRefused, match="this one is recalled"):
        world.release(render)
    assert world.now_is(render).state == State.RECALLED and not world.published()
    assert world.ledger().good


def test_what_is_neither_approved_nor_released_is_not_taken_back(world: World):
    render = world.approved()
    for state in OTHERS:
        put_back(world, render, state)
        before = stored()
        with pytest.raises(Conflict, match=f"this one is {state}"):
            recall(render.id, brand_id=world.brand_id, actor_id=world.operator, reason="a made-up reason")
        assert (world.now_is(render).state, stored()) == (state, before)


def test_a_recall_is_final(world: World):
    render = world.recall(world.released())
    again = (
        lambda: world.recall(render),
        lambda: world.release(render),
        lambda: world.approve(render),
        lambda: retry(render.id, brand_id=world.brand_id),
        lambda: make_link(render.id, brand_id=world.brand_id),
    )
    before = stored()
    for attempt in again:
        with pytest.raises(GreenroomError):
            attempt()
    assert (world.now_is(render).state, stored()) == (State.RECALLED, before)


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_recall_needs_a_reason(world: World, reason: str):
    render = world.released()
    with pytest.raises(InputError, match="needs a reason"):
        world.recall(render, reason=reason)
    assert world.now_is(render).state == State.RELEASED


def test_another_brands_video_is_not_found(world: World):
    render = world.released()
    with pytest.raises(NotFound):
        recall(render.id, brand_id="brd_other", actor_id=world.operator, reason="a made-up reason")
    assert Event.ASSET_RECALLED not in events_of(render.id)
    assert world.now_is(render).state == State.RELEASED


def test_the_others_stay(world: World):
    """One video of a campaign is taken back; the rest of it is not."""
    one, other = world.released(), world.released()
    token = make_link(other.id, brand_id=world.brand_id)
    world.recall(one)
    assert door(token) == "open"

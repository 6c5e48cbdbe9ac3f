"""What follows when an authority is withdrawn, suspended, superseded or outlived (trust steps 1 and 13).

The doors ask the authority themselves: each answer is asked before the message is handled (`at_once`) and after.
"""

from __future__ import annotations

from typing import Any

import pytest

from audit.authorities import AUTHORITY_CHANGED, set_status
from audit.events import Event
from audit.models import Effect
from core.blobs import blobs
from core.database import reading, transaction
from core.errors import Conflict, GreenroomError, InputError
from delivery.errors import NotServed, ReleaseRefused
from delivery.links import make_link
from delivery.withdrawal import expire, on_authority_changed, unsettled
from pipeline.errors import AuthorityInvalid
from pipeline.leases import claim
from pipeline.service import retry
from pipeline.standing import authority_of, standing_of
from pipeline.states import STAGE_AT, State
from pipeline.tables import RenderRow
from tests.kit.workers import (
    as_owner,
    door,
    events_of,
    last_entry,
    put_back,
    stored,
    swept,
    waiting_messages,
    work,
)
from tests.kit.world import World

YEAR = 366 * 24 * 3600.0

# What each effect means for a video that is out: may its links go on, may it get new ones, what is the world told.
MEANS = {
    Effect.RECALL: ("link_withdrawn", False, "withdrawn"),
    Effect.STOP: ("open", False, "released"),
    Effect.NONE: ("open", True, "released"),
}


def out(w: World, **scope: Any) -> tuple[RenderRow, str]:
    """A video of a consented persona that is out, with a link."""
    persona = w.add_persona("consent", **scope)
    render = w.released(campaign=w.campaign(persona))
    w.persona = persona  # what `withdraw`, `supersede` and `authority` then speak of
    return render, make_link(render.id, brand_id=w.brand_id)


def answers(w: World, render: RenderRow, token: str) -> tuple[str, bool, str]:
    """What the doors say of a released video, in the order of ``MEANS``."""
    try:
        make_link(render.id, brand_id=w.brand_id)
        more = True
    except NotServed:
        more = False
    return door(token), more, w.verify(blobs().get_file(render.published_sha256)).release


# The effect on what is released


@pytest.mark.parametrize("effect", Effect)
def test_a_withdrawal_has_the_effect_that_was_chosen(world: World, effect: Effect):
    other = next(each for each in Effect if each is not effect)
    render, token = out(world, on_withdrawal=other)
    world.withdraw(effect=effect)
    assert answers(world, render, token) == MEANS[effect]
    work()
    assert answers(world, render, token) == MEANS[effect]
    assert world.now_is(render).state == ("recalled" if effect is Effect.RECALL else "released")
    assert world.ledger().good


@pytest.mark.parametrize("effect", Effect)
def test_the_default_effect_is_the_records(world: World, effect: Effect):
    render, token = out(world, on_withdrawal=effect)
    assert world.withdraw().history[-1].effect is effect
    assert answers(world, render, token) == MEANS[effect]


def test_what_a_withdrawal_takes_back_is_recalled_by_the_person(world: World):
    render, _ = out(world)
    world.withdraw(effect="recall")
    work()
    row = world.now_is(render)
    assert (row.state, row.reason["code"]) == (State.RECALLED, "withdrawn")
    entry = last_entry(render.id, Event.ASSET_WITHDRAWN)
    assert entry.facts["published_sha256"] == render.published_sha256
    assert entry.facts["authority_id"] == world.authority.id
    assert Event.ASSET_RECALLED not in events_of(render.id)


def test_what_the_publisher_recalled_stays_recalled(world: World):
    render, token = out(world)
    world.recall(render)
    world.withdraw(effect="recall")
    work()
    assert door(token) == "link_recalled"
    assert Event.ASSET_WITHDRAWN not in events_of(render.id)


def test_other_personas_are_not_touched(world: World):
    other = world.released()
    token = make_link(other.id, brand_id=world.brand_id)
    out(world)
    world.withdraw(effect="recall")
    work()
    assert answers(world, other, token) == MEANS[Effect.NONE]


# The work that is under way


OPEN = (*STAGE_AT, State.IN_REVIEW, State.APPROVED, State.FAILED)


@pytest.mark.parametrize("effect", Effect)
def test_whatever_is_not_out_ends_and_its_lease_is_free(world: World, effect: Effect):
    """At every state, whatever the effect: it speaks of what is released."""
    render = world.approved()
    saved = world.save()
    for state in OPEN:
        world.restore(saved)
        put_back(world, render, state)
        held = claim(render.id) if state in STAGE_AT else None
        world.withdraw(effect=effect)
        work(AUTHORITY_CHANGED)
        row = world.now_is(render)
        assert (row.state, row.reason["code"]) == (State.BLOCKED, "authority_revoked"), state
        assert (row.lease_owner, row.lease_until) == (None, None), state
        if held is not None:
            held._last_renewal = 0.0  # the lease is not of this moment: the beat asks
            with pytest.raises(GreenroomError, match="no longer ours"):
                held.beat()


def test_a_blocked_one_does_not_come_back(world: World):
    render = world.approved()
    world.withdraw()
    work()
    with pytest.raises(ReleaseRefused):
        world.release(render)
    with pytest.raises(Conflict):
        retry(render.id, brand_id=world.brand_id)
    assert swept() == []
    assert events_of(render.id)[-1] == Event.RENDER_BLOCKED


@pytest.mark.parametrize("status", ["revoked", "expired", "suspended"])
def test_approvals_and_releases_refuse_before_the_message_is_handled(world: World, status: str):
    reviewed, approved = world.to_review(), world.approved()
    world.withdraw(status=status)
    with pytest.raises(AuthorityInvalid) as refused:
        world.approve(reviewed)
    assert refused.value.code == f"authority_{status}" and refused.value.next_step
    with pytest.raises(ReleaseRefused) as refused_release:
        world.release(approved)
    assert refused_release.value.code == f"authority_{status}"
    assert world.now_is(reviewed).state == State.IN_REVIEW and stored()["approvals"] == 1
    assert not world.published()


def test_the_message_may_come_twice_or_late(world: World):
    render, _ = out(world)
    waiting = world.to_review(campaign=world.campaign(world.persona))
    authority = world.withdraw(effect="recall")
    payload = {"authority_id": authority.id}
    assert on_authority_changed(payload) == 2
    before = (stored(), world.now_is(render).changed_at, world.now_is(waiting).changed_at)
    assert on_authority_changed(payload) == 0
    work()
    assert (stored(), world.now_is(render).changed_at, world.now_is(waiting).changed_at) == before


def test_a_message_that_was_lost_is_sent_again_until_nothing_is_left(world: World):
    render, _ = out(world)
    world.to_review(campaign=world.campaign(world.persona))
    assert unsettled() == []
    authority = world.withdraw(effect="recall")
    waiting_messages()  # lost
    assert unsettled() == [authority.id]
    on_authority_changed({"authority_id": authority.id})
    assert unsettled() == [] and world.now_is(render).state == State.RECALLED


# Suspension: as `stop`, until it is lifted


def test_a_suspension_stops_new_links_alone(world: World):
    render, token = out(world, on_withdrawal="recall")
    world.withdraw(status="suspended")
    work()
    assert answers(world, render, token) == MEANS[Effect.STOP]
    world.withdraw(status="granted")
    work()
    assert answers(world, render, token) == ("open", True, "released")


@pytest.mark.parametrize("effect", [Effect.NONE, Effect.RECALL])
def test_a_suspension_has_no_other_effect(world: World, effect: Effect):
    before = stored()
    with pytest.raises(InputError, match="can be lifted"):
        world.withdraw(status="suspended", effect=effect)
    assert stored() == before
    assert world.withdraw(status="suspended", effect="stop").history[-1].effect is Effect.STOP


def test_queued_work_waits_and_goes_on(world: World):
    render = world.render()
    world.withdraw(status="suspended")
    work()
    waiting = world.now_is(render)
    assert (waiting.state, waiting.lease_owner) == (State.SCRIPTED, None)
    assert waiting.retry_at is not None and waiting.attempts == 0
    assert swept() == [], "nobody asks for it again before its pause is over"
    world.withdraw(status="granted")
    work(AUTHORITY_CHANGED)
    assert swept() == [("render.advance", {"render_id": render.id, "kind": "cpu"})], "it is due at once"
    assert world.advance(render).state == State.IN_REVIEW


def test_a_release_that_was_refused_for_it_is_tried_again_by_itself(world: World):
    render = world.approved(campaign=world.campaign(release_on_approval=True))
    world.withdraw(status="suspended")
    work()
    assert world.now_is(render).reason["code"] == "authority_suspended"
    assert swept() == [], "a refused release waits for a person"
    world.withdraw(status="granted")
    work()
    assert world.now_is(render).state == State.RELEASED


def test_a_release_that_was_refused_for_another_reason_still_waits_for_a_person(world: World):
    render = world.approved(campaign=world.campaign(release_on_approval=True))
    as_owner(world, "UPDATE renders SET reason = ? WHERE id = ?", '{"code": "release_refused"}', render.id)
    world.withdraw(status="suspended")
    world.withdraw(status="granted")
    work(AUTHORITY_CHANGED)
    assert world.now_is(render).reason["code"] == "release_refused"


# The end of an authority, by its own date


@pytest.mark.parametrize("effect", Effect)
@pytest.mark.parametrize("written_down", [False, True])
def test_the_end_has_the_effect_that_the_record_says(world: World, effect: Effect, written_down: bool):
    render, token = out(world, on_expiry=effect)
    link_for_ever = make_link(render.id, brand_id=world.brand_id, hours=24 * 366)
    world.tick(YEAR - 7 * 3600)
    if written_down:
        assert world.authority.id in expire()
        work()
    assert answers(world, render, link_for_ever) == MEANS[effect]
    assert door(token) == "link_gone", "its own week is over"


def test_the_end_stops_what_is_being_made(world: World):
    out(world)
    render = world.to_review(campaign=world.campaign(world.persona))
    world.tick(YEAR)
    with pytest.raises(AuthorityInvalid) as refused:
        world.approve(render)
    assert refused.value.code == "authority_expired"
    expire()
    work()
    row = world.now_is(render)
    assert (row.state, row.reason["code"]) == (State.BLOCKED, "authority_expired")


def test_the_end_is_written_down_once(world: World):
    out(world)
    assert expire() == []
    world.tick(YEAR)
    ended = world.authority.id
    assert ended in expire() and expire() == []
    assert events_of(ended).count(Event.AUTHORITY_STATUS_CHANGED) == 2
    assert world.authority.status == "expired"


def test_a_clock_that_is_set_back_does_not_undo_what_was_written_down(world: World):
    render, token = out(world, on_expiry="recall")
    world.tick(YEAR)
    expire()
    world.tick(-YEAR)
    assert door(token) == "link_withdrawn"
    with pytest.raises(AuthorityInvalid):
        world.render(campaign=world.campaign(world.persona))
    work()
    assert world.now_is(render).state == State.RECALLED


# A new version


def test_a_new_version_takes_its_personas_along(world: World):
    campaign = world.campaign()
    before = world.render(campaign=campaign)
    version = world.supersede()
    after = world.render(campaign=campaign)
    with reading() as session:
        assert {authority_of(session, render).authority.id for render in (before, after)} == {version.id}
    assert version.renders_counted == 1 and world.authority.renders_counted == 2
    assert world.released(world.approved(world.to_review(before))).state == State.RELEASED
    assert Event.AUTHORITY_SUPERSEDED in events_of(version.document.supersedes or "")


def test_a_narrower_version_stops_new_links_and_lets_existing_ones_go_on(world: World):
    render, token = out(world)
    world.supersede(territories=("eu",))
    work()
    assert answers(world, render, token) == MEANS[Effect.STOP]
    with pytest.raises(NotServed, match="does not allow this territory") as refused:
        make_link(render.id, brand_id=world.brand_id)
    assert refused.value.code == "authority_scope"


def test_a_new_version_does_not_bring_back_what_was_taken_back(world: World):
    render, token = out(world)
    world.withdraw(effect="recall")
    world.supersede()
    assert answers(world, render, token) == MEANS[Effect.RECALL]
    work()
    assert world.now_is(render).state == State.RECALLED
    fresh = world.released(campaign=world.campaign(world.persona))
    assert answers(world, fresh, make_link(fresh.id, brand_id=world.brand_id)) == MEANS[Effect.NONE]


def test_a_new_version_lets_what_only_stopped_go_on(world: World):
    render, token = out(world)
    world.withdraw(effect="stop")
    world.supersede()
    assert answers(world, render, token) == ("open", True, "released")


def test_a_withdrawal_of_the_new_version_takes_back_what_was_released_under_the_old(world: World):
    render, token = out(world)
    world.supersede()
    world.withdraw(effect="recall")
    assert door(token) == "link_withdrawn"
    work()
    assert world.now_is(render).state == State.RECALLED


@pytest.mark.parametrize("status", ["granted", "suspended", "revoked", "expired"])
def test_a_superseded_version_does_not_change_and_names_the_one_in_force(world: World, status: str):
    old = world.authority
    version = world.supersede()
    before = stored()
    with pytest.raises(Conflict) as refused, transaction() as session:
        set_status(session, old.id, status, "a made-up reason", world.legal)
    assert refused.value.code == "authority_superseded" and version.id in refused.value.next_step
    assert stored() == before


def test_a_withdrawal_that_somebody_deletes_serves_nothing(world: World):
    """The row is gone, the ledger still says so: nobody knows how it stands, and nothing is served."""
    render, token = out(world)
    world.withdraw(effect="none")
    assert door(token) == "open"
    as_owner(world, "DELETE FROM authority_status WHERE status = 'revoked'")
    assert door(token) == "link_gone"
    with reading() as session:
        assert standing_of(session, world.now_is(render)).code == "forged_authority"
    with pytest.raises(GreenroomError):
        world.render(campaign=world.campaign(world.persona))

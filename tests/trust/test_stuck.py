"""A stage that cannot be done parks its render, whatever keeps it from being done: nobody tries for ever in silence."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import greenroom.relay
from core.database import now
from core.errors import GreenroomError
from core.settings import get_settings
from delivery.withdrawal import on_authority_changed
from greenroom.status import Status
from pipeline.runner import advance
from pipeline.states import State
from tests.kit.world import World
from tests.trust.acts import DAYS


def tried_often(world: World, render_id: str) -> None:
    """A worker after the other, each when the lease before it is over."""
    for _ in range(get_settings().pipeline.max_attempts + 2):
        with contextlib.suppress(GreenroomError):
            advance(render_id)
        world.tick(get_settings().pipeline.lease_seconds + 61)


def test_a_forged_authority_parks_what_is_being_made(world: World):
    render = world.render()
    world.as_database_owner("UPDATE authority_status SET reason = 'forged'")
    tried_often(world, render.id)
    parked = world.now_is(render)
    assert (parked.state, parked.reason["code"]) == (State.FAILED, "forged_authority")


def test_one_forged_authority_keeps_no_other_from_ending(world: World):
    soon = now() + timedelta(days=1)
    forged, other = (world.add_persona("consent", not_after=soon, on_expiry="recall") for _ in range(2))
    released = world.released(campaign=world.campaign(other))
    world.as_database_owner(
        "UPDATE authority_status SET reason = 'forged' WHERE authority_id = ?", forged.authority_id
    )
    world.tick(2 * DAYS)
    sent: list[str] = []
    greenroom.relay.sweep(lambda _topic, payload: sent.append(payload["authority_id"]), Status("relay"))
    assert world.authority_of(other).status == "expired"
    assert sent == [other.authority_id]
    on_authority_changed({"authority_id": sent[0]})
    assert world.now_is(released).state == State.RECALLED

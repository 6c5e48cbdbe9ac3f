"""A stage that cannot be done parks its render, whatever keeps it from being done: nobody tries for ever in silence."""

from __future__ import annotations

import contextlib

from core.errors import GreenroomError
from core.settings import get_settings
from pipeline.runner import advance
from pipeline.states import State
from tests.kit.fixtures import world  # noqa: F401
from tests.kit.world import World


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

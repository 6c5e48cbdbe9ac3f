"""The yes of the person who appears, on both databases: from the review to the release."""

from __future__ import annotations

import pytest

from core.errors import Conflict, GreenroomError
from pipeline.states import State
from tests.kit.world import World


def test_nothing_goes_out_without_it_and_all_goes_out_with_it(world: World):
    world.supersede(approval_mode="final_cut")
    render = world.approved()
    with pytest.raises(GreenroomError, match="has not approved this video"):
        world.release(render)
    assert world.persona_says(render).reason is None
    assert world.release(render).state == State.RELEASED
    assert world.ledger().good


def test_a_no_is_final(world: World):
    world.supersede(approval_mode="final_cut")
    render = world.approved()
    assert world.persona_says(render, "refuse", words="Not like this.").state == State.BLOCKED
    with pytest.raises(Conflict):
        world.persona_says(render)
    assert world.ledger().good

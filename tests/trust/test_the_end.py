"""An authority that is over by its own date is over, also where nobody has written that down yet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from core.database import now
from delivery.errors import LinkTakenBack
from delivery.links import make_link, open_link
from delivery.withdrawal import expire, on_authority_changed, unsettled
from pipeline.states import State
from tests.kit.world import World
from tests.trust.acts import DAYS


def in_days(days: float) -> datetime:
    return now() + timedelta(days=days)


@pytest.fixture
def ended(world: World) -> Iterator[tuple[World, str]]:
    """A world whose consent took everything back when it ended a moment ago, and a link that was good before."""
    persona = world.add_persona("consent")
    world.supersede(persona, not_after=in_days(30), on_expiry="recall")
    world.persona = persona
    video = world.released(campaign=world.campaign(persona))
    token = make_link(video.id, brand_id=world.brand_id, hours=24 * 90)
    open_link(token)
    world.tick(31 * DAYS)
    with pytest.raises(LinkTakenBack):
        open_link(token)
    yield world, token


def still_taken_back(token: str) -> None:
    with pytest.raises(LinkTakenBack) as taken:
        open_link(token)
    assert taken.value.code == "link_withdrawn"


@pytest.mark.parametrize("written_down", [True, False], ids=["written down", "not written down yet"])
def test_a_new_version_gives_nothing_back(ended: tuple[World, str], written_down: bool):
    world, token = ended
    if written_down:
        expire()
    world.supersede(not_after=in_days(365))
    still_taken_back(token)


@pytest.mark.parametrize("written_down", [True, False], ids=["written down", "not written down yet"])
@pytest.mark.parametrize("effect", ["none", "stop", "recall"])
def test_a_withdrawal_with_a_weaker_effect_gives_nothing_back(
    ended: tuple[World, str], effect: str, written_down: bool
):
    world, token = ended
    if written_down:
        expire()
    world.withdraw(effect=effect)
    still_taken_back(token)


@pytest.mark.parametrize("written_down", [True, False], ids=["written down", "not written down yet"])
def test_who_appears_may_withdraw_after_the_end(world: World, written_down: bool):
    """Links go on after an end with effect `stop`: the person must still be able to take the video back."""
    persona = world.add_persona("consent")
    world.supersede(persona, not_after=in_days(30), on_expiry="stop")
    world.persona = persona
    video = world.released(campaign=world.campaign(persona))
    token = make_link(video.id, brand_id=world.brand_id, hours=24 * 90)
    world.tick(31 * DAYS)
    if written_down:
        expire()
    open_link(token)
    world.withdraw(effect="recall")
    still_taken_back(token)


def test_a_lost_message_is_sent_again_whatever_the_clock_did(world: World):
    """The ledger says which came first: a clock that steps back between the two changes nothing."""
    video = world.released()
    world.tick(-3600)
    world.withdraw(effect="recall")
    assert unsettled() == [world.persona.authority_id]
    on_authority_changed({"authority_id": world.persona.authority_id})
    assert world.now_is(video).state == State.RECALLED and unsettled() == []


def test_what_is_released_under_a_new_version_is_settled_whatever_the_clock_did(world: World):
    world.withdraw(effect="recall")
    world.tick(-3600)
    world.supersede()
    world.released()
    assert unsettled() == []

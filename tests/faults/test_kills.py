"""kill -9 of each process in each stage and in the release, three times each, on both shapes."""

from __future__ import annotations

from random import Random

import pytest

from tests.faults import kills
from tests.faults.installation import Installation
from tests.faults.invariants import broken


@pytest.mark.parametrize("life", range(3))
def test_the_worker_in_each_stage_and_in_the_release(greenroom: Installation, life: int) -> None:
    """On the one shape at the first three points of each, on the other at the last three."""
    first = life + (greenroom.servers is not None)
    campaign = greenroom.world.campaign(release_on_approval=True)
    kills.a_life(greenroom, campaign, kills.stage_points(first), kills.RELEASE[life + first])
    assert not broken(greenroom)


@pytest.mark.parametrize("point", [*kills.RELAY, *kills.SEQUENCER])
def test_the_relay_while_it_sends_and_while_it_sequences(greenroom: Installation, point: str) -> None:
    kills.of_the_relay(greenroom, greenroom.world.campaign(release_on_approval=True), point)
    assert not broken(greenroom)


@pytest.mark.parametrize("point", kills.WEB)
def test_the_web_while_it_takes_an_approval(greenroom: Installation, point: str) -> None:
    kills.of_the_web(greenroom, greenroom.world.campaign(release_on_approval=True), point)
    assert not broken(greenroom)


@pytest.mark.parametrize("process", ["worker-1", "relay", "web"])
def test_each_at_any_moment(greenroom: Installation, process: str) -> None:
    dice = Random(f"{process} {greenroom.servers is None}")
    campaign = greenroom.world.campaign(release_on_approval=True)
    for _ in range(3):
        kills.at_any_moment(greenroom, campaign, process, dice)
    assert not broken(greenroom)

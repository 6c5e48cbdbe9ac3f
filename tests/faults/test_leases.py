"""Who works on what, when a process hangs, comes back, dies of its work each time, or has a wrong clock."""

from __future__ import annotations

import os
import signal

import pytest

from audit.events import Event
from pipeline.states import State
from tests.faults import points
from tests.faults.installation import Installation
from tests.faults.invariants import broken
from tests.faults.kills import ordered
from tests.kit.workers import events_of


@pytest.mark.parametrize(
    ("point", "event"),
    [
        ("seal stage_done", Event.ASSET_SEALED),
        ("examine stage_begins", Event.RENDER_EXAMINED),
        ("release published", Event.ASSET_RELEASED),
    ],
)
def test_a_hung_worker_loses_its_lease_and_comes_back_too_late(
    greenroom: Installation, point: str, event: Event
) -> None:
    """Stopped with the work done and not recorded: another does it meanwhile; what the late one brings is put aside."""
    campaign = greenroom.world.campaign(release_on_approval=True)
    renders: list[str] = []

    def submit() -> None:
        renders.append(greenroom.submit(campaign))
        if point.startswith("release"):
            greenroom.until_state(renders[0], State.IN_REVIEW)
            greenroom.world.approve(renders[0])

    hung = ordered(greenroom, point, submit, what="STOP")
    greenroom.start("worker-2", "worker")
    greenroom.until_state(renders[0], State.IN_REVIEW, State.RELEASED, free=False)
    if greenroom.state(renders[0]) is State.IN_REVIEW:
        greenroom.world.approve(renders[0])
    greenroom.until_state(renders[0], State.RELEASED)
    greenroom.stop("worker-2")
    os.kill(hung, signal.SIGCONT)
    after = greenroom.submit(campaign)
    greenroom.until_state(after, State.IN_REVIEW)  # by the one that hung: it has put the late result aside
    assert events_of(renders[0]).count(event.value) == 1
    assert not broken(greenroom)


@pytest.mark.parametrize("point", ["picture works", "seal works", "release checked"])
def test_a_render_that_ends_its_worker_each_time_is_parked(greenroom: Installation, point: str) -> None:
    """After three tries, with its reason; the worker goes on with others."""
    greenroom.stop("worker-1")
    greenroom.start("worker-1", "worker", GREENROOM_PIPELINE_MAX_ATTEMPTS="3")
    campaign = greenroom.world.campaign(release_on_approval=True)
    render = greenroom.submit(campaign)
    if point.startswith("release"):
        greenroom.until_state(render, State.IN_REVIEW)
        greenroom.world.approve(render)

    def parked() -> bool:
        if points.carried_out(greenroom.home) or not (greenroom.home / points.ORDER).exists():
            points.order(greenroom.home, "KILL", point)
        return greenroom.state(render) is State.FAILED

    greenroom.until(parked)
    points.withdraw(greenroom.home)
    row = greenroom.world.now_is(render)
    assert row.reason is not None and row.reason["code"] == "poison"
    other = greenroom.submit(campaign)
    greenroom.until_state(other, State.IN_REVIEW)
    assert not broken(greenroom)


HOUR = 3600


@pytest.mark.parametrize(("worker", "relay"), [(HOUR, -HOUR), (-HOUR, HOUR), (HOUR, HOUR)])
def test_clocks_that_are_wrong_by_an_hour(greenroom: Installation, worker: int, relay: int) -> None:
    """Leases, hints and pauses go by the database's clock: nobody takes over, and nobody waits for an hour."""
    greenroom.stop("worker-1", "relay")
    greenroom.start("worker-1", "worker", FAULTS_CLOCK=str(worker))
    greenroom.start("relay", "relay", FAULTS_CLOCK=str(relay))
    campaign = greenroom.world.campaign(release_on_approval=True)
    render = ""

    def submit() -> None:
        nonlocal render
        render = greenroom.submit(campaign)

    ordered(greenroom, "seal stage_begins", submit)
    greenroom.until_state(render, State.IN_REVIEW, free=False)  # its lease ended by the database's clock
    greenroom.world.approve(render)
    greenroom.until_state(render, State.RELEASED)
    assert not broken(greenroom)

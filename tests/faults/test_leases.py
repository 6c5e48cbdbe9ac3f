"""Who works on what, when a process hangs, comes back, dies of its work each time, or has a wrong clock."""

from __future__ import annotations

import os
import signal

import pytest

from audit.events import Event
from greenroom.supervisor import _hangs
from pipeline.states import State
from tests.faults import points
from tests.faults.installation import AGAIN, Installation
from tests.faults.invariants import broken
from tests.faults.kills import ordered
from tests.faults.table import fault
from tests.kit.workers import events_of

SOON = {"GREENROOM_PIPELINE_LEASE_SECONDS": "1", "FAULTS_IDLE": "1"}
"""Leases, and the database's patience with a transaction that stands still, in seconds."""
HANGS = "a worker hangs (SIGSTOP), and comes back when another has done its work"


@pytest.mark.parametrize(
    ("point", "event"),
    [
        *(
            pytest.param(point, event, marks=fault(HANGS, "a stage"))
            for point, event in {
                "seal stage_done": Event.ASSET_SEALED,
                "picture stage_done": Event.CANDIDATE_ENCODED,
                "examine stage_begins": Event.RENDER_EXAMINED,
            }.items()
        ),
        *(
            pytest.param(f"release {seam}", Event.ASSET_RELEASED, marks=fault(HANGS, "the release"))
            for seam in ("published", "checked", "opening")
        ),
    ],
)
def test_a_hung_worker_loses_its_lease_and_comes_back_too_late(
    greenroom: Installation, point: str, event: Event
) -> None:
    """Before it makes the file, with the file made, before its transaction: what the late one brings is put aside."""
    hung, render = hangs_at(greenroom, point)
    goes_its_way(greenroom, render)
    greenroom.stop("worker-2")
    os.kill(hung, signal.SIGCONT)
    after = greenroom.submit(greenroom.world.campaign())
    greenroom.until_state(after, State.IN_REVIEW)  # by the one that hung: it has put the late result aside
    assert events_of(render).count(event.value) == 1
    assert not broken(greenroom)


@fault("a worker hangs in a transaction", "a stage")
@pytest.mark.parametrize("stage", ["seal", "voice", "inspect"][:AGAIN])
def test_a_worker_that_hangs_in_a_transaction_holds_up_nobody_for_good(
    greenroom: Installation, stage: str
) -> None:
    """PostgreSQL ends the transaction. SQLite cannot: the supervisor ends the process, which gives no sign of life."""
    hung, render = hangs_at(greenroom, f"{stage} stage_inside")
    if greenroom.servers is None:
        greenroom.until(lambda: _hangs("worker-1", hung), supervised=False)
        greenroom.stop("worker-1")
    goes_its_way(greenroom, render)
    if greenroom.servers is not None:
        os.kill(hung, signal.SIGCONT)
    after = greenroom.submit(greenroom.world.campaign())
    greenroom.until_state(after, State.IN_REVIEW)
    assert not broken(greenroom)


def hangs_at(greenroom: Installation, point: str) -> tuple[int, str]:
    """A worker stands still at this point of a new render, and another waits for its lease to end: pid and render."""
    greenroom.stop("worker-1")
    greenroom.start("worker-1", "worker", **SOON)
    campaign = greenroom.world.campaign(release_on_approval=True)
    renders: list[str] = []

    def submit() -> None:
        renders.append(greenroom.submit(campaign))
        if point.startswith("release"):
            greenroom.until_state(renders[0], State.IN_REVIEW)
            greenroom.world.approve(renders[0])

    hung = ordered(greenroom, point, submit, what="STOP")
    greenroom.fault()
    greenroom.start("worker-2", "worker", **SOON)
    return hung, renders[0]


def goes_its_way(greenroom: Installation, render: str) -> None:
    greenroom.until_state(render, State.IN_REVIEW, State.RELEASED, free=False)
    if greenroom.state(render) is State.IN_REVIEW:
        greenroom.world.approve(render)
    greenroom.until_state(render, State.RELEASED, free=False)


@pytest.mark.parametrize(
    "point",
    [
        *(
            pytest.param(f"{stage} works", marks=fault("a render that ends its worker each time", "a stage"))
            for stage in ("picture", "examine", "seal")[:AGAIN]
        ),
        *(
            pytest.param(
                f"release {seam}", marks=fault("a render that ends its worker each time", "the release")
            )
            for seam in ("checked", "claimed", "published")[:AGAIN]
        ),
    ],
)
def test_a_render_that_ends_its_worker_each_time_is_parked(greenroom: Installation, point: str) -> None:
    """After two tries, with its reason; the worker goes on with others."""
    greenroom.stop("worker-1")
    greenroom.start("worker-1", "worker", GREENROOM_PIPELINE_MAX_ATTEMPTS="2")
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
    greenroom.fault()
    row = greenroom.world.now_is(render)
    assert row.reason is not None and row.reason["code"] == "poison"
    other = greenroom.submit(campaign)
    greenroom.until_state(other, State.IN_REVIEW)
    assert not broken(greenroom)


HOUR, TEN_MINUTES = 3600, 600


@pytest.mark.parametrize(
    ("worker", "relay", "web"),
    [
        *(
            pytest.param(*ahead, marks=fault("clocks wrong by an hour", "worker and relay"))
            for ahead in ((HOUR, -HOUR, 0), (-HOUR, HOUR, 0), (HOUR, HOUR, 0))[:AGAIN]
        ),
        *(
            pytest.param(*ahead, marks=fault("one machine is ten minutes ahead", "its worker, relay or web"))
            for ahead in ((TEN_MINUTES, 0, 0), (0, TEN_MINUTES, 0), (0, 0, TEN_MINUTES))[:AGAIN]
        ),
    ],
)
def test_clocks_that_are_wrong(greenroom: Installation, worker: int, relay: int, web: int) -> None:
    """Leases, hints and pauses go by the database's clock: nobody takes over, and nobody waits for an hour."""
    for name, ahead in {"worker-1": worker, "relay": relay, "web": web}.items():
        role, environment = greenroom.roles[name]
        greenroom.stop(name)
        greenroom.start(name, role, **environment, **SOON, FAULTS_CLOCK=str(ahead))
    greenroom.until(greenroom.answers)
    campaign = greenroom.world.campaign(release_on_approval=True)
    ordered(greenroom, "seal stage_begins", lambda: greenroom.ask_for(campaign))
    (render,) = greenroom.submitted
    greenroom.until_state(render, State.IN_REVIEW, free=False)  # its lease ended by the database's clock
    assert greenroom.approve(render) == 303
    greenroom.until_state(render, State.RELEASED)
    assert not broken(greenroom)

"""The database goes away: restarted, crashed, unreachable, or cut off in the middle of what it was told."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from audit.events import Event
from pipeline.states import State
from tests.faults.installation import ON_SERVERS, Installation, Servers
from tests.faults.invariants import broken

Cut = Callable[[bytes], bool]
pytestmark = ON_SERVERS


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "crash"])
def test_it_is_restarted(greenroom: Installation, servers: Servers, how: signal.Signals) -> None:
    """Three times in the lives of two renders; ``crash``: it recovers from its log."""
    campaign = greenroom.world.campaign(release_on_approval=True)
    renders = [greenroom.submit(campaign) for _ in range(2)]
    servers.postgres.restart(how)
    for render in renders:
        greenroom.until_state(render, State.IN_REVIEW)
    servers.postgres.restart(how)
    greenroom.until(greenroom.answers)
    for render in renders:
        greenroom.until(lambda render=render: greenroom.approve(render) == 303 or approved(greenroom, render))
    servers.postgres.restart(how)
    for render in renders:
        greenroom.until_state(render, State.RELEASED)
    assert not broken(greenroom)


def approved(greenroom: Installation, render: str) -> bool:
    return greenroom.state(render) in (State.APPROVED, State.RELEASED)


def test_it_cannot_be_reached_for_a_while(greenroom: Installation, servers: Servers) -> None:
    campaign = greenroom.world.campaign(release_on_approval=True)
    for _ in range(3):
        render = greenroom.submit(campaign)
        servers.to_database.drop()
        time.sleep(0.7)
        servers.to_database.mend()
        greenroom.until_state(render, State.IN_REVIEW)
    assert not broken(greenroom)


def entry_of(event: Event) -> bytes:
    """What only the statement that writes such an entry holds: its canonical body."""
    return f'"event":"{event.value}"'.encode()


def in_the_middle(event: Event) -> Cut:
    """Cut off where the entry of this event is written: nothing of the transaction may stay."""
    done = []

    def seen(block: bytes) -> bool:
        if not done and entry_of(event) in block:
            done.append(True)
            return True
        return False

    return seen


def without_an_answer(event: Event) -> Cut:
    """Cut off between the commit of such a transaction and its answer: all of it stays, and nobody was told."""
    wrote: list[bool] = []

    def seen(block: bytes) -> bool:
        if not wrote and entry_of(event) in block:
            wrote.append(True)
        if len(wrote) == 1 and b"COMMIT" in block:
            wrote.append(True)
            return True
        return False

    return seen


@pytest.mark.parametrize("cut", [in_the_middle, without_an_answer])
def test_the_connection_is_cut_in_a_transaction(
    greenroom: Installation, servers: Servers, cut: Callable[[Event], Cut]
) -> None:
    """In a stage, in an approval and in the release."""
    campaign = greenroom.world.campaign(release_on_approval=True)
    cuts = servers.to_database.cuts
    servers.to_database.cut_after_request(cut(Event.ASSET_SEALED))
    render = greenroom.submit(campaign)
    greenroom.until_state(render, State.IN_REVIEW)
    servers.to_database.cut_after_request(cut(Event.RENDER_APPROVED))
    assert greenroom.approve(render) in (200, 303, 503)
    servers.to_database.cut_after_request(cut(Event.ASSET_RELEASED))
    if not approved(greenroom, render):
        assert greenroom.approve(render) == 303
    greenroom.until_state(render, State.RELEASED)
    servers.to_database.mend()
    assert servers.to_database.cuts - cuts == 3
    assert not broken(greenroom)

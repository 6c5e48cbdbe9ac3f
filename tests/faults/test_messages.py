"""Messages are hints: lost, late, doubled or in another order, the rows say what is to be done."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select, update

from audit.tables import LedgerEntryRow
from core.database import reading, transaction
from core.tables import OutboxRow
from pipeline import outbox
from pipeline.states import STAGES, State
from tests.faults.installation import FULL, ON_SERVERS, Installation, Servers
from tests.faults.invariants import broken
from tests.faults.kills import in_review
from tests.faults.table import fault

DOWN_SECONDS = 60.0 if FULL else 1.5


def wipe(greenroom: Installation) -> None:
    """Every message that is on its way is gone."""
    greenroom.fault()
    if greenroom.servers:
        greenroom.servers.broker.wipe()
    else:
        for message in (greenroom.home / "broker" / "queue").iterdir():
            message.unlink(missing_ok=True)


def everything_is_sent() -> bool:
    with reading() as session:
        return session.scalar(select(OutboxRow.id).where(OutboxRow.sent_at.is_(None)).limit(1)) is None


@fault("the broker is wiped", "before the stages, before the release", each=3)
def test_the_broker_is_wiped(greenroom: Installation) -> None:
    """Three times: before a render's first stage, before another's, and before a release."""
    campaign = greenroom.world.campaign(release_on_approval=True)
    greenroom.pause("worker-1")
    renders = []
    for _ in range(2):
        renders.append(greenroom.submit(campaign))
        greenroom.until(everything_is_sent)
        wipe(greenroom)
    greenroom.signal("worker-1", signal.SIGCONT)
    for render in renders:
        greenroom.until_state(render, State.IN_REVIEW)
    greenroom.pause("worker-1")
    greenroom.world.approve(renders[0])
    greenroom.until(everything_is_sent)
    wipe(greenroom)
    greenroom.signal("worker-1", signal.SIGCONT)
    greenroom.until_state(renders[0], State.RELEASED)
    assert not broken(greenroom)


@fault("the broker is down", "with a request and an approval meanwhile", each=3)
@pytest.mark.timeout(900)
def test_the_broker_is_down(greenroom: Installation) -> None:
    """Videos are asked for, approved and served meanwhile; what they need is sent when it is back."""
    campaign = greenroom.world.campaign(release_on_approval=True)
    waits = in_review(greenroom, campaign)
    for _ in range(3):
        with down(greenroom):
            ends = time.monotonic() + DOWN_SECONDS
            assert greenroom.ask_for(campaign) == 303
            assert greenroom.approve(waits) == 303
            while time.monotonic() < ends:
                greenroom.supervise()
                time.sleep(0.1)
            asked = greenroom.submitted[-1]
            assert greenroom.state(waits) is State.APPROVED
        greenroom.until_state(asked, State.IN_REVIEW, seconds=90)
        greenroom.until_state(waits, State.RELEASED)
        waits = asked
    assert not broken(greenroom)


@contextmanager
def down(greenroom: Installation) -> Iterator[None]:
    """kill -9 of the server, which comes back at the same port; a folder is moved away."""
    greenroom.fault()
    queue = greenroom.home / "broker" / "queue"
    if greenroom.servers:
        greenroom.servers.broker.stop()
    else:
        shutil.move(queue, queue.with_name("away"))
        queue.touch()
    yield
    if greenroom.servers:
        greenroom.servers.broker.start()
    else:
        queue.unlink()
        shutil.move(queue.with_name("away"), queue)


@fault("messages doubled, reordered, early", "every message that ever left", each=3)
def test_messages_come_twice_and_in_any_order(greenroom: Installation) -> None:
    """Every message that ever left is sent again, and some before what they are about was done."""
    campaign = greenroom.world.campaign(release_on_approval=True)
    for _ in range(3):
        render = greenroom.submit(campaign)
        with transaction() as session:
            for state in (State.APPROVED, State.SEALED, State.VOICED, State.SCRIPTED, State.SCRIPTED):
                topic, payload = outbox.message(render, state)
                outbox.post(session, topic, **payload)
            session.execute(update(OutboxRow).values(sent_at=None))
        greenroom.until_state(render, State.IN_REVIEW)
        greenroom.world.approve(render)
        with transaction() as session:
            session.execute(update(OutboxRow).where(OutboxRow.topic == outbox.APPROVED).values(sent_at=None))
        greenroom.until_state(render, State.RELEASED)
        greenroom.fault()
    greenroom.until(everything_is_sent)
    assert not broken(greenroom)


@fault("two relays, sequencers and workers", "the sweep, sending, sequencing, stages, release", each=3)
def test_two_relays_sweep_send_and_sequence_beside_two_workers(greenroom: Installation) -> None:
    """Each stage of each render is recorded once, and each entry of the ledger has one place."""
    greenroom.start(
        "relay-2", "relay", GREENROOM_PIPELINE_SWEEP_SECONDS="0.05", GREENROOM_PIPELINE_RESEND_SECONDS="0"
    )
    greenroom.start("sequencer-2", "sequencer")
    greenroom.start("worker-2", "worker")
    campaign = greenroom.world.campaign(release_on_approval=True)
    renders: list[str] = []
    try:
        for _ in range(3):
            at_once = [greenroom.submit(campaign) for _ in range(2)]
            for render in at_once:
                greenroom.until_state(render, State.IN_REVIEW)
                greenroom.world.approve(render)
            for render in at_once:
                greenroom.until_state(render, State.RELEASED)
            renders += at_once
            greenroom.fault()
    finally:
        greenroom.stop("relay-2", "sequencer-2", "worker-2")
    for render in renders:
        with reading() as session:
            events = Counter(
                session.scalars(select(LedgerEntryRow.event).where(LedgerEntryRow.subject == render))
            )
        assert set(events.values()) == {1}, events
        assert len(events) >= len(STAGES)
    assert not broken(greenroom)


@fault("the broker hangs", "with a request meanwhile", each=3)
@ON_SERVERS
def test_a_broker_that_hangs_holds_up_nobody_for_good(greenroom: Installation, servers: Servers) -> None:
    pid = servers.broker.child.pid
    campaign = greenroom.world.campaign(release_on_approval=True)
    for _ in range(3):
        os.kill(pid, signal.SIGSTOP)
        greenroom.fault()
        try:
            assert greenroom.ask_for(campaign) == 303
            time.sleep(0.7)
        finally:
            os.kill(pid, signal.SIGCONT)
        greenroom.until_state(greenroom.submitted[-1], State.IN_REVIEW)
    assert not broken(greenroom)

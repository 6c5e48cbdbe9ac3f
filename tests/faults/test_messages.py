"""Messages are hints: lost, late, doubled or in another order, the rows say what is to be done."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections import Counter

import redis as redis_client
from sqlalchemy import select, update

from audit.tables import LedgerEntryRow
from core.database import reading, transaction
from core.tables import OutboxRow
from pipeline import outbox
from pipeline.states import STAGES, State
from tests.faults.installation import ON_SERVERS, Installation, Servers
from tests.faults.invariants import broken

DOWN_SECONDS = 60.0 if os.environ.get("FULL") == "1" else 5.0


def wipe(greenroom: Installation) -> None:
    """Every message that is on its way is gone."""
    if greenroom.servers:
        redis_client.Redis(port=greenroom.servers.redis.port).flushall()
    else:
        for message in (greenroom.home / "broker" / "queue").iterdir():
            message.unlink(missing_ok=True)


def everything_is_sent() -> bool:
    with reading() as session:
        return session.scalar(select(OutboxRow.id).where(OutboxRow.sent_at.is_(None)).limit(1)) is None


def test_the_broker_is_wiped(greenroom: Installation) -> None:
    """Three times: before a render's first stage, before another's, and before a release."""
    campaign = greenroom.world.campaign(release_on_approval=True)
    greenroom.signal("worker-1", signal.SIGSTOP)
    renders = []
    for _ in range(2):
        renders.append(greenroom.submit(campaign))
        greenroom.until(everything_is_sent)
        wipe(greenroom)
    greenroom.signal("worker-1", signal.SIGCONT)
    for render in renders:
        greenroom.until_state(render, State.IN_REVIEW)
    greenroom.signal("worker-1", signal.SIGSTOP)
    greenroom.world.approve(renders[0])
    greenroom.until(everything_is_sent)
    wipe(greenroom)
    greenroom.signal("worker-1", signal.SIGCONT)
    greenroom.until_state(renders[0], State.RELEASED)
    assert not broken(greenroom)


def test_the_broker_is_down(greenroom: Installation) -> None:
    """Videos are asked for, approved and served meanwhile; what they need is sent when it is back."""
    campaign = greenroom.world.campaign(release_on_approval=True)
    waits = greenroom.submit(campaign)
    greenroom.until_state(waits, State.IN_REVIEW)
    queue = greenroom.home / "broker" / "queue"
    if greenroom.servers:
        greenroom.servers.redis.stop()
    else:
        shutil.move(queue, queue.with_name("away"))
        queue.touch()
    ends = time.monotonic() + DOWN_SECONDS
    assert greenroom.ask_for(campaign) == 303
    assert greenroom.approve(waits) == 303
    while time.monotonic() < ends:
        greenroom.supervise()
        time.sleep(0.1)
    asked = greenroom.submitted[-1]
    assert greenroom.state(waits) is State.APPROVED
    if greenroom.servers:
        greenroom.servers.redis.start()
    else:
        queue.unlink()
        shutil.move(queue.with_name("away"), queue)
    greenroom.until_state(asked, State.IN_REVIEW, seconds=90)
    greenroom.until_state(waits, State.RELEASED)
    assert not broken(greenroom)


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
    greenroom.until(everything_is_sent)
    assert not broken(greenroom)


def test_two_relays_sweep_send_and_sequence_beside_two_workers(greenroom: Installation) -> None:
    """Each stage of each render is recorded once, and each entry of the ledger has one place."""
    greenroom.start(
        "relay-2", "relay", GREENROOM_PIPELINE_SWEEP_SECONDS="0.05", GREENROOM_PIPELINE_RESEND_SECONDS="0"
    )
    greenroom.start("worker-2", "worker")
    campaign = greenroom.world.campaign(release_on_approval=True)
    renders = [greenroom.submit(campaign) for _ in range(6)]
    try:
        for render in renders:
            greenroom.until_state(render, State.IN_REVIEW)
            greenroom.world.approve(render)
        for render in renders:
            greenroom.until_state(render, State.RELEASED)
    finally:
        greenroom.stop("relay-2", "worker-2")
    for render in renders:
        with reading() as session:
            events = Counter(
                session.scalars(select(LedgerEntryRow.event).where(LedgerEntryRow.subject == render))
            )
        assert set(events.values()) == {1}, events
        assert len(events) >= len(STAGES)
    assert not broken(greenroom)


@ON_SERVERS
def test_a_broker_that_hangs_holds_up_nobody_for_good(greenroom: Installation, servers: Servers) -> None:
    pid = servers.redis.child.pid
    campaign = greenroom.world.campaign(release_on_approval=True)
    for _ in range(3):
        os.kill(pid, signal.SIGSTOP)
        try:
            assert greenroom.ask_for(campaign) == 303
            time.sleep(0.7)
        finally:
            os.kill(pid, signal.SIGCONT)
        greenroom.until_state(greenroom.submitted[-1], State.IN_REVIEW)
    assert not broken(greenroom)

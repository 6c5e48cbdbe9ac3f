"""Messages leave after the transaction, and again until the work is done."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from core.database import engine, now, reading, transaction
from core.settings import get_settings
from core.tables import OutboxRow
from pipeline import outbox
from pipeline.leases import claim
from pipeline.states import State
from pipeline.tables import RenderRow


class Broker:
    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.down = False

    def send(self, topic: str, payload: dict[str, Any]) -> None:
        if self.down:
            raise ConnectionError
        self.sent.append((topic, payload))


def test_a_message_of_a_rolled_back_transaction_is_never_sent(home):
    broker = Broker()
    with pytest.raises(RuntimeError), transaction() as session:
        outbox.post(session, outbox.ADVANCE, render_id="rnd_1")
        raise RuntimeError
    assert outbox.relay(broker.send) == 0


def test_a_broker_that_is_down_loses_nothing(home):
    broker = Broker()
    broker.down = True
    with transaction() as session:
        outbox.post(session, outbox.ADVANCE, render_id="rnd_1")
    assert outbox.relay(broker.send) == 0
    broker.down = False
    assert outbox.relay(broker.send) == 1
    assert broker.sent == [(outbox.ADVANCE, {"render_id": "rnd_1"})]
    assert outbox.relay(broker.send) == 0
    with reading() as session:
        row = session.query(OutboxRow).one()
    assert row.attempts == 2 and row.sent_at is not None


def posted(count: int) -> None:
    with transaction() as session:
        for number in range(count):
            outbox.post(session, outbox.ADVANCE, render_id=f"rnd_{number}")


def test_a_broker_that_is_away_is_not_tried_for_every_message(home):
    posted(20)
    tried = []

    def send(_topic: str, payload: dict[str, Any]) -> None:
        tried.append(payload["render_id"])
        raise ConnectionError

    assert outbox.relay(send) == 0
    assert tried == ["rnd_0", "rnd_1", "rnd_2"]


def test_a_message_that_cannot_be_sent_holds_up_no_other(home):
    posted(10)
    sent = []

    def send(_topic: str, payload: dict[str, Any]) -> None:
        if payload["render_id"] in ("rnd_0", "rnd_1"):
            raise ValueError
        sent.append(payload["render_id"])

    assert outbox.relay(send) == 8 and len(sent) == 8
    assert outbox.relay(send) == 0


def test_two_relays_at_once_send_each_message_once(home):
    posted(30)
    sent: Counter[str] = Counter()

    def send(_topic: str, payload: dict[str, Any]) -> None:
        time.sleep(0.002)
        sent[payload["render_id"]] += 1

    def run() -> None:
        for _ in range(20):
            outbox.relay(send, limit=5)

    relays = [threading.Thread(target=run) for _ in range(2)]
    for relay in relays:
        relay.start()
    for relay in relays:
        relay.join()
    outbox.relay(send)  # whoever came last may have found the other at work
    assert len(sent) == 30 and set(sent.values()) == {1}


def test_a_relay_that_dies_before_it_wrote_down_what_it_sent_sends_again(home):
    posted(2)
    sent = []

    def send(_topic: str, payload: dict[str, Any]) -> None:
        if sent:
            raise SystemExit
        sent.append(payload["render_id"])

    with pytest.raises(SystemExit):
        outbox.relay(send)
    broker = Broker()
    assert outbox.relay(broker.send) == 2, "a hint twice is better than none"


def test_the_sweeper_finds_renders_whose_messages_were_all_lost(make_render: Callable[..., RenderRow]):
    waiting, reviewed = make_render(), make_render(state=State.IN_REVIEW)
    broker = Broker()
    assert outbox.sweep(broker.send) == [waiting.id]
    assert reviewed.id not in str(broker.sent)


def test_the_sweeper_leaves_a_render_alone_that_someone_works_on(make_render: Callable[..., RenderRow]):
    claim(make_render().id)
    assert outbox.sweep(Broker().send) == []


def test_an_approved_render_is_offered_to_release_until_it_is_released(make_render: Callable[..., RenderRow]):
    render = make_render(state=State.APPROVED)
    broker = Broker()
    outbox.sweep(broker.send)
    assert broker.sent == [(outbox.APPROVED, {"render_id": render.id, "kind": "io"})]


def test_a_release_that_was_refused_waits_for_a_person(make_render: Callable[..., RenderRow]):
    make_render(state=State.APPROVED, reason={"code": "release_refused", "message": "..."})
    assert outbox.sweep(Broker().send) == []


# What was sent is not kept for ever


def sent(hours: float, count: int = 1) -> None:
    """Messages that were sent so long ago."""
    when = now() - timedelta(hours=hours)
    with transaction() as session:
        session.add_all(OutboxRow(topic=outbox.ADVANCE, payload={}, sent_at=when) for _ in range(count))


def left() -> int:
    with reading() as session:
        return session.query(OutboxRow).count()


def test_messages_that_were_sent_long_ago_are_deleted_and_no_others(
    home, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(hours=25, count=3)
    sent(hours=23)
    posted(1)
    assert (outbox.prune(), left()) == (3, 2)
    assert outbox.prune() == 0
    monkeypatch.setenv("GREENROOM_PIPELINE_SENT_SECONDS", "0")
    get_settings.cache_clear()
    assert (outbox.prune(), left()) == (1, 1), "what was not sent stays"


def test_they_are_deleted_in_batches_and_one_sweep_does_not_do_it_all(
    home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "PRUNED_AT_ONCE", 2)
    monkeypatch.setattr(outbox, "_PRUNINGS", 3)
    sent(hours=25, count=9)
    assert [outbox.prune() for _ in range(3)] == [6, 3, 0]


# Nothing here reads a whole table


@pytest.mark.parametrize("act", [lambda: outbox.sweep(Broker().send), outbox.prune])
def test_what_waits_and_what_was_sent_is_found_by_an_index(
    make_render: Callable[..., RenderRow], act: Callable[[], object]
) -> None:
    make_render()
    asked: list[tuple[str, Any]] = []

    def told(_connection: Any, _cursor: Any, words: str, values: Any, *_: Any) -> None:
        asked.append((words, values))

    event.listen(engine(), "before_cursor_execute", told)
    try:
        act()
    finally:
        event.remove(engine(), "before_cursor_execute", told)
    with reading() as session:
        connection = session.connection()
        sqlite = connection.dialect.name == "sqlite"
        if not sqlite:  # the tables are small: what still reads all of one has no index to use
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN" if sqlite else "EXPLAIN"
        plans = [
            str(step)
            for words, values in asked
            if "LIMIT" in words
            for step in connection.exec_driver_sql(f"{explain} {words}", values)
        ]
    whole = ("SCAN renders", "SCAN outbox", "Seq Scan on renders", "Seq Scan on outbox")
    assert plans and not [step for step in plans if any(words in step for words in whole)], plans

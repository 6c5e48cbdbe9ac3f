"""A broker is down, comes back, or comes back empty: rows stay, the worker reconnects, no render is lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from core.database import reading
from core.settings import get_settings
from core.tables import OutboxRow
from greenroom.relay import Relay
from greenroom.status import Status, health_of
from pipeline.states import State
from tests.greenroom.processes import drain, pause, running, until
from tests.kit.world import World
from tests.servers.rabbitmq import rabbitmq_server
from tests.servers.redis import Redis

# A worker that decides at once over every render that it gets.
WORKER = """
import sys
import greenroom.worker as worker
from pipeline import runner
from pipeline.jobs import Outcome
from pipeline.states import State
runner.STAGE_FUNCTIONS["voice"] = lambda job: Outcome(State.BLOCKED, reason={"code": "made_up", "message": "Made up."})
raise SystemExit(worker.main("worker", ("cpu", "io")))
"""


@contextmanager
def broker_at(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """This process is the relay of a broker; a message counts as lost at once."""
    import greenroom.worker

    monkeypatch.setenv("GREENROOM_BROKER_URL", url)
    monkeypatch.setenv("GREENROOM_PIPELINE_RESEND_SECONDS", "0.5")
    monkeypatch.setenv("GREENROOM_PIPELINE_SWEEP_SECONDS", "0.2")
    get_settings.cache_clear()
    from pipeline.celery_app import make_app

    app = make_app()
    monkeypatch.setattr(
        greenroom.worker, "handle", app.task(name="greenroom.handle")(greenroom.worker.handle.run)
    )
    try:
        yield Relay()
    finally:
        app.close()


def unsent() -> int:
    with reading() as session:
        return session.query(OutboxRow).filter(OutboxRow.sent_at.is_(None)).count()


def ended(world: World, render_id: str, step: Callable[[], Any] = lambda: None) -> Callable[[], bool]:
    def look() -> bool:
        step()
        return bool(world.now_is(render_id).state == State.BLOCKED)

    return look


def test_redis_goes_and_comes_back_empty(world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    with broker_at(redis.url, monkeypatch) as relay, running(script=WORKER) as worker:
        status = Status("relay")

        def step() -> None:
            relay.step(status)

        until(lambda: health_of("worker").ready, worker)
        first = world.render()
        until(ended(world, first.id, step), worker, 20)

        redis.stop()
        second = world.render()
        began = time.monotonic()
        step()
        assert time.monotonic() - began < 5, "the relay has other work than to wait for a broker"
        assert unsent() and health_of("relay").code == "broker_away" and health_of("relay").alive
        until(lambda: health_of("worker").code == "broker_away", worker, 20)
        assert health_of("worker").alive, "nobody restarts a worker because the broker is away"

        redis.start()
        until(ended(world, second.id, step), worker, 30)
        assert unsent() == 0 and health_of("relay").code == "ok" and health_of("worker").ready

        pause(worker, world.home / "greenroom.db")
        third = world.render()
        step()
        assert unsent() == 0
        redis.stop()
        redis.start()  # with nothing in it
        os.kill(worker.pid, signal.SIGCONT)
        until(ended(world, third.id, lambda: (time.sleep(0.2), step())), worker, 30)
        assert drain(worker) < 15 and worker.returncode == 0


@pytest.mark.skipif(os.environ.get("FULL") != "1", reason="RabbitMQ takes ten seconds to start: FULL=1")
def test_rabbitmq_carries_the_same_messages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        rabbitmq_server() as server,
        broker_at(server.url, monkeypatch) as relay,
        running(script=WORKER) as worker,
    ):
        until(lambda: health_of("worker").ready, worker)
        render = world.render()
        until(ended(world, render.id, lambda: relay.step(Status("relay"))), worker, 30)
        assert drain(worker) < 15 and worker.returncode == 0

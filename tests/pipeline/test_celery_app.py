"""Celery's settings, by broker: nothing is handed out twice while a stage runs, nothing waits behind a busy worker."""

from __future__ import annotations

from pathlib import Path

import pytest
from celery import Celery

from core.settings import get_settings
from pipeline.celery_app import make_app
from pipeline.states import KINDS, STAGES

pytestmark = pytest.mark.only("sqlite")  # nothing here asks a database

REDIS, RABBITMQ = "redis://127.0.0.1:1/0", "amqp://127.0.0.1:1//"


@pytest.fixture
def app(home: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Celery:
    monkeypatch.setenv("GREENROOM_BROKER_URL", getattr(request, "param", ""))
    get_settings.cache_clear()
    return make_app()


@pytest.mark.parametrize("app", ["", REDIS, RABBITMQ], indirect=True)
def test_on_every_broker(app: Celery) -> None:
    queues = app.amqp.queues
    assert set(queues) == set(KINDS) and all(queue.durable for queue in queues.values())
    # One message at a time, given back with a worker that dies: no other waits behind a long stage.
    assert app.conf.task_acks_late and app.conf.worker_prefetch_multiplier == 1
    assert app.conf.accept_content == ["json"] and app.conf.task_ignore_result


@pytest.mark.parametrize("app", [REDIS], indirect=True)
def test_redis_hands_nothing_out_again_while_its_stage_may_still_run(app: Celery) -> None:
    longest = get_settings().pipeline.stage_deadline_seconds * len(STAGES)
    assert app.conf.broker_transport_options["visibility_timeout"] >= longest
    assert 0 < app.conf.broker_transport_options["socket_connect_timeout"] < 30


@pytest.mark.parametrize("app", [RABBITMQ], indirect=True)
def test_rabbitmq_gives_a_stage_its_time_and_asks_for_no_quorum_and_no_priorities(app: Celery) -> None:
    longest = get_settings().pipeline.stage_deadline_seconds * len(STAGES)
    assert {tuple(queue.queue_arguments.items()) for queue in app.amqp.queues.values()} == {
        (("x-consumer-timeout", longest * 1000),)
    }
    assert app.conf.broker_heartbeat == 0, "a worker in a stage answers none"


def test_a_message_for_a_queue_that_nobody_reads_is_refused(app: Celery) -> None:
    with pytest.raises(Exception, match="strange"):
        app.send_task("greenroom.handle", ["a", {}], queue="strange")

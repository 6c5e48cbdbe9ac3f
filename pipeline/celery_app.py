"""Celery, in both sizes: the filesystem transport on one machine, Redis or RabbitMQ past it.

Messages name a render and nothing else; the database says what is to be done. Acknowledged late, one at a time: a
worker in a long stage holds that message alone, and no other waits behind it. What comes twice (a killed worker's, or
one that a broker took back because its stage was long) finds no stage to claim and ends.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from celery import Celery
from kombu import Exchange, Queue

from core.addresses import broker_tls
from core.settings import Settings, get_settings
from pipeline.states import KINDS, STAGES

AT_ONCE = {"max_retries": 1, "interval_start": 0.1, "interval_step": 0.0, "interval_max": 0.1}
"""How a message is sent: a relay that cannot reach the broker goes on with its other work, and its next pass tries
again. By default a pass would stand still for a dozen seconds. A worker that waits for messages reconnects in its own
way."""

PATIENCE = 5.0
"""Seconds that a broker has to take a connection; one that does not answer must not hold the relay."""


def make_app() -> Celery:
    """The Celery application of this process's settings."""
    settings = get_settings()
    app = Celery("greenroom", broker=settings.broker_url or "filesystem://localhost")
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        task_ignore_result=True,
        task_queues=[_queue(kind, settings) for kind in KINDS],
        task_default_queue="cpu",
        task_create_missing_queues=False,  # a queue that nobody reads loses messages quietly
        worker_detect_quorum_queues=False,  # classic ones, without priorities: order is the database's
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,  # for ever: an ended worker could not come back by itself
        broker_connection_timeout=PATIENCE,
        broker_heartbeat=0,  # a worker in a stage cannot answer one; TCP's keepalive finds a dead peer
        worker_cancel_long_running_tasks_on_connection_loss=False,  # the lease decides, not the broker
        worker_hijack_root_logger=False,
        worker_enable_remote_control=False,  # the filesystem transport has no fanout, and we do not use it
        task_serializer="json",
        accept_content=["json"],  # pickle never
    )
    if not settings.broker_url:
        app.conf.broker_transport = "pipeline.transport:Transport"
        app.conf.broker_transport_options = _folders(settings.home / "broker")
        return app
    app.conf.broker_use_ssl = broker_tls(settings)
    app.conf.broker_transport_options = AT_ONCE | (
        _redis(settings) if settings.broker_url.startswith("redis") else {}
    )
    return app


def longest_hold(settings: Settings) -> float:
    """Seconds for which one message can be held: a worker goes on from stage to stage under it."""
    return len(STAGES) * settings.pipeline.stage_deadline_seconds


def _queue(kind: str, settings: Settings) -> Queue:
    # RabbitMQ (3.12 on) ends a consumer that acknowledges later than half an hour; others do not know the word.
    milliseconds = round(longest_hold(settings) * 1000)
    arguments = {"x-consumer-timeout": milliseconds} if settings.broker_url.startswith("amqp") else None
    return Queue(kind, Exchange(kind), routing_key=kind, durable=True, queue_arguments=arguments)


def _redis(settings: Settings) -> dict[str, Any]:
    return {
        # A message that is held for longer is handed out again, while its stage may still run.
        "visibility_timeout": longest_hold(settings),
        "socket_connect_timeout": PATIENCE,
        "socket_timeout": 3 * PATIENCE,
        "socket_keepalive": True,
        "health_check_interval": 25,
    }


def _folders(root: Path) -> dict[str, Any]:
    folders = {name: root.resolve() / name for name in ("queue", "processed", "control")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    return {
        "data_folder_in": str(folders["queue"]),
        "data_folder_out": str(folders["queue"]),
        "processed_folder": str(folders["processed"]),
        "control_folder": str(folders["control"]),
        "store_processed": False,
        "polling_interval": 0.05,
    }

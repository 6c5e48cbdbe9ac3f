"""Celery, in both sizes: the filesystem transport on one machine, Redis or RabbitMQ past it.

Messages name a render and nothing else; the database says what is to be done. Acknowledged late, so that a
killed worker's message comes back; a repeated message finds no stage to claim and ends.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from celery import Celery

from core.settings import get_settings

QUEUES = ("cpu", "gpu", "io")


def make_app() -> Celery:
    """The Celery application of this process's settings."""
    settings = get_settings()
    app = Celery("greenroom", broker=settings.broker_url or "filesystem://")
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        task_ignore_result=True,
        task_default_queue="cpu",
        broker_connection_retry_on_startup=True,
        worker_hijack_root_logger=False,
        worker_enable_remote_control=False,  # the filesystem transport has no fanout, and we do not use it
        task_serializer="json",
        accept_content=["json"],  # pickle never
    )
    if not settings.broker_url:
        app.conf.broker_transport = "pipeline.transport:Transport"
        app.conf.broker_transport_options = _folders(settings.home / "broker")
    return app


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

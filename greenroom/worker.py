"""The Celery worker's application: what each message makes happen. ``celery -A greenroom.worker worker -P solo``.

Workers are separate processes with a solo pool: started fresh, never forked after torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery.signals import celeryd_init, setup_logging

from audit.authorities import AUTHORITY_CHANGED
from core import logs, metrics
from delivery.collector import offer
from delivery.tasks import on_approved
from delivery.withdrawal import on_authority_changed
from pipeline import outbox
from pipeline.celery_app import make_app
from pipeline.runner import advance

app = make_app()


@celeryd_init.connect  # type: ignore[untyped-decorator]
def _begin(**_: Any) -> None:
    """A worker starts, and has said nothing yet."""
    logs.set_up("worker")
    logs.catch_uncaught()
    offer(database=False)
    metrics.serve("worker")


@setup_logging.connect  # type: ignore[untyped-decorator]
def _logs_are_set_up(**_: Any) -> None:
    """Celery sets up no logging of its own where somebody listens here."""


HANDLERS: dict[str, Callable[[dict[str, Any]], object]] = {
    outbox.ADVANCE: lambda payload: advance(str(payload["render_id"])),
    outbox.APPROVED: on_approved,
    outbox.RECALLED: lambda _payload: None,  # doors ask the predicate; channels of others will listen here
    AUTHORITY_CHANGED: on_authority_changed,
}


@app.task(name="greenroom.handle")  # type: ignore[untyped-decorator]
def handle(topic: str, payload: dict[str, Any]) -> None:
    """One message. An unknown topic raises: a message nobody understands must not vanish."""
    HANDLERS[topic](payload)


def send(topic: str, payload: dict[str, Any]) -> None:
    """Hand a message to the broker, on the queue of its kind."""
    handle.apply_async(args=[topic, payload], queue=str(payload.get("kind", "cpu")), retry=False)

"""The worker process: what each message makes happen, until it is told to end.

Workers are separate processes with a solo pool: started fresh, never forked after torch. SIGTERM drains one: it takes
no further message and no further stage, finishes the one in hand, and gives it back where that takes too long.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import celery.apps.worker
from celery import bootsteps, signals
from celery.platforms import SecurityWarning
from celery.worker.request import Request

from audit.authorities import AUTHORITY_CHANGED
from core.errors import InputError
from core.settings import get_settings
from delivery.holds import HOLD_LIFTED, on_hold_lifted
from delivery.tasks import on_approved
from delivery.withdrawal import on_authority_changed
from greenroom.priority import step_back
from greenroom.status import Status
from pipeline import list_work, outbox, proxies, recipient_lists, steering
from pipeline.capture.examining import examine
from pipeline.capture.references import EXAMINE
from pipeline.celery_app import make_app
from pipeline.leases import owner_name
from pipeline.runner import advance
from pipeline.shift import Shift, give_back_all
from pipeline.states import KINDS, RELEASE

log = logging.getLogger("greenroom.worker")

app = make_app()
shift = Shift()
_status: Status | None = None

BROKER_AWAY = "broker_away"
_AWAY_SECONDS = 3600.0  # nothing signs while Celery waits for the broker
_SIGN_SECONDS = 2.0
_MARGIN_SECONDS = 3.0  # past the drain: for a stage that gives itself back at a beat


def _advance(payload: dict[str, Any]) -> None:
    advance(str(payload["render_id"]), shift)


def _release(payload: dict[str, Any]) -> None:
    if RELEASE.kind in shift.kinds:
        on_approved(payload)
    else:
        log.error("a release was sent to a worker that does none")  # the sweeper sends it where it belongs


def _examine(payload: dict[str, Any]) -> None:
    if not shift.ending:  # else the sweeper sends it to somebody who stays
        examine(str(payload["onboarding_id"]), shift.beat)


HANDLERS: dict[str, Callable[[dict[str, Any]], object]] = {
    outbox.ADVANCE: _advance,
    outbox.APPROVED: _release,
    outbox.RECALLED: lambda _payload: None,  # doors ask the predicate; channels of others will listen here
    AUTHORITY_CHANGED: on_authority_changed,
    steering.CANCELLED: steering.on_cancelled,
    recipient_lists.TOPIC: lambda payload: list_work.on_list(str(payload["list_id"]), shift),
    HOLD_LIFTED: on_hold_lifted,
    proxies.WANTED: proxies.make,
    EXAMINE: _examine,
}


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def _logs_are_set_up(**_: Any) -> None:
    """Celery sets up no logging of its own where somebody listens here: greenroom/observing.py has done it."""


class AcknowledgedOrLost(Request):  # type: ignore[misc]
    """A message that cannot be acknowledged is an error of the connection, and the consumer reconnects.

    Celery writes it down and goes on: the message then counts as held for ever, no other is taken beside it, and a
    worker that looks well hears nothing more. What was not acknowledged comes again and finds nothing to do.
    """

    acknowledged: bool

    def acknowledge(self) -> None:
        if not self.acknowledged:
            self.message.ack()
            self.acknowledged = True


@app.task(name="greenroom.handle", Request=AcknowledgedOrLost)  # type: ignore[untyped-decorator]
def handle(topic: str, payload: dict[str, Any]) -> None:
    """One message. An unknown topic raises: a message nobody understands must not vanish."""
    handler = HANDLERS[topic]
    with _in_hand(topic, payload):
        handler(payload)


def send(topic: str, payload: dict[str, Any]) -> None:
    """Hand a message to the broker, on the queue of its kind."""
    handle.apply_async(args=[topic, payload], queue=str(payload.get("kind", "cpu")), retry=False)


def kinds_of(text: str) -> tuple[str, ...]:
    """Kinds from a list such as ``cpu,gpu``. Raises InputError for none, or for one that there is not."""
    named = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not named or not set(named) <= set(KINDS):
        raise InputError(
            "a worker's queues are some of " + ", ".join(KINDS),
            where="--queues, GREENROOM_PIPELINE_KINDS",
            next_step="name one or more, such as cpu,gpu",
            code="unknown_queue",
        )
    return named


def main(name: str, kinds: tuple[str, ...]) -> int:
    """Work until SIGTERM; only stages of these kinds are claimed, and only their queues are read. Returns Celery's
    exit code."""
    global _status
    step_back()
    _status = Status(name)
    _status.doing(within=_AWAY_SECONDS)
    _status.trouble(BROKER_AWAY)  # until it is connected
    shift.kinds, shift.on_beat = kinds, _status.alive
    signals.worker_shutting_down.connect(_drain)
    # Celery's words to a terminal: of root, who runs nothing that a message says (JSON alone is accepted), and of its
    # end, which it tells on standard output.
    warnings.simplefilter("ignore", SecurityWarning)
    celery.apps.worker.safe_say = lambda *_: None
    app.steps["consumer"].add(_SignOfLife)
    worker = app.Worker(
        pool="solo",
        queues=list(kinds),
        hostname=f"{name}@{socket.gethostname()}",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel="WARNING",
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


class _SignOfLife(bootsteps.StartStopStep):  # type: ignore[misc]
    """Part of Celery's consumer: started when it is connected, stopped when the connection is lost."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **_: Any) -> None:
        self._entry: Any = None

    def start(self, consumer: Any) -> None:
        assert _status is not None
        _status.doing()
        _status.trouble()
        self._entry = consumer.timer.call_repeatedly(_SIGN_SECONDS, _idle)

    def stop(self, consumer: Any) -> None:
        assert _status is not None
        if self._entry is not None:
            self._entry.cancel()
        _status.doing(within=_AWAY_SECONDS)
        _status.trouble(BROKER_AWAY)


def _idle() -> None:
    # While a message is in hand the work itself signs: a timer would go on where the work hangs.
    if _status is not None and not _status.busy:
        _status.alive()


@contextmanager
def _in_hand(topic: str, payload: dict[str, Any]) -> Iterator[None]:
    if _status is None:
        yield
        return
    settings = get_settings().pipeline
    # A stage beats at least as often as its lease asks for; what else there is to do has its own lease or none.
    within = 2 * settings.lease_seconds if topic == outbox.ADVANCE else settings.stage_deadline_seconds
    _status.doing(f"{topic} {next(iter(payload.values()), '')}"[:100], within=within)
    try:
        yield
    finally:
        _status.doing()


def _drain(**_: Any) -> None:
    """Called by Celery's own handler of SIGTERM."""
    if not shift.ending:
        seconds = get_settings().pipeline.drain_seconds
        shift.end_within(seconds)
        threading.Thread(target=_end_after, args=(seconds + _MARGIN_SECONDS,), daemon=True).start()


def _end_after(seconds: float) -> None:
    """The last bound: work that does not beat (a release, a hung library) ends with its process."""
    time.sleep(seconds)
    log.error("not done in time: this process ends, and what it had in hand is given back")
    try:
        give_back_all(owner_name())
    except Exception:
        log.exception("its leases end by themselves")
    finally:
        os._exit(1)

"""The relay process: sends the outbox, tells webhooks (greenroom/telling.py), and sweeps for what stalled or ended.

Several may run: one sends at a time, the others are there when it ends.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from audit.authorities import AUTHORITY_CHANGED
from core.settings import get_settings
from delivery import webhook_messages
from delivery.holds import HOLD_LIFTED, lifted_message, waiting_for_a_lift
from delivery.orphans import sweep_orphans
from delivery.withdrawal import expire, unsettled
from greenroom.loop import PASS_SECONDS, run_loop
from greenroom.status import Status
from greenroom.telling import telling
from greenroom.worker import send
from pipeline import assignment, list_work, outbox, steering
from pipeline.capture.documents import delete_over
from pipeline.capture.examining import sweep_references
from pipeline.capture.references import delete_left_references
from pipeline.counts import fold

log = logging.getLogger("greenroom.relay")

BROKER_AWAY = "broker_away"
_ORPHANS_SECONDS = 3600.0  # a look at every stored file may take long


class Relay:
    """One pass after another; what it remembers is when it swept last."""

    def __init__(self) -> None:
        self._swept = 0.0

    def step(self, status: Status) -> int:
        """Send what waits, and sweep now and then; how many messages left. The batch in hand is always finished."""

        def sending(topic: str, payload: dict[str, Any]) -> None:
            try:
                send(topic, payload)
            except Exception:
                status.trouble(BROKER_AWAY)
                raise
            status.trouble()

        busy = outbox.relay(sending)
        if time.monotonic() - self._swept > get_settings().pipeline.sweep_seconds:
            self._swept = time.monotonic()
            sweep(sending, status)
        return busy


def sweep(sending: outbox.Send, status: Status) -> None:
    """What no message is on its way for: stalled renders, authorities past their last day, what a lifted
    hold let go, orphaned files.

    Each by itself: a broker that is away keeps no authority from ending.
    """

    def settle() -> None:
        for authority_id in unsettled():
            sending(AUTHORITY_CHANGED, {"authority_id": authority_id, "kind": "io"})

    def cancel() -> None:
        for campaign_id in steering.unfinished():
            sending(steering.CANCELLED, {"campaign_id": campaign_id, "kind": "cpu"})

    def lifted() -> None:
        for render_id in waiting_for_a_lift():
            sending(HOLD_LIFTED, lifted_message("render", render_id))

    def orphans() -> None:
        status.doing("orphans", within=_ORPHANS_SECONDS)
        sweep_orphans()

    parts: tuple[Callable[[], object], ...] = (
        expire,
        lambda: outbox.sweep(sending),
        lambda: list_work.sweep(sending),
        list_work.forget,
        lambda: sweep_references(sending),
        delete_over,
        delete_left_references,
        settle,
        cancel,
        lifted,
        fold,
        outbox.prune,
        assignment.forget_over,
        webhook_messages.prune,
        orphans,
    )
    for part in parts:
        try:
            part()
        except Exception:
            log.exception("a part of the sweep failed")
    status.doing(within=PASS_SECONDS)


def main(name: str = "relay") -> None:
    """Until SIGTERM."""
    with telling():
        run_loop(name, Relay().step)


if __name__ == "__main__":
    main()

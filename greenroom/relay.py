"""The relay process: sends the outbox, sweeps for what stalled or ended, sequences the ledger."""

from __future__ import annotations

import logging
import signal
import time
from types import FrameType

from audit.authorities import AUTHORITY_CHANGED
from audit.ledger import sequence_pending
from core import logs, metrics
from core.settings import get_settings
from delivery.collector import offer
from delivery.orphans import sweep_orphans
from delivery.withdrawal import expire, unsettled
from greenroom.worker import send
from pipeline import outbox

log = logging.getLogger("greenroom.relay")
_POLL_SECONDS = 0.1


def main() -> None:
    """Until SIGTERM. An error is logged and the loop goes on: the rows are still there."""
    logs.set_up("relay")
    logs.catch_uncaught()
    offer()
    metrics.serve("relay")
    running = True

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    last_sweep = 0.0
    while running:
        try:
            busy = outbox.relay(send)
            if time.monotonic() - last_sweep > get_settings().pipeline.sweep_seconds:
                sweep()
                last_sweep = time.monotonic()
            busy += sequence_pending()
        except Exception as error:
            metrics.LOOP_ERRORS.labels(metrics.code(error)).inc()
            log.exception("relay")
            busy = 0
        if not busy:
            time.sleep(_POLL_SECONDS)


def sweep() -> None:
    """What no message is on its way for: stalled renders, authorities past their last day, orphaned files."""
    outbox.sweep(send)
    expire()
    for authority_id in unsettled():
        send(AUTHORITY_CHANGED, {"authority_id": authority_id, "kind": "io"})
    sweep_orphans()


if __name__ == "__main__":
    main()

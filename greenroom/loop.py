"""The loop of a process without a queue: pass after pass until SIGTERM, with a sign of life after each."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable
from types import FrameType

from core import metrics
from core.errors import GreenroomError
from greenroom.status import Status

PASS_SECONDS = 300.0
"""A pass that takes longer hangs."""
_POLL_SECONDS = 0.1
_LONGEST_PAUSE = (
    5.0  # after errors: the rows are still there, and what is down need not be asked ten times a second
)


def run_loop(name: str, step: Callable[[Status], int]) -> None:
    """Call ``step`` until SIGTERM or SIGINT, which let the pass that runs come to its end.

    Args:
        step: one pass; returns how much it did, and is called again at once if that is not nothing. An error is
            logged and the loop goes on, with a pause that doubles up to a few seconds.
    """
    log = logging.getLogger(f"greenroom.{name}")
    running, failed, pause = True, False, _POLL_SECONDS

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    status = Status(name)
    status.doing(within=PASS_SECONDS)
    while running:
        try:
            busy = step(status)
        except Exception as error:
            told = isinstance(error, GreenroomError)
            log.warning("pass failed: %s", error) if told else log.exception("pass failed")
            metrics.LOOP_ERRORS.labels(metrics.code(error)).inc()
            status.trouble(error.code if isinstance(error, GreenroomError) else type(error).__name__)
            busy, failed = 0, True
        else:
            if failed:
                status.trouble()
            status.alive()
            failed = False
        pause = min(_LONGEST_PAUSE, pause * 2) if status.in_trouble else _POLL_SECONDS
        until = time.monotonic() + pause
        while running and not busy and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)

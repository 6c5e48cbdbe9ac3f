"""Webhooks, beside the relay: a thread of its process takes in what happened and sends it.

A thread of its own, so that an address which answers slowly holds up no hint and no sweep. Several relays may run: a
message is taken by one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from core.errors import GreenroomError
from core.outward import SECONDS
from delivery.webhook_messages import take_in
from delivery.webhook_sending import HANDS, send_due

log = logging.getLogger("greenroom.webhooks")

PAUSE_SECONDS = 1.0
_AFTER_TROUBLE = 10.0


@contextmanager
def telling() -> Iterator[None]:
    """Webhooks are told what happens while the block runs. At its end the message in hand is finished."""
    ending = threading.Event()
    thread = threading.Thread(target=_run, args=(ending,), name="webhooks", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(SECONDS)


def _run(ending: threading.Event) -> None:
    pause = PAUSE_SECONDS
    with ThreadPoolExecutor(HANDS, thread_name_prefix="webhook") as pool:
        while not ending.wait(pause):
            pause = PAUSE_SECONDS
            try:
                if step(pool):
                    pause = 0.0
            except GreenroomError as error:
                log.warning("webhooks wait: %s", error)
                pause = _AFTER_TROUBLE
            except Exception:
                log.exception("webhooks wait")
                pause = _AFTER_TROUBLE


def step(pool: ThreadPoolExecutor) -> int:
    """One pass: take in, and send; how much was done."""
    return take_in() + send_due(pool)

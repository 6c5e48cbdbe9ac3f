"""Live pages: server-sent events, each of which says all there is to say.

So a connection that breaks loses nothing: the browser comes back by itself and is told how things stand. Streams end
after a while for the same reason, and each look asks whether the person may still see it. How many may listen at once
is bounded, for one account and for the process; what many look at is looked up once for all of them.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable
from threading import Lock
from typing import Any

from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from core.errors import GreenroomError
from review_ui.bodies import Crowded

EVERY = 2.0
"""Seconds between two looks."""
LASTS = 120.0
"""Seconds after which a stream ends, and the browser comes back."""
SILENCE = 15.0
"""Seconds without news after which a comment is sent, so that proxies keep the connection."""
COMES_BACK = 3_000  # ms
MOST, MOST_OF_ONE = 100, 6  # listeners of this process, and of one account
_KEPT = 256  # looks that are kept for the others

Look = Callable[[], dict[str, Any]]

_listening: Counter[str] = Counter()


def stream(account_id: str, look: Look) -> StreamingResponse:
    """Events for as long as somebody listens: what ``look`` answers, when it changed.

    Args:
        look: run in a thread. An error of ours ends the stream: the browser comes back and is told why.

    Raises:
        Crowded: there are as many listeners as there may be; the page stays as it is, without news.
    """
    if _listening.total() >= MOST or _listening[account_id] >= MOST_OF_ONE:
        raise Crowded(
            "too many pages show live numbers at this moment",
            next_step="close some, or reload this one for news",
        )
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_events(account_id, look), media_type="text/event-stream", headers=headers)


async def _events(account_id: str, look: Look) -> AsyncIterator[str]:
    _listening[account_id] += 1
    try:
        yield f"retry: {COMES_BACK}\n\n"
        began = told = time.monotonic()
        last = ""
        while True:
            try:
                data = json.dumps(await run_in_threadpool(look), separators=(",", ":"))
            except GreenroomError:
                return
            if data != last:
                last, told = data, time.monotonic()
                yield f"data: {data}\n\n"
            elif time.monotonic() - told > SILENCE:
                told = time.monotonic()
                yield ": still here\n\n"
            if time.monotonic() - began >= LASTS:
                return
            await asyncio.sleep(EVERY)
    finally:
        _listening[account_id] -= 1
        if not _listening[account_id]:
            del _listening[account_id]


_kept: OrderedDict[str, tuple[float, dict[str, Any]]] = OrderedDict()
_keeping = Lock()


def shared(key: str, look: Look) -> dict[str, Any]:
    """What ``look`` answers, or what it answered for somebody else under this key less than ``EVERY`` seconds ago.

    ``key`` names what is looked at, and the caller has checked that it may be seen.
    """
    with _keeping:
        kept = _kept.get(key)
    if kept is not None and time.monotonic() - kept[0] < EVERY:
        return kept[1]
    found = look()
    with _keeping:
        _kept[key] = (time.monotonic(), found)
        _kept.move_to_end(key)
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
    return found

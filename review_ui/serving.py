"""Trust step 13 on the wire: a file that is served for as long as it may be, and not a second or two longer.

A link is asked for at the door; a download that began before a recall would still run to its end. So the question is
asked again each second while bytes go out, and when the answer is no the connection ends: the client has a part of a
file and knows it. What was handed to the operating system by then still arrives (a few megabytes at most), and what a
client has it has.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import anyio
from fastapi.responses import FileResponse
from starlette.types import Receive, Scope, Send

log = logging.getLogger("greenroom.serving")

NO_STORE = {"cache-control": "no-store"}
"""On everything that a link answers: nothing that a browser or a proxy keeps outlives a recall."""

SECONDS_BETWEEN = 1.0
_ASKING = anyio.CapacityLimiter(8)
"""Threads of these questions alone: no page that is slow keeps a transfer going."""


class GuardedFile(FileResponse):
    """A video file with range requests, cut off once it may not be served any more.

    Args:
        may_serve: asked about each second, in a thread. False or any exception ends the connection.
    """

    def __init__(self, path: Path, *, may_serve: Callable[[], bool]):
        super().__init__(path, media_type="video/mp4", headers=NO_STORE)
        self._may_serve = may_serve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A server that sends the file by itself would not be stopped by us.
        extensions = {k: v for k, v in scope.get("extensions", {}).items() if k != "http.response.pathsend"}
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch, group.cancel_scope)
            await super().__call__(dict(scope, extensions=extensions), receive, send)
            group.cancel_scope.cancel()

    async def _watch(self, transfer: anyio.CancelScope) -> None:
        while True:
            await anyio.sleep(SECONDS_BETWEEN)
            try:
                goes_on = await anyio.to_thread.run_sync(self._may_serve, limiter=_ASKING)
            except Exception:
                log.exception("whether this may still be served could not be asked; the transfer ends")
                goes_on = False
            if not goes_on:
                # The server sees an answer that ends before its length and closes the connection.
                transfer.cancel()
                return

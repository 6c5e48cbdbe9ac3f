"""HEAD at every address that GET has: the same status and the same headers, and no body.

Whatever answers GET is run up to the start of its answer and ended there: a video is not read, a stream does not run
on. So no route says anything about HEAD, and a new one answers it by itself.
"""

from __future__ import annotations

import anyio
import anyio.lowlevel
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Heads:
    """ASGI middleware, the innermost: what stands around it sees a HEAD."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        with anyio.CancelScope() as answering:

            async def headers_alone(message: Message) -> None:
                if message["type"] == "http.response.start":
                    await send(message)
                    await send({"type": "http.response.body"})
                    answering.cancel()
                await anyio.lowlevel.checkpoint()  # it ends here, also one that waits for nothing

            # The request itself goes along, not a copy: whoever stands around reads from it which route answered.
            scope["method"] = "GET"
            try:
                await self.app(scope, receive, headers_alone)
            finally:
                scope["method"] = "HEAD"

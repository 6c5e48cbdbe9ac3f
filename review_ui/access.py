"""What the web says of each request: one log line and one measure. Never its path, its query or who sent it.

A path can hold a delivery link, a query anything: the line has the route's template. It is the one access log
(uvicorn's own would have the path), at the level INFO, or ERROR where the answer was 5xx.
"""

from __future__ import annotations

import logging
import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.ids import new_id
from core.logs import bound
from core.metrics import HTTP_SECONDS

log = logging.getLogger("greenroom.access")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"

_RENDER = re.compile(r"/(rnd_[0-9A-HJKMNP-TV-Z]{26})(?:/|\Z)")


class Access:
    """ASGI middleware, the outermost: gives the request an id, which the answer carries in ``x-request-id``, and every
    line that is logged for it; and the id of the render that the path names."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        ids = {"request_id": new_id("req")}
        if named := _RENDER.search(scope["path"]):
            ids["render_id"] = named[1]
        status, error, began = 0, None, time.monotonic()

        async def answering(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                header = (b"x-request-id", ids["request_id"].encode())
                message["headers"] = [*message.get("headers", []), header]
            await send(message)

        with bound(**ids):
            try:
                await self.app(scope, receive, answering)
            except Exception as raised:
                status, error = 500, raised
                raise
            finally:
                _tell(scope, status, time.monotonic() - began, error)


def _tell(scope: Scope, status: int, seconds: float, error: Exception | None) -> None:
    method = scope["method"] if scope["method"] in METHODS else "other"
    route = route_of(scope)
    # A status of 0: the client went away before there was an answer.
    HTTP_SECONDS.labels(method, route, str(status)).observe(seconds)
    fields = {"method": method, "route": route, "status": status, "seconds": round(seconds, 4)}
    log.log(logging.ERROR if status >= 500 else logging.INFO, "request", extra=fields, exc_info=error)


def route_of(scope: Scope) -> str:
    """The template of the route that answered, the mount's path, or ``unmatched``: as many as the code has routes."""
    route = scope.get("route")
    if route is not None:
        return str(getattr(route, "path", UNMATCHED))
    return "/static" if "app_root_path" in scope and scope.get("root_path") == "/static" else UNMATCHED

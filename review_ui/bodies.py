"""What a request may bring: how much, how slowly, in which letters, and how many uploads at once.

The body of a request is read before anybody is asked who they are, so what it may cost is bounded here: forms are
small, only the addresses of uploads take a file, and those stand in a line of their own with a limit for each address.
"""

from __future__ import annotations

import asyncio
import codecs
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import GreenroomError, InputError
from core.settings import get_settings
from review_ui.child import places
from review_ui.rates import TooManyTries, network_of

# Where a file may be sent, and which line it stands in: strangers do not fill the one of accounts.
PROPOSAL, API_PROPOSAL = "/authorities/propose", "/api/v1/proposals"
UPLOADS = {
    "/verify": "verify",
    "/api/v1/verify": "verify",
    "/api/v1/analyze_video": "analyze",
    PROPOSAL: "document",
    API_PROPOSAL: "document",
    "/personas": "media",
    "/api/v1/references": "media",
    "/imports": "media",
    "/api/v1/imports": "media",
}
AT_ONCE = {"verify": places("verify"), "analyze": places("analyze"), "document": 6, "media": 6}
"""A place is held until the answer. Where a file is checked there are as many as the line of checks holds."""
AT_ONCE_FROM_ONE = 3

FORM_BYTES = 200_000  # the largest form is a decision: note, played seconds and a passkey's answer
PROPOSAL_BYTES = 11_000_000  # a signed document, and the form around it
BATCH_BYTES = 8_000_000  # a part of a batch of recipients
BATCH = re.compile(r"/api/v1/campaigns/[^/]{1,100}/recipients")
LIST_BYTES = 64_000_000  # a list of recipients: some hundred thousand of them
LIST = re.compile(r"(?:/api/v1)?/campaigns/[^/]{1,100}/lists")
LISTS_AT_ONCE = 4
SUPPRESSED = ("/suppressions/import", "/api/v1/suppressions/import")  # a list as long as a batch
FORM_LIMITS: Any = {"max_files": 1, "max_fields": 80, "max_part_size": 64_000}
"""For the parser of forms: what an upload's other parts hold stays in memory."""

GRACE_SECONDS, BYTES_PER_SECOND = 30.0, 100_000  # half a minute, and a second for each 100 kB that arrived

Answer = Callable[[Request, Exception], Awaitable[Response]]


class TooLarge(GreenroomError):
    """A request body is over the limit."""

    code = "too_large"
    http_status = 413


class TooSlow(GreenroomError):
    """A request body did not arrive in time."""

    code = "too_slow"
    http_status = 408


class Crowded(GreenroomError):
    """Too many uploads are on their way."""

    code = "busy"
    http_status = 503


class Bodies:
    """ASGI middleware that ends a request whose body is too much, in words of the application."""

    def __init__(self, app: ASGIApp, answer: Answer):
        self.app = app
        self.answer = answer  # how the application words an error
        self._waiting: Counter[tuple[str, str]] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(scope, receive)
        try:
            _check_head(Headers(scope=scope))
            body.check_length(Headers(scope=scope))
            with self._place(scope):
                await self.app(scope, body.receive, body.unless_broken(send))
        except GreenroomError as error:
            body.error = body.error or error
        if body.error is not None:
            response = await self.answer(Request(scope), body.error)
            # The rest of the body is not read: the connection cannot carry another request.
            response.headers["connection"] = "close"
            await response(scope, receive, send)

    @contextmanager
    def _place(self, scope: Scope) -> Iterator[None]:
        """A place for an upload while it is received and checked. Raises Crowded, TooManyTries."""
        line = _line(scope["path"]) if scope["method"] == "POST" else None
        if line is None:
            yield
            return
        most = LISTS_AT_ONCE if line == "lists" else AT_ONCE[line]
        mine = (line, network_of(scope["client"][0] if scope.get("client") else ""))
        if self._waiting[mine] >= AT_ONCE_FROM_ONE:
            raise TooManyTries(10, f"{AT_ONCE_FROM_ONE} files from your network are being checked already")
        if sum(count for (name, _), count in self._waiting.items() if name == line) >= most:
            raise Crowded(
                f"{most} files are being checked or wait for it",
                next_step="try again in a few minutes",
            )
        self._waiting[mine] += 1
        try:
            yield
        finally:
            self._waiting[mine] -= 1
            if not self._waiting[mine]:
                del self._waiting[mine]


def _line(path: str) -> str | None:
    """The line in which an upload to this address stands; None where none may be sent."""
    return "lists" if LIST.fullmatch(path) else UPLOADS.get(path)


def _limit(path: str) -> int:
    """Bytes that may be sent there."""
    if LIST.fullmatch(path):
        return LIST_BYTES
    if path in (PROPOSAL, API_PROPOSAL):
        return PROPOSAL_BYTES
    if path in UPLOADS:
        return get_settings().web.upload_max_bytes
    return BATCH_BYTES if BATCH.fullmatch(path) or path in SUPPRESSED else FORM_BYTES


class _Body:
    """One request's body on its way in. ``error``: why it was broken off."""

    def __init__(self, scope: Scope, receive: Receive):
        self._receive = receive
        self._limit = _limit(scope["path"]) if scope["method"] == "POST" else FORM_BYTES
        self._received, self._began, self._whole = 0, time.monotonic(), False
        self.error: GreenroomError | None = None

    async def receive(self) -> Message:
        """The next piece. Raises TooLarge, TooSlow."""
        if self._whole:
            return await self._receive()  # what is waited for now is the client's leaving
        allowed = GRACE_SECONDS + self._received / BYTES_PER_SECOND
        try:
            message = await asyncio.wait_for(self._receive(), self._began + allowed - time.monotonic())
        except TimeoutError as error:
            self.error = TooSlow("the request did not arrive in time", next_step="send it again")
            raise self.error from error
        self._received += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._received > self._limit:
            self.error = self._too_large()
            raise self.error
        return message

    def check_length(self, headers: Headers) -> None:
        """Raises TooLarge for a body that says itself that it is, before any of it is read."""
        length = headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length[:20]) > self._limit:
            raise self._too_large()

    def _too_large(self) -> TooLarge:
        return TooLarge(f"this is larger than {self._limit / 1e6:g} MB", next_step="send a smaller file")

    def unless_broken(self, send: Send) -> Send:
        async def guarded(message: Message) -> None:
            if self.error is None:  # whatever the application makes of a broken body, we answer
                await send(message)

        return guarded


def _check_head(headers: Headers) -> None:
    """Raises InputError for a body whose end two readers would see in different places, or a form that is not UTF-8.

    Parsers take any codec of Python by its name; some need time that grows with the square of the length.
    """
    if "transfer-encoding" in headers and "content-length" in headers:
        problem = InputError("this request has two lengths", where="content-length", next_step="send one")
        problem.http_status = 400
        raise problem
    charset = parse_options_header(headers.get("content-type", ""))[1].get(b"charset", b"utf-8")
    try:
        known = codecs.lookup(charset.decode("ascii")).name in ("utf-8", "ascii")
    except (LookupError, ValueError):
        known = False
    if not known:
        raise InputError("a form is sent in UTF-8", where="content-type", next_step="leave the charset out")

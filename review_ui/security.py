"""The web's outer walls: response headers, the session cookie, CSRF, and a bound on every request body."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form, Request
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import Forbidden, GreenroomError
from core.logs import learned
from core.settings import get_settings
from review_ui.accounts import authenticate
from review_ui.roles import check_role
from review_ui.sessions import is_fresh, signed_in
from review_ui.tables import AccountRow

COOKIE = "greenroom_session"

# No inline script, nothing from elsewhere, no framing: what a manifest or a field says can never become code.
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class SignInNeeded(GreenroomError):
    """Nobody is signed in; pages answer with the sign-in page."""

    code = "sign_in_needed"
    http_status = 401


class TooLarge(GreenroomError):
    """A request body is over the limit."""

    code = "too_large"
    http_status = 413


@dataclass(frozen=True)
class Visitor:
    """Who is signed in, the token that their forms carry, and whether they proved lately who they are."""

    account: AccountRow
    csrf: str
    fresh: bool = False

    def may(self, right: str) -> bool:
        try:
            check_role(self.account.role, right)
        except Forbidden:
            return False
        return True


def visitor(request: Request) -> Visitor:
    """The signed-in visitor. Raises SignInNeeded."""
    found = signed_in(request.cookies.get(COOKIE, ""))
    if found is None:
        raise SignInNeeded("please sign in", next_step="sign in, and you come back to this page")
    account, session = found
    learned(brand_id=account.brand_id)
    return Visitor(account, session.csrf, is_fresh(session))


def form_visitor(request: Request, csrf: Annotated[str, Form()] = "") -> Visitor:
    """The visitor behind a form. Raises Forbidden unless the form was served to this sign-in."""
    found = visitor(request)
    if not secrets.compare_digest(csrf.encode(), found.csrf.encode()):
        raise Forbidden(
            "this form is out of date", next_step="go back, reload the page and try again", code="stale_form"
        )
    return found


def fresh_visitor(request: Request, csrf: Annotated[str, Form()] = "") -> Visitor:
    """The visitor behind a form that changes the account itself. Raises Forbidden without a fresh proof."""
    found = form_visitor(request, csrf)
    if not found.fresh:
        raise Forbidden(
            "a change of your account needs a fresh proof that it is you",
            next_step="go to your account page, confirm that it is you, and try again within ten minutes",
            code="confirm_first",
        )
    return found


def address_of(request: Request) -> str:
    """The network address that asks, for counting tries; never stored."""
    return request.client.host if request.client else ""


_basic = HTTPBasic(auto_error=False, description="An account's e-mail address and password.")


def api_account(
    request: Request, credentials: Annotated[HTTPBasicCredentials | None, Depends(_basic)]
) -> AccountRow:
    """The account behind an API call, by HTTP Basic. Cookies do not count: another site could send them.

    Nothing is written: a call opens no session.
    """
    if credentials is None:
        raise SignInNeeded("this call needs an account", next_step="send HTTP Basic credentials")
    account = authenticate(credentials.username, credentials.password, address=address_of(request))
    learned(brand_id=account.brand_id)
    return account


Signed = Annotated[Visitor, Depends(visitor)]
Sent = Annotated[Visitor, Depends(form_visitor)]
Fresh = Annotated[Visitor, Depends(fresh_visitor)]
ApiAccount = Annotated[AccountRow, Depends(api_account)]


Answer = Callable[[Request, Exception], Awaitable[Response]]


class Walls:
    """ASGI middleware: adds the headers to every answer and ends a request whose body grows over the limit."""

    def __init__(self, app: ASGIApp, answer: Answer):
        self.app = app
        self.answer = answer  # how the application words an error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = get_settings().web.upload_max_bytes
        received = 0
        error: TooLarge | None = None

        async def bounded() -> Message:
            nonlocal received, error
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                error = TooLarge(
                    f"the upload is larger than {limit / 1e6:g} MB", next_step="send a smaller file"
                )
                raise error
            return message

        async def guarded(message: Message) -> None:
            if error is not None:
                return  # whatever the application made of the broken body, we answer
            await send(_with_headers(message))

        await self.app(scope, bounded, guarded)
        if error is not None:
            response = await self.answer(Request(scope), error)

            async def final(message: Message) -> None:
                await send(_with_headers(message))

            await response(scope, receive, final)


def _with_headers(message: Message) -> Message:
    if message["type"] == "http.response.start":
        present = {name for name, _ in message["headers"]}
        missing = [(n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in present]
        message["headers"] = [*message["headers"], *missing]
    return message

"""The web's outer walls: response headers, the session cookie, and forms that other sites send (CSRF)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Form, Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import Conflict, Forbidden, GreenroomError
from core.logs import learned
from core.settings import get_settings
from delivery.reports import number_open
from review_ui.bodies import Answer
from review_ui.roles import ROLES, check_role, home_of
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


@dataclass(frozen=True)
class Visitor:
    """Who is signed in, the token that their forms carry, and whether they proved lately who they are.

    ``open_cases``: how many reports wait at the brand, for the bar of whoever works them.
    """

    account: AccountRow
    csrf: str
    fresh: bool = False
    open_cases: Callable[[], int] = lambda: 0

    @property
    def title(self) -> str:
        """The role as people read it."""
        role = ROLES.get(self.account.role)
        return role.title if role is not None else self.account.role

    @property
    def home(self) -> str:
        """Where they begin."""
        return home_of(self.account.role)

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
    return Visitor(account, session.csrf, is_fresh(session), lambda: number_open(account.brand_id))


def form_visitor(request: Request, csrf: Annotated[str, Form()] = "") -> Visitor:
    """The visitor behind a form. Raises Forbidden unless the form was served to this sign-in."""
    found = visitor(request)
    check_token(found, csrf)
    return found


def check_token(visitor: Visitor, csrf: str) -> None:
    """For a form that is read by its own page. Raises Forbidden unless it was served to this sign-in."""
    if not secrets.compare_digest(csrf.encode(), visitor.csrf.encode()):
        raise Forbidden(
            "this form is out of date", next_step="go back, reload the page and try again", code="stale_form"
        )


def check_brand(visitor: Visitor, shown: str) -> None:
    """For a form that acts on the brand of now: ``shown`` is the id of the brand that its page was about.

    Raises Conflict where that is another one: a page in another window may have changed it since.
    """
    if shown != visitor.account.brand_id:
        raise Conflict(
            "you work at another brand now than when this page was opened, so nothing was done",
            where="brand",
            next_step="choose the brand under Brands, and send this again from there",
            code="other_brand",
        )


def seen(request: Request) -> Visitor | None:
    """Who is signed in, for a page that is for everybody; nothing is looked up where no cookie came."""
    if COOKIE not in request.cookies:
        return None
    try:
        return visitor(request)
    except GreenroomError:
        return None


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


Signed = Annotated[Visitor, Depends(visitor)]
Sent = Annotated[Visitor, Depends(form_visitor)]
Fresh = Annotated[Visitor, Depends(fresh_visitor)]


class Walls:
    """ASGI middleware: the headers on every answer, and no form that another site's page sends."""

    def __init__(self, app: ASGIApp, answer: Answer):
        self.app = app
        self.answer = answer  # how the application words an error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        extra = _headers_for(scope)

        async def walled(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                missing = [(n.encode(), v.encode()) for n, v in extra.items() if n.encode() not in present]
                message["headers"] = [*message["headers"], *missing]
            await send(message)

        if _from_elsewhere(scope):
            refused = Forbidden(
                "this form was sent by another site", next_step="open the page here and try again"
            )
            await (await self.answer(Request(scope), refused))(scope, receive, walled)
            return
        await self.app(scope, receive, walled)


def _headers_for(scope: Scope) -> dict[str, str]:
    headers = dict(HEADERS)
    if not scope["path"].startswith("/static/"):
        headers["cache-control"] = "private, no-store"
    if secure(scope["scheme"]):
        headers["strict-transport-security"] = "max-age=31536000"
    return headers


def _from_elsewhere(scope: Scope) -> bool:
    """Whether a browser says that a page of another origin sends this. The API needs no such question: it takes no
    cookie. Programs send none of these headers."""
    if scope["method"] in ("GET", "HEAD", "OPTIONS") or scope["path"].startswith("/api/"):
        return False
    headers = Headers(scope=scope)
    if site := headers.get("sec-fetch-site"):
        return site not in ("same-origin", "none")
    origin = headers.get("origin", "null")  # our own pages say null too: they have no referrer
    ours = {headers.get("host", ""), urlsplit(get_settings().web.origin).netloc}
    return origin != "null" and origin.partition("://")[2] not in ours


def secure(scheme: str) -> bool:
    """Whether people come over https: as this request says, or as the installation is set up behind its proxy."""
    return scheme == "https" or get_settings().web.origin.startswith("https://")

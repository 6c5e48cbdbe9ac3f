"""Sign in, sign out, and the way back in for somebody who lost the device with the passkey."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from core.errors import Forbidden
from core.settings import get_settings
from review_ui.beginning import nobody_is_here
from review_ui.factors.recovery import recover
from review_ui.rates import TooManyTries, retry_headers
from review_ui.rendering import page
from review_ui.roles import home_of
from review_ui.security import COOKIE, Sent, address_of, secure
from review_ui.sessions import open_session, sign_in, sign_out

router = APIRouter()


@router.get("/sign-in")
def show(request: Request, next: str = "/") -> Response:
    if nobody_is_here():
        return RedirectResponse("/begin", status_code=303)
    return page(request, "sign_in.html", target=_local(next), problem=None, email="")


@router.post("/sign-in")
def enter(
    request: Request,
    email: Annotated[str, Form(max_length=254)],
    password: Annotated[str, Form(max_length=200)],
    target: Annotated[str, Form()] = "/",
) -> Response:
    try:
        token, account = sign_in(email, password, address=address_of(request))
    except (Forbidden, TooManyTries) as problem:
        return _again(request, "sign_in.html", problem, target=_local(target), email=email)
    # Who may not see the queue begins at what is theirs.
    home = home_of(account.role)
    return inside(request, token, home if target == "/" else _local(target))


@router.get("/recover")
def show_recovery(request: Request) -> Response:
    return page(request, "recover.html", problem=None, email="")


@router.post("/recover")
def enter_anew(
    request: Request,
    email: Annotated[str, Form(max_length=254)],
    password: Annotated[str, Form(max_length=200)],
    code: Annotated[str, Form(max_length=60)],
) -> Response:
    try:
        token = open_session(recover(email, password, code, address=address_of(request)))
    except (Forbidden, TooManyTries) as problem:
        return _again(request, "recover.html", problem, email=email)
    return inside(request, token, "/account")


@router.post("/sign-out")
def leave(request: Request, _visitor: Sent) -> Response:
    sign_out(request.cookies.get(COOKIE, ""))
    answer = RedirectResponse("/sign-in", status_code=303)
    answer.delete_cookie(COOKIE)
    return answer


def inside(request: Request, token: str, target: str) -> Response:
    """The way in for whoever has just proved who they are."""
    answer = RedirectResponse(target, status_code=303)
    answer.set_cookie(
        COOKIE,
        token,
        max_age=int(get_settings().web.session_hours * 3600),
        httponly=True,
        samesite="strict",
        secure=secure(request.url.scheme),
    )
    return answer


def _again(request: Request, template: str, problem: Forbidden | TooManyTries, **values: str) -> Response:
    answer = page(request, template, status=problem.http_status, problem=problem, **values)
    answer.headers.update(retry_headers(problem))
    return answer


def _local(target: str) -> str:
    """Only a path of ours: never another site, never a scheme."""
    plain = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if plain else "/"

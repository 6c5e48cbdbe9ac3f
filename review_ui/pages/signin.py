"""Sign in, sign out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from core.errors import Forbidden
from core.settings import get_settings
from review_ui.accounts import sign_in, sign_out
from review_ui.rendering import page
from review_ui.security import COOKIE, Sent

router = APIRouter()


@router.get("/sign-in")
def show(request: Request, next: str = "/") -> Response:
    return page(request, "sign_in.html", target=_local(next), problem=None, email="")


@router.post("/sign-in")
def enter(
    request: Request,
    email: Annotated[str, Form(max_length=254)],
    password: Annotated[str, Form(max_length=200)],
    target: Annotated[str, Form()] = "/",
) -> Response:
    try:
        token, _ = sign_in(email, password)
    except Forbidden as problem:
        return page(request, "sign_in.html", status=403, target=_local(target), problem=problem, email=email)
    answer = RedirectResponse(_local(target), status_code=303)
    answer.set_cookie(
        COOKIE,
        token,
        max_age=int(get_settings().web.session_hours * 3600),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/sign-out")
def leave(request: Request, _visitor: Sent) -> Response:
    sign_out(request.cookies.get(COOKIE, ""))
    answer = RedirectResponse("/sign-in", status_code=303)
    answer.delete_cookie(COOKIE)
    return answer


def _local(target: str) -> str:
    """Only a path of ours: never another site, never a scheme."""
    plain = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if plain else "/"

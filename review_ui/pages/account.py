"""One's own account: passkeys, one-time and recovery codes, the password. Every role has it; nobody sees another's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from core.errors import Forbidden, GreenroomError, InputError
from review_ui.accounts import authenticate
from review_ui.changes import set_password
from review_ui.factors import begin, has_factor, passkeys, prove, recovery, totp
from review_ui.factors.site import origin_of
from review_ui.rates import retry_headers
from review_ui.rendering import page
from review_ui.security import COOKIE, Fresh, Sent, Signed, Visitor, address_of
from review_ui.sessions import refresh, stored

router = APIRouter(prefix="/account")

# A browser's answer about a passkey; the bound is generous, the parser behind it strict.
Answer = Annotated[str, Form(max_length=20_000)]
Code = Annotated[str, Form(max_length=20)]


@router.get("")
def show(request: Request, visitor: Signed) -> Response:
    return _shown(request, visitor)


@router.post("/confirm")
def confirm(
    request: Request,
    visitor: Sent,
    password: Annotated[str, Form(max_length=200)],
    passkey: Answer = "",
    totp: Code = "",
) -> Response:
    """The person proves again who they are: the password, and a factor where there is one."""

    def act() -> None:
        account = authenticate(visitor.account.email, password, address=address_of(request))
        shown = prove(account, purpose="confirm", subject=account.id, passkey_json=passkey, totp=totp)
        if shown == "none" and has_factor(account):
            raise Forbidden(
                "this account also has a passkey or one-time codes",
                next_step="use the passkey, or type the code that your app shows now",
                code="factor_needed",
            )
        refresh(request.cookies.get(COOKIE, ""))

    return _done(request, visitor, act)


@router.post("/passkey/begin")
def passkey_begin(
    request: Request, visitor: Sent, purpose: Annotated[str, Form()], subject: Annotated[str, Form()]
) -> Response:
    """A challenge for one purpose and subject, as JSON for ``static/passkey.js``."""
    return _json(begin(visitor.account, purpose, subject, origin=origin_of(request)))


@router.post("/passkey/new")
def passkey_new(request: Request, visitor: Fresh) -> Response:
    """What a new passkey is made from, as JSON for ``static/passkey.js``."""
    return _json(passkeys.begin_enrolment(visitor.account, origin_of(request)))


@router.post("/passkeys")
def passkey_add(
    request: Request, visitor: Fresh, name: Annotated[str, Form(max_length=200)], passkey: Answer = ""
) -> Response:
    return _done(
        request,
        visitor,
        lambda: passkeys.enrol(visitor.account, name=name, origin=origin_of(request), answer=passkey),
    )


@router.post("/passkeys/{passkey_id}/remove")
def passkey_remove(request: Request, visitor: Fresh, passkey_id: str) -> Response:
    return _done(request, visitor, lambda: passkeys.remove(visitor.account, passkey_id))


@router.post("/totp")
def totp_begin(request: Request, visitor: Fresh) -> Response:
    """The secret, shown once."""
    try:
        secret, address = totp.begin_enrolment(visitor.account)
    except GreenroomError as problem:
        return _shown(request, visitor, problem=problem)
    return _shown(request, visitor, secret=secret, secret_address=address)


@router.post("/totp/confirm")
def totp_confirm(request: Request, visitor: Fresh, code: Code) -> Response:
    return _done(request, visitor, lambda: totp.confirm(visitor.account, code))


@router.post("/totp/remove")
def totp_remove(request: Request, visitor: Fresh) -> Response:
    return _done(request, visitor, lambda: totp.remove(visitor.account))


@router.post("/recovery-codes")
def recovery_codes(request: Request, visitor: Fresh) -> Response:
    """Ten codes, shown once."""
    try:
        return _shown(request, visitor, codes=recovery.make_codes(visitor.account))
    except GreenroomError as problem:
        return _shown(request, visitor, problem=problem)


@router.post("/password")
def password_change(
    request: Request,
    visitor: Fresh,
    password: Annotated[str, Form(max_length=400)],
    again: Annotated[str, Form(max_length=400)],
) -> Response:
    def act() -> None:
        if password != again:
            raise InputError("the two passwords differ", next_step="type the new password twice")
        keep = stored(request.cookies.get(COOKIE, ""))
        set_password(visitor.account.id, password, keep=keep, actor=visitor.account.id)

    return _done(request, visitor, act)


def _done(request: Request, visitor: Visitor, act: Callable[[], object]) -> Response:
    """Back to the page when it is done; the page with the problem when it is not."""
    try:
        act()
    except GreenroomError as problem:
        return _shown(request, visitor, problem=problem)
    return RedirectResponse("/account", status_code=303)


def _shown(
    request: Request, visitor: Visitor, *, problem: GreenroomError | None = None, **once: Any
) -> Response:
    try:
        origin_of(request)
        nowhere = None
    except InputError as reason:
        nowhere = reason
    values: dict[str, Any] = {"secret": None, "secret_address": None, "codes": None, **once}
    answer = page(
        request,
        "account.html",
        status=problem.http_status if problem else 200,
        visitor=visitor,
        problem=problem,
        nowhere=nowhere,
        passkeys=passkeys.list_passkeys(visitor.account),
        factors=has_factor(visitor.account),
        totp_waits=totp.waits(visitor.account),
        codes_left=recovery.codes_left(visitor.account),
        **values,
    )
    answer.headers["cache-control"] = "private, no-store"
    answer.headers.update(retry_headers(problem) if problem else {})
    return answer


def _json(options: dict[str, Any]) -> Response:
    return JSONResponse(options, headers={"cache-control": "private, no-store"})

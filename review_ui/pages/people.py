"""The room of people: who works at this brand, and invitations; and the page that an invitation opens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from core.database import reading
from core.errors import Conflict, GreenroomError, InputError
from pipeline.brands import list_brands, organisation
from pipeline.lists import page_of_personas
from review_ui.accounts import require, standing_word
from review_ui.invitations import (
    HOURS,
    InvitationOver,
    accept,
    accept_with_account,
    invite,
    list_invitations,
    open_invitation,
    revoke_invitation,
    state_of,
)
from review_ui.memberships import brands_of, leave, people_of
from review_ui.pages.signin import inside
from review_ui.rates import retry_headers
from review_ui.rendering import page, site_of
from review_ui.roles import ROLES, home_of
from review_ui.security import Sent, Signed, Visitor, address_of, check_brand
from review_ui.sessions import open_session

router = APIRouter()

Word = Annotated[str, Form(max_length=300)]

TIMES = {24.0: "one day", HOURS: "three days", 168.0: "a week"}


@router.get("/people")
def index(request: Request, visitor: Signed) -> Response:
    require(visitor.account, "administer")
    return _shown(request, visitor)


@router.post("/people/invitations")
def make(
    *,
    request: Request,
    visitor: Sent,
    role: Word = "",
    brand: Annotated[list[str] | None, Form()] = None,
    persona: Word = "",
    hours: Annotated[float, Form()] = HOURS,
    at_brand: Word = "",
) -> Response:
    """An invitation; its link is on the page that answers, and nowhere again."""
    require(visitor.account, "administer")
    chosen = {"role": role, "brands": (brand or [])[:101], "persona": persona, "hours": hours}
    try:
        check_brand(visitor, at_brand)
        _, token = invite(
            by=visitor.account,
            role=role,
            brand_ids=(brand or [visitor.account.brand_id])[:101],
            persona_id=persona or None,
            hours=hours,
        )
    except GreenroomError as problem:
        return _shown(request, visitor, problem=problem, chosen=chosen)
    return _shown(request, visitor, link=f"{site_of(request)}/invitation/{token}")


@router.post("/people/invitations/{invitation_id}/revoke")
def revoke(visitor: Sent, invitation_id: str) -> Response:
    require(visitor.account, "administer")
    revoke_invitation(invitation_id, brand_id=visitor.account.brand_id, actor=visitor.account.id)
    return RedirectResponse("/people", status_code=303)


@router.post("/people/{account_id}/leave")
def take_out(request: Request, visitor: Sent, account_id: str, at_brand: Word = "") -> Response:
    """Somebody works at the brand of now no more."""
    require(visitor.account, "administer")
    try:
        check_brand(visitor, at_brand)
        leave(account_id, visitor.account.brand_id, actor=visitor.account.id)
    except GreenroomError as problem:
        return _shown(request, visitor, problem=problem)
    return RedirectResponse("/people", status_code=303)


@router.get("/invitation/{token}")
def show(request: Request, token: str) -> Response:
    return _invited(request, token)


@router.post("/invitation/{token}")
def take(request: Request, token: str, email: Word = "", password: Word = "", again: Word = "") -> Response:
    try:
        if password != again:
            raise InputError(
                "the two passwords differ", where="password", next_step="type the password twice"
            )
        account = accept(token, email=email, password=password)
    except InvitationOver:
        raise
    except Conflict as known:
        known.next_step = "give its password below, and it works here too"
        return _invited(request, token, known, known=email)
    except GreenroomError as problem:
        return _invited(request, token, problem, email=email)
    return inside(request, open_session(account), home_of(account.role))


@router.post("/invitation/{token}/with-account")
def take_with_account(request: Request, token: str, email: Word = "", password: Word = "") -> Response:
    try:
        account = accept_with_account(token, email=email, password=password, address=address_of(request))
    except InvitationOver:
        raise
    except GreenroomError as problem:
        return _invited(request, token, problem, known=email)
    return inside(request, open_session(account), "/brands")


def _shown(
    request: Request,
    visitor: Visitor,
    *,
    problem: GreenroomError | None = None,
    chosen: dict[str, object] | None = None,
    link: str = "",
) -> Response:
    """``chosen``: of an invitation that was refused, as it was asked for."""
    brand_id = visitor.account.brand_id
    brands = brands_of(visitor.account)
    with reading() as session:
        personas = page_of_personas(session, brand_id=brand_id, cursor="", limit=100).rows
    return page(
        request,
        "people.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        problem=problem,
        people=[(row, standing_word(row)) for row in people_of(brand_id)],
        invitations=[(row, state_of(row)) for row in list_invitations(brand_id)],
        brands=brands,
        now=next(brand.name for brand in brands if brand.id == brand_id),
        personas=personas,
        roles=ROLES,
        chosen=chosen or {"role": "", "brands": [brand_id], "persona": "", "hours": HOURS},
        times=TIMES,
        link=link,
    )


def _invited(
    request: Request, token: str, problem: GreenroomError | None = None, *, email: str = "", known: str = ""
) -> Response:
    """``email``, ``known``: the address that was typed for a new account, or as that of one that is there."""
    row = open_invitation(token)
    named = organisation()
    shown = page(
        request,
        "invitation.html",
        status=problem.http_status if problem is not None else 200,
        problem=problem,
        token=token,
        email=email,
        known=known,
        role=ROLES[row.role],
        brands=[brand.name for brand in list_brands(row.brand_ids)],
        organisation=named.name if named is not None else "",
        ends=row.expires_at,
    )
    shown.headers.update(retry_headers(problem) if problem is not None else {})
    return shown

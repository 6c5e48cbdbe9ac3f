"""The room of people: who works at this brand, and invitations; and the page that an invitation opens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from core.database import reading
from core.errors import GreenroomError, InputError
from core.settings import get_settings
from pipeline.brands import list_brands, organisation
from pipeline.lists import page_of_personas
from review_ui.accounts import require, standing_word
from review_ui.invitations import (
    HOURS,
    InvitationOver,
    accept,
    invite,
    list_invitations,
    open_invitation,
    revoke_invitation,
    state_of,
)
from review_ui.memberships import brands_of, people_of
from review_ui.pages.signin import inside
from review_ui.rendering import page
from review_ui.roles import ROLES
from review_ui.security import Sent, Signed, Visitor
from review_ui.sessions import open_session

router = APIRouter()

Word = Annotated[str, Form(max_length=300)]


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
) -> Response:
    """An invitation; its link is on the page that answers, and nowhere again."""
    require(visitor.account, "administer")
    try:
        row, token = invite(
            by=visitor.account,
            role=role,
            brand_ids=(brand or [visitor.account.brand_id])[:101],
            persona_id=persona or None,
            hours=hours,
        )
    except GreenroomError as problem:
        return _shown(request, visitor, problem=problem, role=role)
    site = get_settings().web.origin or str(request.base_url).rstrip("/")
    return _shown(request, visitor, made=row.id, link=f"{site}/invitation/{token}")


@router.post("/people/invitations/{invitation_id}/revoke")
def revoke(visitor: Sent, invitation_id: str) -> Response:
    require(visitor.account, "administer")
    revoke_invitation(invitation_id, brand_id=visitor.account.brand_id, actor=visitor.account.id)
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
    except GreenroomError as problem:
        return _invited(request, token, problem, email)
    return inside(request, open_session(account), "/account" if account.role == "persona" else "/")


def _shown(
    request: Request,
    visitor: Visitor,
    *,
    problem: GreenroomError | None = None,
    role: str = "",
    made: str = "",
    link: str = "",
) -> Response:
    brand_id = visitor.account.brand_id
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
        brands=brands_of(visitor.account),
        personas=personas,
        roles=ROLES,
        role=role,
        made=made,
        link=link,
    )


def _invited(
    request: Request, token: str, problem: GreenroomError | None = None, email: str = ""
) -> Response:
    row = open_invitation(token)
    named = organisation()
    return page(
        request,
        "invitation.html",
        status=problem.http_status if problem is not None else 200,
        problem=problem,
        token=token,
        email=email,
        role=ROLES[row.role],
        brands=[brand.name for brand in list_brands(row.brand_ids)],
        organisation=named.name if named is not None else "",
        ends=row.expires_at,
    )

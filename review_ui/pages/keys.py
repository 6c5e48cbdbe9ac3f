"""API keys: one's own at the brand of now, and for administrators everybody's there."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from core.errors import GreenroomError
from review_ui.api_keys import DAYS, KEY_RIGHTS, list_keys, make_key, revoke_key, state_of
from review_ui.memberships import brands_of
from review_ui.people import names_of
from review_ui.rendering import page
from review_ui.roles import RIGHTS
from review_ui.security import Fresh, Sent, Signed, Visitor, check_brand

router = APIRouter()

Word = Annotated[str, Form(max_length=300)]

TIMES = {30.0: "a month", DAYS: "three months", 365.0: "a year"}
RIGHT_WORDS = {
    "view": "reads campaigns, renders, evidence, authorities and events; has files checked",
    "make": "makes campaigns, asks for videos, brings finished ones in, states authorities",
    "release": "releases what people approved, makes links, recalls; suppressions and webhooks",
    "audit": "approves, suspends and withdraws authorities in your name, places and lifts holds",
}


@router.get("/keys")
def index(request: Request, visitor: Signed) -> Response:
    return _shown(request, visitor)


@router.post("/keys")
def make(
    *,
    request: Request,
    visitor: Fresh,
    name: Word = "",
    right: Annotated[list[str] | None, Form()] = None,
    days: Annotated[float, Form()] = DAYS,
    at_brand: Word = "",
) -> Response:
    """A key; it is on the page that answers, and nowhere again."""
    chosen = {"name": name, "rights": (right or [])[:10], "days": days}
    try:
        check_brand(visitor, at_brand)
        _, token = make_key(visitor.account, name=name, rights=(right or [])[:10], days=days)
    except GreenroomError as problem:
        return _shown(request, visitor, problem=problem, chosen=chosen)
    return _shown(request, visitor, token=token)


@router.post("/keys/{key_id}/revoke")
def revoke(visitor: Sent, key_id: str) -> Response:
    """One's own key; an administrator's hand reaches every key of the brand."""
    account = visitor.account
    whose = None if visitor.may("administer") else account.id
    revoke_key(key_id, brand_id=account.brand_id, account_id=whose, actor=account.id)
    return RedirectResponse("/keys", status_code=303)


def _shown(
    request: Request,
    visitor: Visitor,
    *,
    problem: GreenroomError | None = None,
    chosen: dict[str, object] | None = None,
    token: str = "",
) -> Response:
    """``chosen``: of a key that was refused, as it was asked for."""
    brand_id = visitor.account.brand_id
    rows = list_keys(brand_id, account_id=None if visitor.may("administer") else visitor.account.id)
    offered = [right for right in KEY_RIGHTS if right in RIGHTS.get(visitor.account.role, frozenset())]
    return page(
        request,
        "keys.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        problem=problem,
        keys=[(row, state_of(row)) for row in rows],
        makers=names_of((row.account_id for row in rows), brand_id=brand_id),
        brand=next(brand.name for brand in brands_of(visitor.account) if brand.id == brand_id),
        offered={right: RIGHT_WORDS[right] for right in offered},
        chosen=chosen or {"name": "", "rights": ["view"], "days": DAYS},
        times=TIMES,
        token=token,
    )

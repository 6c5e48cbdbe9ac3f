"""Whom the brand has told of what happens to its renders, and what became of each message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from core.errors import GreenroomError
from delivery import webhook_messages, webhooks
from delivery.tables import WebhookRow
from delivery.webhook_sending import next_try
from review_ui.accounts import require
from review_ui.rendering import page
from review_ui.security import Sent, Signed, Visitor, check_brand

router = APIRouter(prefix="/webhooks")

AtBrand = Annotated[str, Form(max_length=40)]

WHY = {"by_hand": "ended by hand", "gone": "ended: it answered that it is gone (410)"}


@router.get("")
def show(request: Request, visitor: Signed, cursor: Annotated[str, Query(max_length=200)] = "") -> Response:
    require(visitor.account, "release")
    return _shown(request, visitor, cursor=cursor)


@router.post("")
def make(
    request: Request,
    visitor: Sent,
    address: Annotated[str, Form(max_length=2_000)] = "",
    event: Annotated[list[str], Form(max_length=20)] = [],  # noqa: B006 - FastAPI copies it
    at_brand: AtBrand = "",
) -> Response:
    """The answer shows the secret, this once."""
    require(visitor.account, "release")
    who = visitor.account
    try:
        check_brand(visitor, at_brand)
        made = webhooks.make_webhook(address.strip(), event, brand_id=who.brand_id, actor_id=who.id)
    except GreenroomError as problem:
        return _shown(request, visitor, problem=problem, typed={"address": address, "events": event})
    return _shown(request, visitor, secret=made)


@router.post("/{webhook_id}/rotate")
def rotate(request: Request, visitor: Sent, webhook_id: str) -> Response:
    """The answer shows the new secret, this once."""
    require(visitor.account, "release")
    who = visitor.account
    try:
        changed = webhooks.rotate(webhook_id, brand_id=who.brand_id, actor_id=who.id)
    except GreenroomError as problem:
        return _shown(request, visitor, problem=problem)
    return _shown(request, visitor, secret=changed)


@router.post("/{webhook_id}/end")
def end(request: Request, visitor: Sent, webhook_id: str) -> Response:
    who = visitor.account
    return _done(request, visitor, lambda: webhooks.end(webhook_id, brand_id=who.brand_id, actor_id=who.id))


@router.post("/{webhook_id}/test")
def test(request: Request, visitor: Sent, webhook_id: str) -> Response:
    brand_id = visitor.account.brand_id
    return _done(request, visitor, lambda: webhook_messages.send_test(webhook_id, brand_id=brand_id))


@router.post("/messages/{message_id}/again")
def again(request: Request, visitor: Sent, message_id: str) -> Response:
    brand_id = visitor.account.brand_id
    return _done(request, visitor, lambda: webhook_messages.again(message_id, brand_id=brand_id))


def _done(request: Request, visitor: Visitor, act: Callable[[], object]) -> Response:
    require(visitor.account, "release")
    try:
        act()
    except GreenroomError as problem:
        return _shown(request, visitor, problem=problem)
    return RedirectResponse("/webhooks#messages", status_code=303)


def _shown(
    request: Request,
    visitor: Visitor,
    *,
    cursor: str = "",
    secret: tuple[WebhookRow, str] | None = None,
    problem: GreenroomError | None = None,
    typed: dict[str, object] | None = None,
) -> Response:
    brand_id = visitor.account.brand_id
    rows = webhooks.list_webhooks(brand_id)
    return page(
        request,
        "webhooks.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        webhooks=rows,
        addresses={row.id: row.address for row in rows},
        living={row.id for row in rows if row.ended_at is None},
        why=WHY,
        events=webhooks.EVENTS,
        messages=webhook_messages.page_of_messages(brand_id=brand_id, cursor=cursor),
        next_try=next_try,
        address=lambda cursor="": f"/webhooks?cursor={cursor}#messages" if cursor else "/webhooks#messages",
        is_first=not cursor,
        secret=secret,
        problem=problem,
        typed=typed or {"address": "", "events": []},
    )

"""The public API, version 1: webhooks and their messages."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from delivery import webhook_messages, webhooks
from delivery.tables import WebhookRow
from delivery.webhook_sending import next_try
from review_ui.accounts import require
from review_ui.api import CLOSED, NAMED
from review_ui.api_sending import Asked
from review_ui.security import ApiAccount

router = APIRouter(prefix="/api/v1/webhooks", tags=["v1"])


class Webhook(BaseModel):
    """``ended_why``: ``gone`` where its address answered 410; null while it is told."""

    webhook: str
    address: str
    events: list[str]
    created_at: datetime
    ended_at: datetime | None
    ended_why: str | None


class Webhooks(BaseModel):
    webhooks: list[Webhook]


class WithSecret(Webhook):
    """``secret`` is in this answer and in no other."""

    secret: str


class NewWebhook(Asked):
    address: str = Field("", max_length=2_000)
    events: list[Annotated[str, Field(max_length=40)]] = Field(default=[], max_length=20)


class Message(BaseModel):
    """One message: ``waiting``, ``sent`` (taken) or ``failed`` (given up). ``message`` is its ``webhook-id``."""

    message: str
    webhook: str
    event: str
    render: str | None
    campaign: str | None
    happened_at: datetime
    state: str
    attempts: int
    status: int | None
    error: str
    next_try: datetime | None


class Messages(BaseModel):
    messages: list[Message]
    next: str | None
    previous: str | None


class Done(BaseModel):
    done: bool = True


@router.get("", response_model=Webhooks, responses=CLOSED)
def index(account: ApiAccount) -> dict[str, Any]:
    """The brand's webhooks, those that are told first."""
    require(account, "release")
    return {"webhooks": [_item(row) for row in webhooks.list_webhooks(account.brand_id)]}


@router.post("", response_model=WithSecret, responses=NAMED)
def make(account: ApiAccount, asked: NewWebhook) -> dict[str, Any]:
    """A webhook, told what happens from now on. The answer has its secret, this once."""
    require(account, "release")
    made = webhooks.make_webhook(asked.address, asked.events, brand_id=account.brand_id, actor_id=account.id)
    return _with_secret(*made)


@router.get("/messages", response_model=Messages, responses=CLOSED)
def messages(account: ApiAccount, cursor: Annotated[str, Query(max_length=200)] = "") -> dict[str, Any]:
    """What was sent, is on its way or was given up, the newest first; kept for 30 days."""
    require(account, "release")
    page = webhook_messages.page_of_messages(brand_id=account.brand_id, cursor=cursor)
    found = [
        Message(
            message=row.id,
            webhook=row.webhook_id,
            event=row.event,
            render=row.render_id,
            campaign=row.campaign_id,
            happened_at=row.happened_at,
            state=row.state,
            attempts=row.attempts,
            status=row.status,
            error=row.error,
            next_try=next_try(row),
        )
        for row in page.rows
    ]
    return {"messages": found, "next": page.next, "previous": page.previous}


@router.post("/messages/{message_id}/again", response_model=Done, responses=NAMED)
def again(account: ApiAccount, message_id: str) -> dict[str, bool]:
    """Send a message once more, under its own id."""
    require(account, "release")
    webhook_messages.again(message_id, brand_id=account.brand_id)
    return {"done": True}


@router.post("/{webhook_id}/rotate", response_model=WithSecret, responses=NAMED)
def rotate(account: ApiAccount, webhook_id: str) -> dict[str, Any]:
    """A new secret; for a day the old one signs too."""
    require(account, "release")
    return _with_secret(*webhooks.rotate(webhook_id, brand_id=account.brand_id, actor_id=account.id))


@router.post("/{webhook_id}/test", response_model=Done, responses=NAMED)
def test(account: ApiAccount, webhook_id: str) -> dict[str, bool]:
    """Send it a message about nothing (``webhook.test``)."""
    require(account, "release")
    webhook_messages.send_test(webhook_id, brand_id=account.brand_id)
    return {"done": True}


@router.post("/{webhook_id}/end", response_model=Done, responses=NAMED)
def end(account: ApiAccount, webhook_id: str) -> dict[str, bool]:
    """Tell it nothing more, for good."""
    require(account, "release")
    webhooks.end(webhook_id, brand_id=account.brand_id, actor_id=account.id)
    return {"done": True}


def _item(row: WebhookRow) -> dict[str, Any]:
    return {
        "webhook": row.id,
        "address": row.address,
        "events": row.events,
        "created_at": row.created_at,
        "ended_at": row.ended_at,
        "ended_why": row.ended_why or None,
    }


def _with_secret(row: WebhookRow, secret: str) -> dict[str, Any]:
    return {**_item(row), "secret": secret}

"""Webhooks and their messages."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from delivery import webhook_messages, webhooks
from delivery.tables import WebhookRow
from delivery.webhook_sending import next_try
from review_ui.api.caller import Releaser
from review_ui.api.documents import CHANGES, CLOSED, V1, Asked
from review_ui.api.once import Released, once

router = APIRouter(prefix=f"{V1}/webhooks", tags=["webhooks"])


class Webhook(BaseModel):
    """``ended_why``: ``gone`` where its address answered 410; null while it is told."""

    webhook: str
    address: str
    events: list[str]
    created_at: datetime
    ended_at: datetime | None
    ended_why: str | None


class Webhooks(BaseModel):
    """The brand's webhooks, those that are told first."""

    webhooks: list[Webhook]


class WithSecret(Webhook):
    """``secret`` is in this answer and in no other."""

    secret: str


class NewWebhook(Asked):
    """Where to, and of what; no events: of all."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"address": "https://hook.example/x", "events": ["render.released"]}]}
    )

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
    """A page of messages, newest first."""

    messages: list[Message]
    next: str | None
    previous: str | None


class Done(BaseModel):
    """It was done."""

    done: bool = True


@router.get("", responses=CLOSED)
def index(caller: Releaser) -> Webhooks:
    """The brand's webhooks, those that are told first."""
    rows = webhooks.list_webhooks(caller.brand_id)
    return Webhooks(webhooks=[Webhook(**_item(row)) for row in rows])


@router.post("", response_model=WithSecret, responses=CHANGES)
async def make(call: Released, asked: NewWebhook) -> Response:
    """A webhook, told what happens from now on. The answer has its secret, this once."""
    who = call.caller

    def act() -> WithSecret:
        made = webhooks.make_webhook(
            asked.address, asked.events, brand_id=who.brand_id, actor_id=who.actor_id
        )
        return _with_secret(*made)

    return await once(call, asked.model_dump(), lambda: run_in_threadpool(act))


@router.get("/messages", responses=CLOSED)
def messages(caller: Releaser, cursor: Annotated[str, Query(max_length=200)] = "") -> Messages:
    """What was sent, is on its way or was given up, the newest first; kept for 30 days."""
    page = webhook_messages.page_of_messages(brand_id=caller.brand_id, cursor=cursor)
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
    return Messages(messages=found, next=page.next, previous=page.previous)


@router.post("/messages/{message_id}/again", response_model=Done, responses=CHANGES)
async def again(call: Released, message_id: str) -> Response:
    """Send a message once more, under its own id."""
    brand_id = call.caller.brand_id

    def act() -> Done:
        webhook_messages.again(message_id, brand_id=brand_id)
        return Done()

    return await once(call, None, lambda: run_in_threadpool(act))


@router.post("/{webhook_id}/rotate", response_model=WithSecret, responses=CHANGES)
async def rotate(call: Released, webhook_id: str) -> Response:
    """A new secret; for a day the old one signs too."""
    who = call.caller

    def act() -> WithSecret:
        return _with_secret(*webhooks.rotate(webhook_id, brand_id=who.brand_id, actor_id=who.actor_id))

    return await once(call, None, lambda: run_in_threadpool(act))


@router.post("/{webhook_id}/test", response_model=Done, responses=CHANGES)
async def test(call: Released, webhook_id: str) -> Response:
    """Send it a message about nothing (``webhook.test``)."""
    brand_id = call.caller.brand_id

    def act() -> Done:
        webhook_messages.send_test(webhook_id, brand_id=brand_id)
        return Done()

    return await once(call, None, lambda: run_in_threadpool(act))


@router.post("/{webhook_id}/end", response_model=Done, responses=CHANGES)
async def end(call: Released, webhook_id: str) -> Response:
    """Tell it nothing more, for good."""
    who = call.caller

    def act() -> Done:
        webhooks.end(webhook_id, brand_id=who.brand_id, actor_id=who.actor_id)
        return Done()

    return await once(call, None, lambda: run_in_threadpool(act))


def _item(row: WebhookRow) -> dict[str, Any]:
    return {
        "webhook": row.id,
        "address": row.address,
        "events": row.events,
        "created_at": row.created_at,
        "ended_at": row.ended_at,
        "ended_why": row.ended_why or None,
    }


def _with_secret(row: WebhookRow, secret: str) -> WithSecret:
    return WithSecret(**_item(row), secret=secret)

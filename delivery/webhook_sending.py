"""Sending: a message leaves, and again on a schedule until it was taken (Standard Webhooks).

Never in a web request: the relay's process sends, in threads of its own, to a few webhooks at a time. One that is slow
or away holds up the others for some seconds at most. A message is taken for a minute; where its process dies another
one sends it, so that it may come twice, under the same ``webhook-id``.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, literal_column, select, update
from sqlalchemy.orm import Session

from audit.ledger.entries import timestamp
from core.canonical import canonical_json
from core.database import now, reading, take_turn, transaction
from core.errors import GreenroomError
from core.outward import SECONDS, Answered, post
from delivery.tables import WebhookMessageRow, WebhookRow
from delivery.webhooks import ended, live, signature
from pipeline.leases import database_clock, database_seconds

log = logging.getLogger("greenroom.webhooks")

PAUSES = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds before each further try: the specification's own schedule, over about three days."""
GONE = 410
TAKEN_SECONDS = 60.0
AT_ONCE = 40  # messages of one pass
OF_ONE = 5  # of one webhook: SECONDS times this is less than a message is taken for
HANDS = 4
_LONGEST_WISH = 86_400.0

_WAITING: ColumnElement[bool] = literal_column(
    "webhook_messages.state = 'waiting'"
)  # word for word what the partial index holds

Post = Callable[[str, bytes, Mapping[str, str]], Answered]

assert OF_ONE * SECONDS < TAKEN_SECONDS


def send_due(pool: ThreadPoolExecutor, send: Post = post) -> int:
    """Send what is due; how many messages were tried."""
    taken = _take()
    if not taken:
        return 0
    return sum(pool.map(lambda messages: _tell(messages, send), taken))


def payload(message: WebhookMessageRow) -> bytes:
    """The body: what happened to which render, and nothing about a recipient. Who wants more asks the API."""
    about = {"render": message.render_id, "campaign": message.campaign_id}
    data = {name: value for name, value in about.items() if value}
    return canonical_json({"type": message.event, "timestamp": timestamp(message.happened_at), "data": data})


def _take() -> list[list[WebhookMessageRow]]:
    """Due messages by their webhook; nobody else sends them for a minute."""
    with reading() as session:
        due = _due(session)
    if not due:
        return []
    mine: dict[str, list[WebhookMessageRow]] = {}
    with transaction() as session:
        until = database_seconds(session) + TAKEN_SECONDS
        for message_id, next_at, webhook_id in due:
            row = session.scalar(
                update(WebhookMessageRow)
                .where(
                    WebhookMessageRow.id == message_id,
                    WebhookMessageRow.state == "waiting",
                    WebhookMessageRow.next_at == next_at,
                )
                .values(next_at=until)
                .returning(WebhookMessageRow)
                .execution_options(synchronize_session=False)
            )
            if row is not None:
                mine.setdefault(webhook_id, []).append(row)
    return list(mine.values())


def _due(session: Session) -> list[tuple[str, float, str]]:
    """Messages of some webhooks that have any, a few of each, in their order: none waits behind another's many."""
    hooks = live(session)
    random.shuffle(hooks)
    found: list[tuple[str, float, str]] = []
    for hook in hooks:
        due = session.execute(
            select(WebhookMessageRow.id, WebhookMessageRow.next_at, WebhookMessageRow.webhook_id)
            .where(
                WebhookMessageRow.webhook_id == hook.id,
                _WAITING,
                WebhookMessageRow.next_at <= database_clock(session),
            )
            .order_by(WebhookMessageRow.next_at)
            .limit(OF_ONE)
        )
        found += [(message_id, next_at, webhook_id) for message_id, next_at, webhook_id in due]
        if len(found) >= AT_ONCE:
            break
    return found


def _tell(messages: Sequence[WebhookMessageRow], send: Post) -> int:
    """The messages of one webhook, one after the other; where it is away, or slow, the rest waits for its turn."""
    began = time.monotonic()
    for number, message in enumerate(messages):
        with reading() as session:
            hook = session.get_one(WebhookRow, message.webhook_id)
        if hook.ended_at is not None:
            _note(message, state="failed", error="ended")
            continue
        took, slow = _sent(hook, message, send), time.monotonic() - began > SECONDS
        if not took or slow:
            for other in messages[number + 1 :]:
                _put_off(other, 0.0 if took else float(PAUSES[min(other.attempts, len(PAUSES) - 1)]))
            return number + 1
    return len(messages)


def _sent(hook: WebhookRow, message: WebhookMessageRow, send: Post) -> bool:
    """Whether the webhook took it; what came of it is written down."""
    body, moment = payload(message), int(time.time())
    headers = {
        "webhook-id": message.id,
        "webhook-timestamp": str(moment),
        "webhook-signature": signature(hook, message.id, moment, body),
    }
    wish: float | None = None
    try:
        answer = send(hook.address, body, headers)
        status, error, wish = answer.status, "", answer.retry_after
    except GreenroomError as problem:
        status, error = None, problem.code
    except Exception:
        log.exception("a message could not be sent: %s", message.id)
        status, error = None, "internal"
    attempts = message.attempts + 1
    tried: dict[str, Any] = {"attempts": attempts, "status": status, "error": error, "tried_at": now()}
    if status is not None and 200 <= status < 300:
        _note(message, state="sent", **tried)
        return True
    if status == GONE:
        _end(hook)
        _note(message, state="failed", **tried)
    elif attempts > len(PAUSES):
        _note(message, state="failed", **tried)
    else:
        pause = max(PAUSES[attempts - 1] * random.uniform(1.0, 1.1), min(wish or 0.0, _LONGEST_WISH))  # noqa: S311 - spreads load
        _note(message, pause=pause, **tried)
    log.info("a message was not taken: %s %s", message.id, status or error)
    return False


def _end(hook: WebhookRow) -> None:
    """It said that it is gone, and wants nothing more."""
    with transaction() as session:
        row = take_turn(session, WebhookRow, hook.id)
        if row is not None and row.ended_at is None:
            ended(session, row, "gone", "sys_webhooks")


def _put_off(message: WebhookMessageRow, seconds: float) -> None:
    """Not tried: the one before it was not taken, or took long."""
    _note(message, pause=seconds)


def _note(message: WebhookMessageRow, *, pause: float | None = None, **values: Any) -> None:
    with transaction() as session:
        if pause is not None:
            values["next_at"] = database_seconds(session) + pause
        session.execute(
            update(WebhookMessageRow)
            # Unless it was taken by another since, for whom this one was late.
            .where(WebhookMessageRow.id == message.id, WebhookMessageRow.next_at == message.next_at)
            .values(**values)
            .execution_options(synchronize_session=False)
        )


def next_try(message: WebhookMessageRow) -> datetime | None:
    """When it is tried again; None where it is not."""
    return datetime.fromtimestamp(message.next_at, UTC) if message.state == "waiting" else None

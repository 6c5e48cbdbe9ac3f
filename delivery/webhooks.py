"""Outgoing webhooks after the Standard Webhooks specification: who is told, of what, and with which secret.

A webhook is an address of the brand's, an `https` one that the internet can reach (core/outward.py). Its secret is
derived from the master secret: the database holds none, and it is shown once, when the webhook is made or its secret is
changed. For a day after a change both secrets sign, so that whoever listens can change over.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from audit.ledger import Event, append
from audit.tables import LedgerHeadRow
from core.database import now, reading, seize, take_turn, transaction
from core.errors import Conflict, InputError, NotFound
from core.ids import new_id
from core.outward import target_of
from core.secrets import derived_key
from delivery.tables import WebhookMessageRow, WebhookReadRow, WebhookRow

MOST = 10  # webhooks of a brand that are told
MOST_SHOWN = 50
BOTH_SIGN = timedelta(hours=24)

EVENTS: dict[str, str] = {
    "render.in_review": "waits for a reviewer",
    "render.approved": "was approved",
    "render.rejected": "was rejected, or a change was asked for",
    "render.released": "was released",
    "render.recalled": "was recalled or withdrawn",
    "render.blocked": "was blocked by a trust step",
    "render.failed": "failed and waits for a person",
}
"""What a webhook can be told, by the name that its messages carry."""

TEST = "webhook.test"

Why = Literal["by_hand", "gone"]


def make_webhook(
    address: str, events: Sequence[str], *, brand_id: str, actor_id: str
) -> tuple[WebhookRow, str]:
    """A new webhook and its secret, which is shown this once. It is told what happens from now on.

    Raises:
        AddressRefused: nothing may be sent there.
        InputError: no event, or an unknown one.
        Conflict: the address is told already, or the brand has as many webhooks as it may have.
    """
    wanted = [name for name in EVENTS if name in events]
    if not wanted or len(wanted) != len(set(events)):
        raise InputError(
            "a webhook is told of at least one event that there is",
            where="events",
            next_step=f"choose some of: {', '.join(EVENTS)}",
        )
    target_of(address)
    with transaction() as session:
        seize(session, "webhooks")  # two at once are counted one after the other
        living = live(session)
        mine = [row for row in living if row.brand_id == brand_id]
        if any(row.address == address for row in mine):
            raise Conflict(
                "this address is told already",
                where="address",
                next_step="change its secret where it was lost, or end it and make it again",
            )
        if len(mine) >= MOST:
            raise Conflict(
                f"a brand has at most {MOST} webhooks", where="webhooks", next_step="end one of them first"
            )
        if not living:
            _read_from_here(session)
        row = WebhookRow(
            id=new_id("whk"),
            brand_id=brand_id,
            address=address,
            events=wanted,
            made_by=actor_id,
            generation=1,
        )
        facts = {"kind": "made", "actor": actor_id, "brand_id": brand_id}
        append(session, Event.WEBHOOK_ADDED, row.id, facts, rows=[row])
    return row, secret_of(row, row.generation)


def list_webhooks(brand_id: str) -> list[WebhookRow]:
    """A brand's webhooks, those that are told before those that have ended, the newest first."""
    mine = select(WebhookRow).where(WebhookRow.brand_id == brand_id)
    newest = mine.order_by(
        WebhookRow.ended_at.is_not(None), WebhookRow.created_at.desc(), WebhookRow.id.desc()
    )
    with reading() as session:
        return list(session.scalars(newest.limit(MOST_SHOWN)))


def rotate(webhook_id: str, *, brand_id: str, actor_id: str) -> tuple[WebhookRow, str]:
    """A new secret, shown this once; the old one signs too for a day.

    Raises:
        NotFound: no such webhook of this brand. Conflict: it has ended.
    """
    with transaction() as session:
        row = _living(session, webhook_id, brand_id)
        row.generation += 1
        row.rotated_at = now()
        append(session, Event.WEBHOOK_CHANGED, row.id, {"kind": "rotated", "actor": actor_id}, rows=[row])
    return row, secret_of(row, row.generation)


def end(webhook_id: str, *, brand_id: str, actor_id: str) -> None:
    """Tell it nothing more, for good. Raises as :func:`rotate`."""
    with transaction() as session:
        ended(session, _living(session, webhook_id, brand_id), "by_hand", actor_id)


def ended(session: Session, row: WebhookRow, why: Why, actor_id: str) -> None:
    """It is told nothing more, of what waits neither; in the caller's transaction."""
    row.ended_at, row.ended_why = now(), why
    session.execute(
        update(WebhookMessageRow)
        .where(WebhookMessageRow.webhook_id == row.id, WebhookMessageRow.state == "waiting")
        .values(state="failed", error="ended")
        .execution_options(synchronize_session=False)
    )
    facts = {"kind": "ended", "reason_code": why, "actor": actor_id}
    append(session, Event.WEBHOOK_CHANGED, row.id, facts, rows=[row])


def live(session: Session) -> list[WebhookRow]:
    """Every webhook of the installation that is told."""
    return list(session.scalars(select(WebhookRow).where(WebhookRow.ended_at.is_(None))))


def _living(session: Session, webhook_id: str, brand_id: str) -> WebhookRow:
    row = take_turn(session, WebhookRow, webhook_id)
    if row is None or row.brand_id != brand_id:
        raise NotFound("no such webhook", where=webhook_id, next_step="check the id")
    if row.ended_at is not None:
        raise Conflict("this webhook has ended", where=webhook_id, next_step="make another one")
    return row


def _read_from_here(session: Session) -> None:
    """What happened while nobody was told is told to nobody."""
    head = session.scalar(select(LedgerHeadRow.assigned)) or 0
    read = session.get(WebhookReadRow, 1)
    if read is None:
        session.add(WebhookReadRow(id=1, position=head))
    else:
        read.position = head


def secret_of(row: WebhookRow, generation: int) -> str:
    """A secret as the specification writes it: ``whsec_`` and 32 bytes in base64."""
    return "whsec_" + base64.b64encode(_key(row, generation)).decode()


def signature(row: WebhookRow, message_id: str, timestamp: int, body: bytes) -> str:
    """The header ``webhook-signature``: one signature for each secret that counts at this moment, the newest first."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    generations = [row.generation]
    if row.rotated_at is not None and now() - row.rotated_at < BOTH_SIGN:
        generations.append(row.generation - 1)
    made = [hmac.digest(_key(row, generation), signed, "sha256") for generation in generations]
    return " ".join("v1," + base64.b64encode(each).decode() for each in made)


def _key(row: WebhookRow, generation: int) -> bytes:
    return hmac.digest(derived_key("webhooks"), f"{row.id}:{generation}".encode(), "sha256")

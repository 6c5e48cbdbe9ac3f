"""What webhooks are told, from the ledger: each entry about a render that somebody wants to hear of becomes a message.

The ledger's entries are read in their order, once they have a position, from where the last look ended. A change and
its entry commit together, so nothing that happened is missed, whatever dies in between; an entry that is read twice
makes no second message.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from audit.events import Event
from audit.tables import LedgerEntryRow
from core.database import add_once, now, reading, take_turn, transaction
from core.errors import Conflict, NotFound
from core.ids import new_id
from delivery.tables import WebhookMessageRow, WebhookReadRow, WebhookRow
from delivery.webhooks import TEST, live
from pipeline.leases import database_seconds
from pipeline.paging import Page, Part, page_of
from pipeline.tables import RenderRow

READ_AT_ONCE = 500
KEPT = timedelta(days=30)
PRUNED_AT_ONCE = 5_000

TOLD: dict[str, str] = {
    Event.REVIEW_OPENED.value: "render.in_review",
    Event.RENDER_APPROVED.value: "render.approved",
    Event.RENDER_REJECTED.value: "render.rejected",
    Event.ASSET_RELEASED.value: "render.released",
    Event.ASSET_RECALLED.value: "render.recalled",
    Event.ASSET_WITHDRAWN.value: "render.recalled",
    Event.RENDER_BLOCKED.value: "render.blocked",
    Event.RENDER_FAILED.value: "render.failed",
}
"""What the entries are called in messages (:data:`delivery.webhooks.EVENTS`)."""


def take_in() -> int:
    """Make messages of what the ledger says since the last look; how many entries were read.

    Two at once follow each other.
    """
    with reading() as session:  # the write lock is taken only where there is something to write
        if not live(session) or not _anything_new(session):
            return 0
    with transaction() as session:
        read = take_turn(session, WebhookReadRow, 1)
        if read is None:
            return 0
        entries = session.execute(
            select(
                LedgerEntryRow.entry_id,
                LedgerEntryRow.event,
                LedgerEntryRow.subject,
                LedgerEntryRow.created_at,
                LedgerEntryRow.position,
            )
            .where(LedgerEntryRow.position >= read.position)
            .order_by(LedgerEntryRow.position)
            .limit(READ_AT_ONCE)
        ).all()
        if not entries:
            return 0
        read.position = entries[-1].position + 1
        told = [entry for entry in entries if entry.event in TOLD]
        renders = {
            row.id: row
            for row in session.execute(
                select(RenderRow.id, RenderRow.brand_id, RenderRow.campaign_id).where(
                    RenderRow.id.in_({entry.subject for entry in told})
                )
            )
        }
        hooks, clock = live(session), database_seconds(session)
        for number, entry in enumerate(told, 1 - len(told)):
            render = renders.get(entry.subject)
            for hook in hooks:
                if render is None or hook.brand_id != render.brand_id or entry.created_at < hook.created_at:
                    continue
                if TOLD[entry.event] in hook.events:
                    due = clock + number / 1_000_000  # due already, and in the ledger's order
                    message = _message(hook, entry.entry_id, TOLD[entry.event], due)
                    message.render_id, message.campaign_id = render.id, render.campaign_id
                    message.happened_at = entry.created_at
                    add_once(session, message)
    return len(entries)


def _anything_new(session: Session) -> bool:
    read = session.get(WebhookReadRow, 1)
    new = select(LedgerEntryRow.id).where(
        LedgerEntryRow.position >= (read.position if read is not None else 0)
    )
    return read is not None and session.scalar(new.limit(1)) is not None


def _message(hook: WebhookRow, entry_id: str, event: str, due: float) -> WebhookMessageRow:
    return WebhookMessageRow(
        id=new_id("msg"),
        brand_id=hook.brand_id,
        webhook_id=hook.id,
        entry_id=entry_id,
        event=event,
        happened_at=now(),
        state="waiting",
        attempts=0,
        next_at=due,
        error="",
        created_at=now(),
    )


def send_test(webhook_id: str, *, brand_id: str) -> WebhookMessageRow:
    """A message about nothing, to see whether a webhook hears us. Raises NotFound, Conflict."""
    with transaction() as session:
        hook = _hook(session, webhook_id, brand_id)
        row = _message(hook, new_id("tst"), TEST, database_seconds(session))
        session.add(row)
    return row


def again(message_id: str, *, brand_id: str) -> None:
    """Send a message once more, under its own id, with every try before it.

    Raises:
        NotFound: no such message of this brand. Conflict: it waits to be sent, or its webhook has ended.
    """
    with transaction() as session:
        row = take_turn(session, WebhookMessageRow, message_id)
        if row is None or row.brand_id != brand_id:
            raise NotFound("no such message", where=message_id, next_step="check the id")
        _hook(session, row.webhook_id, brand_id)
        if row.state == "waiting":
            raise Conflict("this message waits to be sent", where=message_id, next_step="reload the page")
        row.state, row.attempts, row.next_at = "waiting", 0, database_seconds(session)


def _hook(session: Session, webhook_id: str, brand_id: str) -> WebhookRow:
    hook = session.get(WebhookRow, webhook_id)
    if hook is None or hook.brand_id != brand_id:
        raise NotFound("no such webhook", where=webhook_id, next_step="check the id")
    if hook.ended_at is not None:
        raise Conflict("this webhook has ended", where=webhook_id, next_step="make another one")
    return hook


def page_of_messages(*, brand_id: str, cursor: str = "") -> Page[WebhookMessageRow]:
    """A page of a brand's messages, the newest first. Raises :class:`pipeline.errors.BadCursor`."""
    mine = Part((WebhookMessageRow.brand_id == brand_id,))
    with reading() as session:
        return page_of(session, WebhookMessageRow, [mine], order="newest", cursor=cursor)


def prune() -> int:
    """Delete messages of long ago that wait for nobody, a bounded number. Returns how many."""
    with transaction() as session:
        old = select(WebhookMessageRow.id).where(
            WebhookMessageRow.created_at < now() - KEPT, WebhookMessageRow.state != "waiting"
        )
        gone = session.scalars(
            delete(WebhookMessageRow)
            .where(WebhookMessageRow.id.in_(old.limit(PRUNED_AT_ONCE).scalar_subquery()))
            .returning(WebhookMessageRow.id)
            .execution_options(synchronize_session=False)
        )
        return len(gone.all())

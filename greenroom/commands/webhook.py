"""``greenroom webhook make|list|rotate|test|end|messages|redeliver``: who is told what happens."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from greenroom.actors import actor, add_actor_options
from greenroom.cli import command
from greenroom.output import Answer

if TYPE_CHECKING:
    from delivery.tables import WebhookRow


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "webhook", "addresses that are told what happens", run_list)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    make = command(actions, shared, "make", "a new one; its secret is printed this once", run_make)
    make.add_argument("address", help="https, with a name that is public")
    make.add_argument("--event", action="append", default=[], help="of which; again for a further one; all")
    listed = command(actions, shared, "list", "those of the brand", run_list)
    rotate = command(actions, shared, "rotate", "a new secret; for a day both sign", run_rotate)
    test = command(actions, shared, "test", "send it a message about nothing", run_test)
    end = command(actions, shared, "end", "tell it nothing more, for good", run_end)
    for action in (rotate, test, end):
        action.add_argument("webhook_id")
    messages = command(
        actions,
        shared,
        "messages",
        "what was sent, is on its way or was given up, newest first",
        run_messages,
    )
    messages.add_argument("--cursor", default="", help="`next` of the page before")
    again = command(actions, shared, "redeliver", "send a message once more, under its own id", run_redeliver)
    again.add_argument("message_id")
    for action in (make, listed, rotate, test, end, messages, again):
        add_actor_options(action)


def run_make(args: argparse.Namespace) -> Answer:
    from delivery.webhooks import make_webhook

    who = actor(args, "release")
    row, secret = make_webhook(args.address, args.event, brand_id=who.brand_id, actor_id=who.id)
    return _with_secret(row, secret)


def run_list(args: argparse.Namespace) -> Answer:
    from delivery.webhooks import list_webhooks

    who = actor(args, "release")
    rows = list_webhooks(who.brand_id)
    lines = [
        f"{row.id}  {row.ended_why or 'told':<5} {row.address}  {', '.join(row.events) or 'all'}"
        for row in rows
    ]
    return Answer([_document(row) for row in rows], "\n".join(lines) or "no webhooks")


def run_rotate(args: argparse.Namespace) -> Answer:
    from delivery.webhooks import rotate

    who = actor(args, "release")
    return _with_secret(*rotate(args.webhook_id, brand_id=who.brand_id, actor_id=who.id))


def run_test(args: argparse.Namespace) -> Answer:
    from delivery.webhook_messages import send_test

    who = actor(args, "release")
    row = send_test(args.webhook_id, brand_id=who.brand_id)
    return Answer({"message": row.id, "state": row.state}, f"{row.id} is on its way; the relay sends it")


def run_end(args: argparse.Namespace) -> Answer:
    from delivery.webhooks import end

    who = actor(args, "release")
    end(args.webhook_id, brand_id=who.brand_id, actor_id=who.id)
    return Answer({"webhook": args.webhook_id, "ended": True}, f"{args.webhook_id} is told nothing more")


def run_messages(args: argparse.Namespace) -> Answer:
    from delivery.webhook_messages import page_of_messages

    who = actor(args, "release")
    page = page_of_messages(brand_id=who.brand_id, cursor=args.cursor)
    document = {
        "messages": [
            {
                "message": row.id,
                "webhook": row.webhook_id,
                "event": row.event,
                "render": row.render_id,
                "campaign": row.campaign_id,
                "happened_at": row.happened_at.isoformat(),
                "state": row.state,
                "attempts": row.attempts,
                "status": row.status,
                "error": row.error,
            }
            for row in page.rows
        ],
        "next": page.next,
    }
    lines = [
        f"{row.id}  {row.state:<8} {row.event:<18} {row.status or row.error or ''}".rstrip()
        for row in page.rows
    ]
    if page.next:
        lines.append(f"more: --cursor {page.next}")
    return Answer(document, "\n".join(lines) or "no messages")


def run_redeliver(args: argparse.Namespace) -> Answer:
    from delivery.webhook_messages import again

    who = actor(args, "release")
    again(args.message_id, brand_id=who.brand_id)
    return Answer({"message": args.message_id, "state": "waiting"}, f"{args.message_id} is sent once more")


def _with_secret(row: WebhookRow, secret: str) -> Answer:
    said = f"{row.id}: keep this secret where your program keeps its own; it is not shown again\n{secret}"
    return Answer(_document(row) | {"secret": secret}, said)


def _document(row: WebhookRow) -> dict[str, Any]:
    return {
        "webhook": row.id,
        "address": row.address,
        "events": list(row.events),
        "created_at": row.created_at.isoformat(),
        "ended_at": row.ended_at.isoformat() if row.ended_at is not None else None,
        "ended_why": row.ended_why or None,
    }

"""``greenroom review list|approve|reject``."""

from __future__ import annotations

import argparse
from typing import Any

from greenroom.actors import actor, add_actor_options
from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "review", "the queue, and a person's decision", run_list)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    queue = command(actions, shared, "list", "renders that wait for a person", run_list)
    queue.add_argument("--campaign", default="", metavar="ID", help="of this campaign alone")
    queue.add_argument("--order", choices=("oldest", "newest", "gravest"), default="oldest")
    queue.add_argument("--limit", type=int, default=50, help="renders of a page, at most 200")
    queue.add_argument("--cursor", default="", help="another page: `next` or `previous` of the one before")
    add_actor_options(queue)
    approve = command(
        actions,
        shared,
        "approve",
        "approve a sealed asset; recorded as decided, since nothing was played here",
        run_approve,
    )
    reject = command(actions, shared, "reject", "reject with a reason", run_reject)
    for action in (approve, reject):
        action.add_argument("render_id")
        action.add_argument(
            "--asset", required=True, metavar="SHA256", help="the sealed asset that you decide over"
        )
        add_actor_options(action)
    reject.add_argument("--reason", required=True)


def run_list(args: argparse.Namespace) -> Answer:
    from pipeline.service import list_renders
    from pipeline.states import State

    who = actor(args, "view")
    found = list_renders(
        brand_id=who.brand_id,
        states=(State.IN_REVIEW,),
        campaign_id=args.campaign,
        order=args.order,
        cursor=args.cursor,
        limit=args.limit,
    )
    page = found.page
    document = {
        "renders": [
            {"render": row.id, "verdict": row.verdict, "sealed_sha256": row.sealed_sha256}
            for row in page.rows
        ],
        "total": found.total or 0,
        "next": page.next,
        "previous": page.previous,
    }
    lines = [
        f"{row.id}  {'flagged' if row.verdict != 'pass' else 'clean':<8} {row.sealed_sha256 or '-'}"
        for row in page.rows
    ]
    if page.next or page.previous:
        lines.append(f"{len(page.rows)} of {found.total or 0:,}")
    lines += [
        f"{word}: --cursor {cursor}"
        for word, cursor in (("next", page.next), ("previous", page.previous))
        if cursor
    ]
    return Answer(document, "\n".join(lines) or "the queue is empty")


def run_approve(args: argparse.Namespace) -> Answer:
    # High risk is refused here, with the reason: it has to be seen, and proven with a passkey, in the console.
    from pipeline.review import approve

    who = actor(args, "review")
    state = approve(args.render_id, brand_id=who.brand_id, reviewer_id=who.id, sealed_sha256=args.asset)
    return Answer({"render": args.render_id, "state": state.value}, f"{args.render_id}: {state.value}")


def run_reject(args: argparse.Namespace) -> Answer:
    from pipeline.review import reject

    who = actor(args, "review")
    state = reject(
        args.render_id,
        brand_id=who.brand_id,
        reviewer_id=who.id,
        sealed_sha256=args.asset,
        reason=args.reason,
    )
    return Answer({"render": args.render_id, "state": state.value}, f"{args.render_id}: {state.value}")

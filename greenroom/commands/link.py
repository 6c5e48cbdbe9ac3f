"""``greenroom link make|list|revoke``: who may watch a released video, and until when."""

from __future__ import annotations

import argparse
from typing import Any

from greenroom.actors import actor, add_actor_options
from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "link", "delivery links of a released video", run_list)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    make = command(actions, shared, "make", "a new link", run_make)
    make.add_argument("render_id")
    make.add_argument("--hours", type=float, help="how long it lasts (GREENROOM_WEB_LINK_HOURS)")
    listing = command(actions, shared, "list", "every link of a video, newest first", run_list)
    listing.add_argument("render_id")
    revoke = command(
        actions, shared, "revoke", "end one link; the video and its other links stay", run_revoke
    )
    revoke.add_argument("link_id")
    for action in (make, listing, revoke):
        add_actor_options(action)


def run_make(args: argparse.Namespace) -> Answer:
    from delivery.links import make_link
    from delivery.tags import landing, tags_of_render

    who = actor(args, "release")
    token = make_link(args.render_id, brand_id=who.brand_id, made_by=who.id, hours=args.hours)
    address = landing(token, tags_of_render(args.render_id))
    return Answer({"render": args.render_id, "link": address}, address)


def run_list(args: argparse.Namespace) -> Answer:
    from core.database import now
    from delivery.links import list_links, token_of
    from delivery.tags import landing, tags_of_render

    who = actor(args, "release")
    rows = list_links(args.render_id, brand_id=who.brand_id)
    moment, tags = now(), tags_of_render(args.render_id)

    def address(row: Any) -> str:
        return landing(token_of(row), tags)

    def state(row: Any) -> str:
        if row.revoked_at is not None:
            return "revoked"
        return "ended" if row.expires_at <= moment else "open"

    document = [
        {
            "id": row.id,
            "link": address(row),
            "state": state(row),
            "made_by": row.made_by,
            "created_at": row.created_at.isoformat(),
            "expires_at": row.expires_at.isoformat(),
            "revoked_at": row.revoked_at.isoformat() if row.revoked_at is not None else None,
        }
        for row in rows
    ]
    lines = [
        f"{row.id}  {state(row):<8} until {row.expires_at:%Y-%m-%d %H:%M} UTC  {address(row)}" for row in rows
    ]
    return Answer(document, "\n".join(lines) or "no links")


def run_revoke(args: argparse.Namespace) -> Answer:
    from delivery.links import revoke_link

    who = actor(args, "release")
    revoke_link(args.link_id, brand_id=who.brand_id, actor_id=who.id)
    return Answer({"id": args.link_id, "state": "revoked"}, f"{args.link_id} is revoked")

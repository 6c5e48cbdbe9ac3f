"""``greenroom render``: ask for one personalised video of a campaign, and with --wait make it here and now."""

from __future__ import annotations

import argparse
import json
from typing import Any

from greenroom.actors import actor, add_actor_options
from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "render", "ask for one video of a campaign", run)
    parser.add_argument("campaign_id")
    parser.add_argument("fields", nargs="*", metavar="NAME=VALUE", help="the template's fields")
    parser.add_argument(
        "--wait", action="store_true", help="run the stages here instead of leaving them to workers"
    )
    parser.add_argument("--key", help="the same key again answers with the first render")
    add_actor_options(parser)


def run(args: argparse.Namespace) -> Answer:
    from core.errors import InputError
    from pipeline.service import request_render

    who = actor(args, "make")
    fields = {}
    for pair in args.fields:
        name, equals, value = pair.partition("=")
        if not equals:
            raise InputError(f"'{pair}' is not NAME=VALUE", where="fields", next_step="write first_name=Asha")
        fields[name] = value
    row = request_render(
        args.campaign_id, fields, brand_id=who.brand_id, maker_id=who.id, request_key=args.key
    )
    return follow(row.id, who.brand_id, wait=args.wait)


def follow(render_id: str, brand_id: str, *, wait: bool) -> Answer:
    """The render as it is, or as it stands when every stage here has run."""
    from greenroom.following import run_here
    from pipeline.service import get_render

    if wait:
        run_here(render_id)
    return describe(get_render(render_id, brand_id=brand_id))


def describe(row: Any) -> Answer:
    """A render for people and for scripts; yes unless it ended badly."""
    document = {
        "render": row.id,
        "state": row.state,
        "verdict": row.verdict,
        "reason": row.reason,
        "sealed_sha256": row.sealed_sha256,
        "essence": row.essence,
        "seconds": row.seconds,
        "timings": row.timings,
    }
    why = (row.reason or {}).get("message")
    text = f"{row.id}: {row.state}" + (f" ({why})" if why else "")
    return Answer(
        json.loads(json.dumps(document)), text, yes=row.state not in ("blocked", "failed", "rejected")
    )

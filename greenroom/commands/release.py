"""``greenroom release`` and ``greenroom recall``."""

from __future__ import annotations

import argparse
from typing import Any

from greenroom.actors import actor, add_actor_options
from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "release", "release an approved render and print a new link to it", run)
    parser.add_argument("render_id")
    add_actor_options(parser)
    recall = command(verbs, shared, "recall", "take a released or an approved render back", run_recall)
    recall.add_argument("render_id")
    recall.add_argument("--reason", required=True)
    add_actor_options(recall)


def run(args: argparse.Namespace) -> Answer:
    from delivery.links import make_link
    from delivery.release import release

    who = actor(args, "release")
    render = release(args.render_id, brand_id=who.brand_id, actor_id=who.id)
    token = make_link(render.id, brand_id=who.brand_id, made_by=who.id)
    document = {
        "render": render.id,
        "state": render.state,
        "published_sha256": render.published_sha256,
        "link": f"/v/{token}",
    }
    return Answer(document, f"{render.id} is released: /v/{token}")


def run_recall(args: argparse.Namespace) -> Answer:
    from delivery.recall import recall

    who = actor(args, "release")
    recall(args.render_id, brand_id=who.brand_id, actor_id=who.id, reason=args.reason)
    return Answer({"render": args.render_id, "state": "recalled"}, f"{args.render_id} is recalled")

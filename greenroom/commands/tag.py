"""``greenroom tag show|set``: the tags (UTM) of a campaign's links."""

from __future__ import annotations

import argparse
from typing import Any

from greenroom.actors import actor, add_actor_options
from greenroom.cli import command
from greenroom.output import Answer

TAGS = ("source", "medium", "campaign", "term", "content")


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(
        verbs, shared, "tag", "what a campaign's links carry for the brand's own analytics", run_show
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = command(actions, shared, "show", "the tags of a campaign", run_show)
    put = command(actions, shared, "set", "from now on; what is left out is taken away", run_set)
    for action in (show, put):
        action.add_argument("campaign_id")
        add_actor_options(action)
    for name in TAGS:
        put.add_argument(f"--{name}", dest=f"utm_{name}", default="", help=f"utm_{name}")


def run_show(args: argparse.Namespace) -> Answer:
    from core.database import reading
    from delivery.tags import tags_of
    from pipeline.service import get_campaign

    who = actor(args, "view")
    row = get_campaign(args.campaign_id, brand_id=who.brand_id)
    with reading() as session:
        return _told(row.id, tags_of(session, row.id))


def run_set(args: argparse.Namespace) -> Answer:
    from delivery.tags import set_tags

    who = actor(args, "release")
    wanted = {f"utm_{name}": getattr(args, f"utm_{name}") for name in TAGS}
    return _told(
        args.campaign_id,
        set_tags(args.campaign_id, wanted, brand_id=who.brand_id, actor_id=who.id),
    )


def _told(campaign_id: str, tags: dict[str, str]) -> Answer:
    lines = "\n".join(f"{name}={value}" for name, value in tags.items())
    return Answer({"campaign": campaign_id, "tags": tags}, lines or "no tags")

"""``greenroom import VIDEO``: a finished video made elsewhere enters and passes the same gates."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from greenroom.actors import actor, add_actor_options
from greenroom.cli import command
from greenroom.commands.render import follow
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "import", "bring a finished video in; it passes the same gates", run)
    parser.add_argument("video", type=Path)
    parser.add_argument("--campaign", required=True)
    parser.add_argument("--script", help="what the presenter is meant to say")
    parser.add_argument("--engine", default="", help="by what it was made")
    parser.add_argument(
        "--wait", action="store_true", help="run the stages here instead of leaving them to workers"
    )
    add_actor_options(parser)


def run(args: argparse.Namespace) -> Answer:
    from pipeline.service import import_video

    who = actor(args, "make")
    row = import_video(
        args.video,
        args.campaign,
        brand_id=who.brand_id,
        maker_id=who.id,
        script=args.script,
        engine=args.engine,
    )
    return follow(row.id, who.brand_id, wait=args.wait)

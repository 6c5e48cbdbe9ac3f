"""``greenroom migrate``: brings the database's tables to this code's version, as the role that owns them."""

from __future__ import annotations

import argparse
from typing import Any

from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "migrate", "bring the database to this version, before its processes start", run)
    parser.add_argument("--check", action="store_true", help="only look; exit 1 when there is something to do")


def run(args: argparse.Namespace) -> Answer:
    from greenroom.database import migrate
    from greenroom.schema import standing

    if not args.check:
        migrate()
    found = standing()
    return Answer({"schema": found}, f"the database is {found}", yes=found in ("current", "ahead"))

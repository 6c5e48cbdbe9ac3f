"""``greenroom migrate``: bring the database to this program's version."""

from __future__ import annotations

import argparse
from typing import Any

from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    command(verbs, shared, "migrate", "Bring the database to this program's version; as its owner.", run)


def run(_args: argparse.Namespace) -> Answer:
    from greenroom.database import migrate

    migrate()
    return Answer({"migrated": True}, "the database is at this program's version")

"""``greenroom suppression add|remove|look|import|count``: to whom the brand sends nothing more."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from greenroom.actors import actor, add_actor_options
from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "suppression", "to whom the brand sends nothing more", run_count)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    put = command(actions, shared, "add", "nothing more is made, released or linked for these", run_add)
    gone = command(actions, shared, "remove", "take these off the list", run_remove)
    look = command(actions, shared, "look", "whether these are on it: the list names nobody", run_look)
    for action in (put, gone, look):
        action.add_argument(
            "keys", nargs="+", help="e-mail addresses, telephone numbers, or your own numbers"
        )
    from_file = command(actions, shared, "import", "the first cell of each line of a CSV", run_import)
    from_file.add_argument("file", type=Path)
    counted = command(actions, shared, "count", "how many are on it", run_count)
    for action in (put, gone, look, from_file, counted):
        add_actor_options(action)


def run_add(args: argparse.Namespace) -> Answer:
    from pipeline import suppression

    who = actor(args, "release")
    done = suppression.add(args.keys, brand_id=who.brand_id, actor_id=who.id)
    return Answer({"added": done.added, "known": done.known}, _added(done.added, done.known))


def run_remove(args: argparse.Namespace) -> Answer:
    from pipeline import suppression

    who = actor(args, "release")
    gone = suppression.remove(args.keys, brand_id=who.brand_id, actor_id=who.id)
    return Answer({"removed": gone}, f"{gone:,} taken off the list")


def run_look(args: argparse.Namespace) -> Answer:
    from pipeline import suppression

    who = actor(args, "release")
    found = suppression.on_list(args.keys, brand_id=who.brand_id)
    document = {"suppressed": found}  # in their order: the keys themselves are not said again
    return Answer(document, f"{sum(found):,} of {len(found):,} on the list", yes=any(found))


def run_import(args: argparse.Namespace) -> Answer:
    from core.errors import InputError
    from pipeline import suppression

    who = actor(args, "release")
    try:
        with args.file.open("rb") as file:
            done = suppression.import_csv(file, brand_id=who.brand_id, actor_id=who.id)
    except OSError as error:
        raise InputError(
            "the file cannot be read", where=args.file.name, next_step="check its path"
        ) from error
    lines = [_added(done.added, done.known)]
    if done.refused:
        lines.append(f"lines without a key: {', '.join(map(str, done.refused))}")
    document = {"added": done.added, "known": done.known, "refused": list(done.refused)}
    return Answer(document, "\n".join(lines), yes=not done.refused)


def run_count(args: argparse.Namespace) -> Answer:
    from pipeline import suppression

    who = actor(args, "release")
    number = suppression.count(who.brand_id)
    least = "at least " if number >= suppression.MOST_COUNTED else ""
    return Answer({"number": number}, f"{least}{number:,} on the list")


def _added(added: int, known: int) -> str:
    return f"{added:,} added, {known:,} on the list before"

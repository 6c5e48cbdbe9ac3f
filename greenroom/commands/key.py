"""``greenroom key make|list|revoke``: API keys, on the machine."""

from __future__ import annotations

import argparse
from typing import Any

from greenroom.actors import actor, add_actor_options
from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "key", "keys with which programs call the API", run_list)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    new = command(
        actions,
        shared,
        "make",
        "a key that acts for an account at its brand of now; printed this once",
        run_make,
    )
    new.add_argument("name", help="of the program that uses it")
    new.add_argument(
        "--right",
        action="append",
        required=True,
        help="view, make, release or audit; again for a further one",
    )
    new.add_argument("--days", type=float, default=90.0, help="how long it works (90)")
    shown = command(actions, shared, "list", "the keys of a brand", run_list)
    gone = command(actions, shared, "revoke", "take a key back", run_revoke)
    gone.add_argument("key", help="its id: `greenroom key list`")
    for action in (new, shown, gone):
        add_actor_options(action)


def run_make(args: argparse.Namespace) -> Answer:
    from review_ui.api_keys import make_key

    who = actor(args, "view")
    row, token = make_key(who, name=args.name, rights=args.right, days=args.days)
    document = {
        "key": row.id,
        "token": token,
        "brand": row.brand_id,
        "rights": row.rights,
        "expires_at": row.expires_at.isoformat(),
    }
    return Answer(
        document,
        f"{row.id}: keep this key where your program keeps its secrets; it is not shown again\n{token}",
    )


def run_list(args: argparse.Namespace) -> Answer:
    from review_ui.api_keys import list_keys, state_of

    who = actor(args, "view")
    document: list[dict[str, Any]] = [
        {
            "key": row.id,
            "name": row.name,
            "account": row.account_id,
            "rights": row.rights,
            "state": state_of(row),
            "expires_at": row.expires_at.isoformat(),
            "last_used_on": row.last_used_on.date().isoformat() if row.last_used_on else None,
        }
        for row in list_keys(who.brand_id)
    ]
    lines = (
        f"{one['key']} {one['state']:<8} {','.join(one['rights']):<18} {one['name']}" for one in document
    )
    return Answer(document, "\n".join(lines) or "no keys")


def run_revoke(args: argparse.Namespace) -> Answer:
    from review_ui.api_keys import revoke_key, state_of

    who = actor(args, "view")
    row = revoke_key(args.key, brand_id=who.brand_id, account_id=None, actor=who.id)
    return Answer({"key": row.id, "state": state_of(row)}, f"{row.id}: {state_of(row)}")

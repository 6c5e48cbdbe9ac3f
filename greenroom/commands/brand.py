"""``greenroom brand add|list``: whose videos are made here."""

from __future__ import annotations

import argparse
from typing import Any

from greenroom.actors import actor, add_actor_options
from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "brand", "whose videos are made here", run_list)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    command(actions, shared, "list", "all brands", run_list)
    new = command(
        actions, shared, "add", "a further brand; the administrator who adds it works at it too", run_add
    )
    new.add_argument("name")
    new.add_argument(
        "--territory",
        default="",
        help="of campaigns that name none: in, us, eu, or another country's letters",
    )
    new.add_argument("--rule-pack", default="consumer-products", help="the brand's rules (consumer-products)")
    add_actor_options(new)


def run_list(_args: argparse.Namespace) -> Answer:
    from greenroom.database import migrate
    from pipeline.brands import list_brands

    migrate()
    rows = list_brands()
    document = [
        {"brand": row.id, "name": row.name, "territory": row.territory, "rule_pack": row.rule_pack}
        for row in rows
    ]
    lines = (f"{row.id}  {row.name:<32} {row.territory or '-':<6} {row.rule_pack}" for row in rows)
    return Answer(document, "\n".join(lines))


def run_add(args: argparse.Namespace) -> Answer:
    from pipeline.brands import create_brand
    from review_ui.memberships import join_brand

    who = actor(args, "administer")
    row = create_brand(args.name, territory=args.territory, rule_pack=args.rule_pack)
    join_brand(who.id, row.id, actor=who.id)
    text = f"brand {row.id}\nnext: greenroom user brand {who.email} {row.id} to work at it"
    return Answer({"brand": row.id, "member": who.email}, text)

"""``greenroom persona list|add``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from greenroom.actors import actor, add_actor_options
from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    persona = command(verbs, shared, "persona", "who appears", run_list)
    actions = persona.add_subparsers(dest="action", required=True, metavar="ACTION")
    add_actor_options(command(actions, shared, "list", "personas of the brand", run_list))
    new = command(
        actions, shared, "add", "examine a reference clip and add a persona under an authority", run_add
    )
    new.add_argument("reference", type=Path)
    new.add_argument("--name", required=True)
    new.add_argument("--authority", type=Path, required=True, help="YAML: kind, statement or consent, scope")
    new.add_argument("--voice", default="hibari")
    add_actor_options(new)


def run_list(args: argparse.Namespace) -> Answer:
    from pipeline.onboarding import list_personas

    who = actor(args, "view")
    rows = list_personas(brand_id=who.brand_id)
    document = [{"persona": row.id, "name": row.name, "authority": row.authority_id} for row in rows]
    return Answer(document, "\n".join(f"{row.id}  {row.name:<24} {row.authority_id}" for row in rows))


def run_add(args: argparse.Namespace) -> Answer:
    from pipeline.authority_file import authority_from_file
    from pipeline.onboarding import add_persona

    who = actor(args, "make")
    row = add_persona(
        brand_id=who.brand_id,
        name=args.name,
        reference=args.reference,
        voice=args.voice,
        make_authority=authority_from_file(args.authority, brand_id=who.brand_id, actor=who.id),
    )
    document = {"persona": row.id, "authority": row.authority_id}
    return Answer(document, f"persona {row.id} under authority {row.authority_id}")

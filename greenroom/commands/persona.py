"""``greenroom persona list|add-sample`` and ``greenroom authority show|revoke``."""

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

    authority = command(verbs, shared, "authority", "what allows a persona to be rendered", run_show)
    verbs_of_authority = authority.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = command(verbs_of_authority, shared, "show", "one authority and its status", run_show)
    revoke = command(verbs_of_authority, shared, "revoke", "withdraw it: nothing new is released", run_revoke)
    for action in (show, revoke):
        action.add_argument("authority_id")
        add_actor_options(action)
    revoke.add_argument("--reason", required=True)


def run_list(args: argparse.Namespace) -> Answer:
    from pipeline.onboarding import list_personas

    who = actor(args, "view")
    rows = list_personas(brand_id=who.brand_id)
    document = [{"persona": row.id, "name": row.name, "authority": row.authority_id} for row in rows]
    return Answer(document, "\n".join(f"{row.id}  {row.name:<24} {row.authority_id}" for row in rows))


def run_add(args: argparse.Namespace) -> Answer:
    from pipeline.onboarding import add_persona, authority_from_file

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


def run_show(args: argparse.Namespace) -> Answer:
    from audit.authorities import get_authority
    from core.database import reading

    actor(args, "audit")
    with reading() as session:
        authority = get_authority(session, args.authority_id)
    document = authority.document.model_dump(mode="json") | {"status": authority.status.value}
    return Answer(document, f"{args.authority_id}: {authority.status.value}")


def run_revoke(args: argparse.Namespace) -> Answer:
    from audit.authorities import set_status
    from audit.models import AuthorityStatus
    from core.database import transaction

    who = actor(args, "audit")
    with transaction() as session:
        set_status(session, args.authority_id, AuthorityStatus.REVOKED, reason=args.reason, actor=who.id)
    return Answer({"authority": args.authority_id, "status": "revoked"}, f"{args.authority_id} is revoked")

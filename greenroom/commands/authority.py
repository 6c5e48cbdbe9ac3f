"""``greenroom authority show|suspend|resume|revoke|supersede``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenroom.actors import actor, add_actor_options
from greenroom.cli import command
from greenroom.output import Answer

if TYPE_CHECKING:
    from review_ui.authorities import Look


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "authority", "what allows a persona to be rendered", run_show)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = command(actions, shared, "show", "how it stands, and what that means for its videos", run_show)
    suspend = command(
        actions, shared, "suspend", "nothing new is made, released or linked until `resume`", run_suspend
    )
    resume = command(actions, shared, "resume", "lift a suspension", run_resume)
    revoke = command(actions, shared, "revoke", "withdraw it for good: nothing new is made", run_revoke)
    supersede = command(
        actions, shared, "supersede", "record a new version; its personas go with it", run_supersede
    )
    for action in (show, suspend, resume, revoke, supersede):
        action.add_argument("authority_id")
        add_actor_options(action)
    for action in (suspend, resume, revoke):
        action.add_argument("--reason", required=True)
    revoke.add_argument(
        "--effect",
        choices=("recall", "stop", "none"),
        help="released videos: recall takes them back, stop lets links run out, none lets them stand; "
        "default: what the record says",
    )
    supersede.add_argument("file", type=Path, help="YAML, as for `greenroom persona add --authority`")


def run_show(args: argparse.Namespace) -> Answer:
    from core.database import reading
    from review_ui.authorities import look

    who = actor(args, "audit")
    with reading() as session:
        return _told(look(session, args.authority_id, brand_id=who.brand_id))


def run_suspend(args: argparse.Namespace) -> Answer:
    return _change(args, "suspended")


def run_resume(args: argparse.Namespace) -> Answer:
    return _change(args, "granted")


def run_revoke(args: argparse.Namespace) -> Answer:
    return _change(args, "revoked", args.effect)


def run_supersede(args: argparse.Namespace) -> Answer:
    from pipeline.authority_file import supersede_authority

    who = actor(args, "audit")
    new = supersede_authority(args.authority_id, args.file, brand_id=who.brand_id, actor=who.id)
    document = {"authority": new.id, "version": new.document.version, "supersedes": args.authority_id}
    return Answer(
        document, f"{new.id} (version {new.document.version}) takes the place of {args.authority_id}"
    )


def _change(args: argparse.Namespace, status: str, effect: str | None = None) -> Answer:
    from audit.models import AuthorityStatus, Effect
    from review_ui.authorities import change

    who = actor(args, "audit")
    wanted = Effect(effect) if effect is not None else None
    return _told(
        change(
            args.authority_id,
            AuthorityStatus(status),
            args.reason,
            brand_id=who.brand_id,
            actor_id=who.id,
            effect=wanted,
        )
    )


def _told(found: Look) -> Answer:
    authority, reach = found.standing.authority, found.reach
    document = authority.document.model_dump(mode="json") | {
        "authority": authority.id,
        "status": authority.status.value,
        "state": found.standing.state,
        "effect": found.standing.effect.value,
        "meaning": found.meaning,
        "videos": {
            "released": reach.released,
            "in_the_making": reach.open,
            "taken_back": reach.taken_back,
            "stopped": reach.stopped,
        },
    }
    return Answer(document, f"{authority.id}: {found.standing.state}\n{found.meaning}")

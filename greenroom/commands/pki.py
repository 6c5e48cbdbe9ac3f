"""``greenroom pki init|anchors|rotate|check``."""

from __future__ import annotations

import argparse
from typing import Any

from greenroom.actors import actor, add_actor_options
from greenroom.cli import command
from greenroom.output import Answer

ROTATED = ("approvals", "authorities", "receipts", "ledger")


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(
        verbs, shared, "pki", "signing keys, and the development certificate authority", run_anchors
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    init = command(
        actions,
        shared,
        "init",
        "make what the installation has once: signing keys, and a DEVELOPMENT authority",
        run_init,
    )
    init.add_argument(
        "--force", action="store_true", help="replace the authority; what it signed becomes untrusted"
    )
    command(actions, shared, "anchors", "the PEM that a verifier elsewhere needs", run_anchors)
    rotate = command(
        actions, shared, "rotate", "a new signing key; what the old one signed stays valid", run_rotate
    )
    rotate.add_argument("name", choices=ROTATED)
    rotate.add_argument("--lost", action="store_true", help="the old key is gone for good: go on without it")
    add_actor_options(rotate)
    command(
        actions, shared, "check", "whether this installation's parts may release; exit 1 if not", run_check
    )


def run_init(args: argparse.Namespace) -> Answer:
    from greenroom.database import migrate
    from greenroom.installation import initialise

    migrate()
    made = initialise(force=args.force)
    told = {
        "keys": {begun.name: {"key_id": begun.key_id, "made": begun.made} for begun in made.keys},
        "folder": str(made.authority.folder) if made.authority else None,
        "development": made.authority is not None,
        "made": made.made,
    }
    lines = [
        f"{begun.name}: {begun.key_id} {'made' if begun.made else 'is there already'}" for begun in made.keys
    ]
    if made.authority is not None:
        lines.append(
            f"development authority {'made' if made.made else 'is there already'}: {made.authority.folder}"
        )
    return Answer(told, "\n".join(lines))


def run_anchors(_args: argparse.Namespace) -> Answer:
    from provenance.pki import export_anchors

    pem = export_anchors()
    return Answer({"anchors": pem}, pem.strip())


def run_rotate(args: argparse.Namespace) -> Answer:
    from audit.rotation import rotate

    who = actor(args, "administer")
    made = rotate(args.name, actor=who.id, lost=args.lost)
    return Answer(
        {"name": made.name, "old": made.old, "new": made.new}, f"{made.name}: {made.new} signs from now on"
    )


def run_check(_args: argparse.Namespace) -> Answer:
    from core.settings import get_settings
    from delivery.machine import machine_cautions, machine_faults
    from delivery.parts import cautions, faults

    settings = get_settings()
    found, known = [*faults(settings), *machine_faults()], [*cautions(settings), *machine_cautions()]
    document = {
        "environment": settings.environment,
        "fit": not found,
        "faults": [fault.as_dict() for fault in found],
        "cautions": [fault.as_dict() for fault in known],
    }
    lines = [f"{settings.environment}: {'fit' if not found else 'not fit'} to release"]
    lines += [f"  - {fault.line()}" for fault in found] + [f"  - caution: {fault.line()}" for fault in known]
    return Answer(document, "\n".join(lines), yes=not found)

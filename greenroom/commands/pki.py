"""``greenroom pki init|anchors``."""

from __future__ import annotations

import argparse
from typing import Any

from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "pki", "the development certificate authority", run_anchors)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    init = command(actions, shared, "init", "make a DEVELOPMENT authority (demonstrations only)", run_init)
    init.add_argument("--force", action="store_true", help="replace it; what it signed becomes untrusted")
    command(actions, shared, "anchors", "the PEM that a verifier elsewhere needs", run_anchors)


def run_init(args: argparse.Namespace) -> Answer:
    from provenance.pki import init_pki, pki_folder

    made = init_pki(pki_folder(), force=args.force)
    return Answer(
        {"folder": str(made.folder), "development": True}, f"development authority in {made.folder}"
    )


def run_anchors(_args: argparse.Namespace) -> Answer:
    from provenance.pki import export_anchors

    pem = export_anchors()
    return Answer({"anchors": pem}, pem.strip())

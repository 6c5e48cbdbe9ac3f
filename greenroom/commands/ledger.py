"""``greenroom ledger verify``: recompute the whole log and name what does not agree.

It reads and changes nothing: an entry that no checkpoint covers yet is verified as it stands and counted as pending.
"""

from __future__ import annotations

import argparse
from typing import Any

from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "ledger", "the append-only log", run_verify)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    command(actions, shared, "verify", "recompute everything; exit 1 when something was changed", run_verify)


def run_verify(_args: argparse.Namespace) -> Answer:
    from audit.ledger import verify_ledger
    from greenroom.database import migrate

    migrate()
    report = verify_ledger()
    return Answer(report.as_dict(), report.text(), yes=report.good)

"""``greenroom up``"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    command(verbs, shared, "up", "serve the console and run workers until Ctrl-C", run)


def run(_args: argparse.Namespace) -> Answer:
    from core.settings import get_settings
    from delivery.parts import check_start
    from greenroom.database import migrate
    from greenroom.supervisor import Supervisor

    for caution in check_start():
        print(f"caution: {caution}", file=sys.stderr)
    migrate()
    supervisor = Supervisor()
    supervisor.start()
    web = get_settings().web
    print(f"console and public verifier: {web.address}/   (Ctrl-C ends)", file=sys.stderr)
    supervisor.watch()
    return Answer({"stopped": True}, "")

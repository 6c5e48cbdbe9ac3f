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
    from greenroom.commands.init import page_address
    from greenroom.database import migrate
    from greenroom.supervisor import Supervisor
    from greenroom.web import check_free
    from review_ui.beginning import nobody_is_here

    web = get_settings().web
    check_free(web.host, web.port)
    for caution in check_start():
        print(f"caution: {caution}", file=sys.stderr)
    migrate()
    supervisor = Supervisor()
    supervisor.start()
    print(f"console and public verifier: {web.address}/   (Ctrl-C ends)", file=sys.stderr)
    if nobody_is_here() and (address := page_address()) is not None:
        print(f"\nNobody has an account here yet. Begin at\n\n    {address}\n", file=sys.stderr)
    supervisor.watch()
    return Answer({"stopped": True}, "")

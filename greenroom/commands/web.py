"""``greenroom web``"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    command(verbs, shared, "web", "serve the console, the public verifier and the API until SIGTERM", run)


def run(_args: argparse.Namespace) -> Answer:
    from delivery.machine import check_machine
    from delivery.walls import check_walls
    from greenroom.web import main

    check_machine()
    for caution in check_walls():
        print(f"caution: {caution}", file=sys.stderr)
    main()
    return Answer({"stopped": True}, "")

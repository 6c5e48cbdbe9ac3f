"""``greenroom relay``"""

from __future__ import annotations

import argparse
from typing import Any

from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    command(verbs, shared, "relay", "send messages and sweep for what stalled or ended, until SIGTERM", run)


def run(_args: argparse.Namespace) -> Answer:
    from delivery.machine import check_machine
    from greenroom.relay import main

    check_machine()
    main()
    return Answer({"stopped": True}, "")

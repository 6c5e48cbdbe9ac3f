"""``greenroom sequencer``"""

from __future__ import annotations

import argparse
from typing import Any

from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    command(
        verbs,
        shared,
        "sequencer",
        "put the ledger's entries in order and sign checkpoints, until SIGTERM",
        run,
    )


def run(_args: argparse.Namespace) -> Answer:
    from delivery.machine import check_machine
    from greenroom.sequencer import main

    check_machine()
    main()
    return Answer({"stopped": True}, "")

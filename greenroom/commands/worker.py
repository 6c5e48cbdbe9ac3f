"""``greenroom worker``"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "worker", "run stages until SIGTERM, one at a time", run)
    parser.add_argument(
        "--queues",
        metavar="KINDS",
        help="kinds of stage to take, such as cpu or cpu,gpu; `io` signs and releases (GREENROOM_PIPELINE_KINDS)",
    )
    parser.add_argument("--name", default="worker", help="tells the workers of one home apart (worker)")


def run(args: argparse.Namespace) -> Answer:
    from core.settings import get_settings
    from delivery.machine import check_machine
    from delivery.parts import check_start
    from delivery.walls import check_walls
    from greenroom.worker import kinds_of, main
    from pipeline.states import RELEASE

    check_machine()
    kinds = kinds_of(args.queues or get_settings().pipeline.kinds)
    for caution in check_start() if RELEASE.kind in kinds else check_walls():
        print(f"caution: {caution}", file=sys.stderr)
    code = main(args.name, kinds)
    return Answer({"stopped": True}, "", yes=code == 0)

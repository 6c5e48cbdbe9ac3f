"""``greenroom verify VIDEO``: is this video what it claims to be? Exit 0 only for yes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "verify", "check a video's credential, mark and release", run)
    parser.add_argument("video", type=Path)
    parser.add_argument("--offline", action="store_true", help="the credential alone, without our registry")


def run(args: argparse.Namespace) -> Answer:
    from core.errors import InputError
    from greenroom.database import migrate
    from pipeline.registry import DatabaseRegistry
    from provenance.verify import verify

    if not args.video.is_file():
        raise InputError(
            "there is no such file", where=str(args.video), next_step="check the path", code="no_file"
        )
    if args.offline:
        report = verify(args.video, registry=None)
    else:
        migrate()
        report = verify(args.video, registry=DatabaseRegistry())
    lines = [
        f"{report.verdict}: {report.sentence}",
        *(f"  - {problem}" for problem in report.problem_lines()),
    ]
    return Answer(report.as_dict(), "\n".join(lines), yes=report.answer_is_yes)

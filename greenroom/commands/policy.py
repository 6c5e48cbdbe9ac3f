"""``greenroom policy check``: a text against the rule packs, with the words marked."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "policy", "rule packs over text", run_check)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = command(actions, shared, "check", "check a text; exit 1 unless it passes", run_check)
    check.add_argument("text", help="the text, a file's path, or - for standard input")
    check.add_argument("--pack", default="consumer-products")
    check.add_argument("--territory", default="in")
    check.add_argument("--language", default="en")


def run_check(args: argparse.Namespace) -> Answer:
    from policy.service import check_text

    text = sys.stdin.read() if args.text == "-" else args.text
    if len(text) < 1000 and Path(text).is_file():
        text = Path(text).read_text(encoding="utf-8")
    report = check_text(
        text, pack=args.pack, territory=args.territory, language=args.language, facts={"visible_label": True}
    )
    document = {
        "verdict": report.verdict.value,
        "findings": [finding.model_dump(mode="json", exclude_none=True) for finding in report.findings],
        "packs": report.packs,
    }
    lines = [report.verdict.value]
    for finding in report.findings:
        words = ", ".join(f"'{span.text}'" for span in finding.spans if span.text)
        lines.append(f"  {finding.severity}: {finding.message} {words} [{finding.rule}]")
    return Answer(document, "\n".join(lines), yes=report.verdict.value == "pass")

"""``greenroom``: the command line. People script against it: verbs, JSON and exit codes are stable.

Exit codes: 0 yes or done, 1 the answer is no, 2 wrong use, 3 failed. With ``--json`` stdout carries one JSON
document and nothing else; progress and logs go to stderr.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from core.errors import GreenroomError
from greenroom.observing import begin
from greenroom.output import Answer, print_answer, print_error

COMMANDS = (
    "demo",
    "init",
    "up",
    "web",
    "worker",
    "relay",
    "sequencer",
    "health",
    "render",
    "import_video",
    "review",
    "release",
    "link",
    "suppression",
    "tag",
    "webhook",
    "analyze",
    "verify",
    "watermark",
    "policy",
    "brand",
    "persona",
    "authority",
    "campaign",
    "hold",
    "ledger",
    "backup",
    "restore",
    "pki",
    "user",
    "key",
    "models",
    "migrate",
    "status",
)

FAILED = 3


class _Parser(argparse.ArgumentParser):
    """Wrong use ends with 2 and, under --json, with a JSON document too."""

    as_json = False

    def error(self, message: str) -> NoReturn:
        if self.as_json:
            print(
                json.dumps(
                    {"error": {"code": "usage", "what": message, "where": self.prog, "next": "--help"}}
                )
            )
        self.print_usage(sys.stderr)
        print(f"{self.prog}: {message}", file=sys.stderr)
        raise SystemExit(2)


class _JsonParser(_Parser):
    as_json = True


class _Version(argparse.Action):
    """``greenroom --version``, with ``--json`` before or after it."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> NoReturn:
        from importlib.metadata import version

        number = version("greenroom")
        as_json = isinstance(parser, _Parser) and parser.as_json
        print_answer(Answer({"version": number}, f"greenroom {number}"), as_json=as_json)
        parser.exit(0)


def build_parser(*, as_json: bool = False) -> argparse.ArgumentParser:
    """All verbs; each command module adds its own. ``as_json``: wrong use and the version are told as JSON too."""
    kind = _JsonParser if as_json else _Parser
    parser = kind(prog="greenroom", description="QA and provenance for synthetic video.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and end")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--json", action="store_true", help="print one JSON document on stdout and nothing else"
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=kind)
    for name in COMMANDS:
        import_module(f"greenroom.commands.{name}").add(verbs, shared)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command; the return value is the exit code."""
    given = sys.argv[1:] if argv is None else argv
    args = build_parser(as_json="--json" in given).parse_args(given)
    begin(args.verb)
    try:
        answer: Answer = args.run(args)
    except GreenroomError as error:
        print_error(error, as_json=args.json)
        return FAILED
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return FAILED
    print_answer(answer, as_json=args.json)
    return answer.exit_code


def command(verbs: Any, shared: argparse.ArgumentParser, name: str, help_text: str, run: Any) -> Any:
    """A verb with the shared options; ``run(args) -> Answer``."""
    parser = verbs.add_parser(name, parents=[shared], help=help_text, description=help_text)
    parser.set_defaults(run=run)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())

"""``greenroom models list|pull|verify``."""

from __future__ import annotations

import argparse
from typing import Any

from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "models", "model weights: what is here, fetch, check", run_list)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    command(actions, shared, "list", "every entry of the registry", run_list)
    pull = command(actions, shared, "pull", "fetch what is missing; the digest decides", run_pull)
    pull.add_argument("names", nargs="*")
    command(
        actions, shared, "verify", "read every file again; exit 1 when one is missing or damaged", run_verify
    )


def run_list(_args: argparse.Namespace) -> Answer:
    from core.weights import list_weights

    return _answer(list_weights())


def run_pull(args: argparse.Namespace) -> Answer:
    from core.weights import pull_with_bar

    states = pull_with_bar(args.names or None)
    return Answer([state.model_dump() for state in states], f"{len(states)} weights are here")


def run_verify(_args: argparse.Namespace) -> Answer:
    from core.weights import verify_all

    return _answer(verify_all())


def _answer(states: list[Any]) -> Answer:
    lines = [f"{state.state:<8} {state.use:<9} {state.size / 1e6:8.1f} MB  {state.name}" for state in states]
    ready = all(state.state == "ready" for state in states)
    return Answer([state.model_dump() for state in states], "\n".join(lines), yes=ready)

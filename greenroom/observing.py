"""What every process begins with: its logs are set up, and what runs on its own offers its numbers."""

from __future__ import annotations

import warnings
from typing import Any

SERVICES = ("web", "worker", "relay", "sequencer")


def begin(verb: str) -> None:
    """Before a verb of the command line does anything.

    A service names itself in its logs, tells what would end it there, and opens ``GREENROOM_METRICS_PORT``; the relay
    alone offers what lies in the database. Any other verb is a ``command``: logs, and nothing else.
    """
    from core import logs

    logs.set_up(verb if verb in SERVICES else "command")
    if verb not in SERVICES:
        warnings.formatwarning = _in_words
        return
    from core.metrics import serve

    logs.catch_uncaught()
    if verb != "sequencer":  # which stays small: it loads the ledger and nothing of videos
        from delivery.collector import offer

        offer(database=verb == "relay")
    serve(verb)


_python = warnings.formatwarning


def _in_words(message: Warning | str, category: type[Warning], *more: Any, **named: Any) -> str:
    """Our own warnings are for people, who care for no line of code."""
    from core.errors import DevelopmentPart

    if issubclass(category, DevelopmentPart):
        return f"greenroom: {message}\n"
    return _python(message, category, *more, **named)

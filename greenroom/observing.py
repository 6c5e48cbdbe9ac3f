"""What every process begins with: its logs are set up, and what runs on its own offers its numbers."""

from __future__ import annotations

SERVICES = ("web", "worker", "relay", "sequencer")


def begin(verb: str) -> None:
    """Before a verb of the command line does anything.

    A service names itself in its logs, tells what would end it there, and opens ``GREENROOM_METRICS_PORT``; the relay
    alone offers what lies in the database. Any other verb is a ``command``: logs, and nothing else.
    """
    from core import logs

    logs.set_up(verb if verb in SERVICES else "command")
    if verb not in SERVICES:
        return
    from core.metrics import serve

    logs.catch_uncaught()
    if verb != "sequencer":  # which stays small: it loads the ledger and nothing of videos
        from delivery.collector import offer

        offer(database=verb == "relay")
    serve(verb)

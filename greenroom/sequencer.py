"""The sequencer process: gives the ledger's entries their positions and signs checkpoints. It alone holds that key.

Several may run: one sequences at a time (audit/ledger/sequencer.py), the others are there when it ends.
"""

from __future__ import annotations

from audit.ledger import sequence_pending
from greenroom.loop import run_loop
from greenroom.status import Status


def step(_status: Status) -> int:
    """One batch; how many entries it placed."""
    return sequence_pending()


def main(name: str = "sequencer") -> None:
    """Until SIGTERM."""
    run_loop(name, step)

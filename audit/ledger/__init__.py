"""The append-only log: entries in the transaction of the change, one sequencer, C2SP tlog-tiles on disk."""

from audit.events import Event
from audit.ledger.entries import append

__all__ = ["Event", "append"]

"""The append-only log: entries in the transaction of the change, one sequencer, C2SP tlog-tiles on disk."""

from audit.events import Event
from audit.ledger.entries import Entry, append, append_all, committed
from audit.ledger.proofs import consistency_proof, inclusion_proof, prove, verify_proof
from audit.ledger.report import LedgerReport, Problem
from audit.ledger.sequencer import current_checkpoint, sequence_pending
from audit.ledger.verify import verify_ledger

__all__ = [
    "Entry",
    "Event",
    "LedgerReport",
    "Problem",
    "append",
    "append_all",
    "committed",
    "consistency_proof",
    "current_checkpoint",
    "inclusion_proof",
    "prove",
    "sequence_pending",
    "verify_ledger",
    "verify_proof",
]

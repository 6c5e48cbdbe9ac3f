"""What the ledger costs: appending in batches, sequencing, a proof, verification of everything.

On SQLite, in a home of its own. Appending counts the transaction that commits; sequencing (positions, tiles,
checkpoint) is reported apart, since it runs in another process.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.harness import finish, full

GOAL = {"appends_per_s": ">= 5000", "proof_ms": "<= 10"}
BATCH = 500
PROOFS = 200


def run() -> dict[str, Any]:
    """``FULL=1``: 1,000,000 entries, else 20,000. ``LEDGER_HOME`` keeps the ledger for another verifier."""
    kept = os.environ.get("LEDGER_HOME")
    if kept:
        return _measured(Path(kept))
    with tempfile.TemporaryDirectory() as folder:
        return _measured(Path(folder))


def _measured(home: Path) -> dict[str, Any]:
    os.environ["GREENROOM_HOME"] = str(home)
    import audit.tables
    from audit.ledger import Event, append, prove, sequence_pending, verify_ledger, verify_proof
    from audit.ledger.tiles import LedgerFiles
    from core.database import Base, engine, reading, transaction
    from core.ids import new_id
    from core.settings import get_settings

    get_settings.cache_clear()
    Base.metadata.create_all(engine())
    count = int(os.environ.get("LEDGER_ENTRIES", "1000000" if full() else "20000"))
    ids: list[str] = []
    appending = sequencing = 0.0
    while len(ids) < count:
        began = time.perf_counter()
        with transaction() as session:
            for attempt in range(min(BATCH, count - len(ids))):
                facts = {"state": "encoded", "stage": "encode", "attempt": attempt}
                ids.append(append(session, Event.STATE_CHANGED, new_id("rnd"), facts))
        appended = time.perf_counter()
        sequence_pending()
        appending += appended - began
        sequencing += time.perf_counter() - appended
    times = []
    known = LedgerFiles().verifiers()
    with reading() as session:
        for index in range(0, count, max(1, count // PROOFS)):
            began = time.perf_counter()
            proof = prove(session, ids[index])
            times.append((time.perf_counter() - began) * 1000)
            row = session.query(audit.tables.LedgerEntryRow).filter_by(entry_id=ids[index]).one()
            verify_proof(proof, row.body.encode(), known)
    began = time.perf_counter()
    report = verify_ledger()
    verifying = time.perf_counter() - began
    if not report.good or report.size != count:
        raise RuntimeError(report.text())
    engine().dispose()
    result = {
        "appends_per_s": round(count / appending),
        "sequenced_per_s": round(count / sequencing),
        "proof_ms": round(statistics.median(times), 2),
        "proof_ms_p95": round(sorted(times)[int(len(times) * 0.95)], 2),
        "verify_entries_per_s": round(count / verifying),
        "entries": count,
        "n": count,
        "interval": None,
        "inputs_sha256": None,
    }
    print(result, file=sys.stderr)
    return result


if __name__ == "__main__":
    finish(run(), GOAL)

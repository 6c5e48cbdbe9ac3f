"""What the ledger costs: appending in batches, sequencing, a proof in a tree of ten million, verification of all.

On SQLite and on PostgreSQL, each in a home of its own. ``appends_per_s`` is the slower of the two, of batches of 500
events in one transaction: checks, canonical bytes, insert, commit. The sequencer (positions, bundles, tiles,
checkpoint) runs in another process in production; ``with_sequencer_per_s`` is both one after the other in this one.

The tree of ten million is SYNTHETIC: its tiles are written directly, without rows or bundles, from generated leaves;
at a sample of positions stand real entries with their rows. ``proof_ms`` is :func:`audit.ledger.prove` over these:
the row, the signed checkpoint, the path out of the tiles. Each proof is verified, which is not counted.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.databases import KINDS, empty_home, load, slowest
from benchmarks.harness import finish, full, inputs_digest

GOAL = {"appends_per_s": ">= 10000", "proof_ms": "<= 2"}
BATCH = 500
PROOFS, TREE = 200, int(os.environ.get("LEDGER_TREE", "10000000"))


def run() -> dict[str, Any]:
    """``FULL=1``: 1,000,000 entries on each database, else 20,000."""
    count = int(os.environ.get("LEDGER_ENTRIES", "1000000" if full() else "20000"))
    by_database = {}
    for kind in KINDS:
        with empty_home(kind):
            by_database[kind] = _appended(count)
            print(kind, by_database[kind], file=sys.stderr)
    with empty_home("sqlite") as home:
        proofs = _proofs(home)
    return {
        "appends_per_s": slowest(by_database, "appends_per_s"),
        "with_sequencer_per_s": slowest(by_database, "with_sequencer_per_s"),
        "verify_entries_per_s": slowest(by_database, "verify_entries_per_s"),
        **proofs,
        "entries": count,
        "by_database": by_database,
        "load": load(),
        "n": {"entries": count, "proofs": PROOFS, "tree": TREE},
        "interval": None,
        "inputs_sha256": inputs_digest([Path(__file__)]),
    }


def _appended(count: int) -> dict[str, Any]:
    from audit.ledger import Entry, Event, append_all, sequence_pending, verify_ledger
    from core.database import transaction
    from core.ids import new_id

    appending = sequencing = used = 0.0
    for start in range(0, count, BATCH):
        began, worked = time.perf_counter(), time.process_time()
        with transaction() as session:
            append_all(
                session,
                [
                    Entry(
                        Event.STATE_CHANGED,
                        new_id("rnd"),
                        {"state": "encoded", "stage": "encode", "attempt": attempt},
                        {},
                    )
                    for attempt in range(min(BATCH, count - start))
                ],
            )
        appended = time.perf_counter()
        used += time.process_time() - worked
        sequence_pending()
        appending += appended - began
        sequencing += time.perf_counter() - appended
    began = time.perf_counter()
    report = verify_ledger()
    verifying = time.perf_counter() - began
    if not report.good or report.size < count:
        raise RuntimeError(report.text())
    return {
        "appends_per_s": round(count / appending),
        "appends_per_cpu_s": round(count / used),
        "sequenced_per_s": round(count / sequencing),
        "with_sequencer_per_s": round(count / (appending + sequencing)),
        "verify_entries_per_s": round(count / verifying),
    }


def _proofs(home: Path) -> dict[str, Any]:
    from audit.ledger import prove, verify_proof
    from audit.ledger.tiles import LedgerFiles
    from audit.tables import LedgerEntryRow
    from core.database import reading

    entries = _synthetic(home / "ledger")
    known = LedgerFiles().verifiers()
    times, used = [], []
    with reading() as session:
        for entry_id in entries:
            began, worked = time.perf_counter(), time.process_time()
            proof = prove(session, entry_id)
            times.append((time.perf_counter() - began) * 1000)
            used.append((time.process_time() - worked) * 1000)
            row = session.query(LedgerEntryRow).filter_by(entry_id=entry_id).one()
            if verify_proof(proof, row.body.encode(), known).size != TREE:
                raise RuntimeError("a proof against another tree")
    return {
        "proof_ms": round(statistics.median(times), 2),
        "proof_ms_p95": round(sorted(times)[int(len(times) * 0.95)], 2),
        "proof_cpu_ms": round(statistics.median(used), 2),
    }


def _synthetic(folder: Path) -> list[str]:
    """A tree of generated leaves with real entries at some of its places; the ids of these."""
    from audit import keys
    from audit.ledger import Event, append
    from audit.ledger.merkle import complete_root, leaf_hash
    from audit.ledger.tiles import HASH, WIDTH, LedgerFiles, TileReader, tile_path
    from audit.notes import Checkpoint, Verifier, note_of
    from audit.tables import LedgerEntryRow
    from core.database import transaction
    from core.ids import new_id

    began = time.monotonic()
    with transaction() as session:
        ids = [
            append(session, Event.STATE_CHANGED, new_id("rnd"), {"state": "encoded"}) for _ in range(PROOFS)
        ]
        session.flush()
        real: dict[int, bytes] = {}
        for number, entry_id in enumerate(ids):
            row = session.query(LedgerEntryRow).filter_by(entry_id=entry_id).one()
            row.position = (number * TREE) // PROOFS + 37
            real[row.position] = leaf_hash(row.body.encode())
    sha256 = hashlib.sha256
    roots: list[bytes] = []

    def write(level: int, index: int, tile: bytes) -> None:
        path = folder / tile_path(level, index, len(tile) // HASH)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tile)

    for index in range((TREE + WIDTH - 1) // WIDTH):
        first, end = index * WIDTH, min(TREE, (index + 1) * WIDTH)
        leaves = [sha256(b"\0generated entry %d" % position).digest() for position in range(first, end)]
        for position in range(first, end):
            if position in real:
                leaves[position - first] = real[position]
        write(0, index, b"".join(leaves))
        if len(leaves) == WIDTH:
            roots.append(complete_root(leaves))
    level = 1
    while roots:
        above = []
        for index in range((len(roots) + WIDTH - 1) // WIDTH):
            tile = roots[index * WIDTH : (index + 1) * WIDTH]
            write(level, index, b"".join(tile))
            if len(tile) == WIDTH:
                above.append(complete_root(tile))
        roots, level = above, level + 1
    log = LedgerFiles()
    log.begin()
    checkpoint = Checkpoint(log.origin(), TREE, TileReader(log, TREE).root())
    signature = keys.sign(keys.LEDGER, checkpoint.text().encode())
    public = keys.public_key(keys.LEDGER, signature.key_id)
    if public is None:
        raise RuntimeError("the ledger's key has no public half")
    signer = Verifier(checkpoint.origin, public)
    log.publish(note_of(checkpoint.text(), signer, bytes.fromhex(signature.value)), None)
    print(f"a synthetic tree of {TREE} leaves, made in {time.monotonic() - began:.0f} s", file=sys.stderr)
    return ids


if __name__ == "__main__":
    finish(run(), GOAL)

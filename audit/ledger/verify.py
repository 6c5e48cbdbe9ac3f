"""Verification of the whole record: every row, bundle, tile and checkpoint, recomputed.

A sequencer and writers may run meanwhile. The checkpoint file is read first; then one snapshot of the database gives
rows, positions and remembered checkpoints. A sequencer commits positions and writes tiles before it signs, so:

- a snapshot holds at least as many positions as a file that was read before it, or the database was put back;
- what the snapshot remembers, the tiles lead to, or they were put back. The file itself may be older: it was read
  before, or its sequencer is just about to write it.

What is recomputed is the newest signed tree that the snapshot holds whole. The log is streamed; of covered rows one
commitment each is kept in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from audit import keys
from audit.commitments import covered_tables
from audit.errors import LedgerInconsistent
from audit.key_record import retired_by
from audit.ledger import merkle
from audit.ledger.entries import entry_body
from audit.ledger.report import LedgerReport
from audit.ledger.rows import Commitments, remember, verify_rows
from audit.ledger.tiles import HASH, WIDTH, LedgerFiles, TileReader, tile_path
from audit.ledger.witness import Kept, continued
from audit.notes import Checkpoint
from audit.tables import LedgerCheckpointRow, LedgerEntryRow, LedgerHeadRow
from core.database import reading
from core.errors import IntegrityError

_FORKED = "two checkpoints of one size have two roots: the log was forked"


def verify_ledger(against: Sequence[Kept] = ()) -> LedgerReport:
    """Recompute everything from the database and the tiles, and name what was changed, is missing, stands
    in another order or was added.

    It trusts the public halves on this machine. Someone who holds the keys, the database and the files can
    rewrite all three; a checkpoint kept elsewhere is what notices that.

    Args:
        against: kept checkpoints (:mod:`audit.ledger.witness`) that the log must continue.
    """
    report = LedgerReport()
    log = LedgerFiles()
    report.origin = log.origin()
    note, before = _checkpoint(log, report)
    with reading() as session:
        _verify_signer(session, log, note, before, report)
        assigned = session.scalar(select(LedgerHeadRow.assigned)) or 0
        past = _past_checkpoints(session, log, before, report)
        checkpoint = _newest(log, before, past, assigned, report)
        report.size, report.root = checkpoint.size, checkpoint.root.hex()
        _hold_against(log, checkpoint, against, past, report)
        commitments = Commitments()
        _verify_log(session, log, checkpoint, past=past, commitments=commitments, report=report)
        _verify_tail(session, checkpoint, assigned, commitments, report)
        for table in covered_tables():
            verify_rows(session, table, commitments, report)
        for row, known in commitments.items():
            report.add("missing", row, f"its entry is {known.entry_id}")
    return report


def _checkpoint(log: LedgerFiles, report: LedgerReport) -> tuple[str, Checkpoint]:
    """The published note ("" for none that counts) and what it says."""
    empty = Checkpoint(log.origin(), 0, merkle.EMPTY_ROOT)
    try:
        note = log.note()
        return ("", empty) if note is None else (note, log.open(note))
    except IntegrityError as error:
        report.add("unsigned", "checkpoint", error.what)
        return "", empty


def _verify_signer(
    session: Session, log: LedgerFiles, note: str, checkpoint: Checkpoint, report: LedgerReport
) -> None:
    """A key signs no checkpoint over the entry that took it out of use: the sequencer refuses to."""
    for key_id in log.signers(note) if note else ():
        retired = retired_by(session, key_id, keys.LEDGER)
        if retired is not None and retired.position is not None and retired.position < checkpoint.size:
            report.add(
                "unsigned", "checkpoint", f"it was signed with the key {key_id} after that was retired"
            )


def _past_checkpoints(
    session: Session, log: LedgerFiles, current: Checkpoint, report: LedgerReport
) -> dict[int, bytes]:
    """Size to root of every checkpoint ever signed, as the database remembers them, and of the file's."""
    past: dict[int, bytes] = {current.size: current.root} if current.size else {}
    for row in session.scalars(select(LedgerCheckpointRow).order_by(LedgerCheckpointRow.size)):
        report.checkpoints += 1
        where = f"ledger_checkpoints {row.size}"
        try:
            signed = log.open(row.note)
        except IntegrityError as error:
            report.add("unsigned", where, error.what)
            continue
        if signed.size != row.size or signed.root.hex() != row.root:
            report.add("changed", where, "size or root differ from the signed note")
        if past.setdefault(signed.size, signed.root) != signed.root:
            report.add("changed", where, _FORKED)
    return past


def _newest(
    log: LedgerFiles, before: Checkpoint, past: dict[int, bytes], assigned: int, report: LedgerReport
) -> Checkpoint:
    """The newest signed tree of which the snapshot holds every position.

    ``before`` was read before the snapshot: one with fewer positions was put back, and the missing rows are named.
    """
    newest = max((size for size in past if size <= assigned), default=0)
    if newest <= before.size:
        return before
    if not _lead_to(log, newest, past[newest]):
        detail = f"the files do not lead to a checkpoint over {newest} that was signed"
        report.add("rolled_back", "checkpoint", detail)
        return before
    return Checkpoint(before.origin, newest, past[newest])


def _lead_to(log: LedgerFiles, size: int, root: bytes) -> bool:
    try:
        return TileReader(log, size).root() == root
    except LedgerInconsistent:
        return False


def _hold_against(
    log: LedgerFiles,
    checkpoint: Checkpoint,
    against: Sequence[Kept],
    past: dict[int, bytes],
    report: LedgerReport,
) -> None:
    """Each kept checkpoint is continued by this log: by its tiles here, by its rows when the tree gets there."""
    for kept in against:
        answer = continued(log, checkpoint, kept)
        report.witnessed.append(answer)
        if answer.problem:
            report.add(answer.problem, kept.where, answer.detail)
        elif kept.checkpoint.size:
            past.setdefault(kept.checkpoint.size, kept.checkpoint.root)


def _verify_log(
    session: Session,
    log: LedgerFiles,
    checkpoint: Checkpoint,
    *,
    past: dict[int, bytes],
    commitments: Commitments,
    report: LedgerReport,
) -> None:
    """Each position below the checkpoint: row, bundle, tile; then every root on the way."""
    reader = TileReader(log, checkpoint.size)
    tree = merkle.CompactRange()
    levels = _Levels(reader, report)
    for index, rows in _groups(session, checkpoint.size):
        first = index * WIDTH
        width = min(WIDTH, checkpoint.size - first)
        entries = _read_entries(reader, index, report)
        hashes = bytearray()
        for offset in range(width):
            position = first + offset
            kept = entries[offset] if offset < len(entries) else None
            row = rows.get(position)
            body = _verify_entry(session, position, row, kept, report)
            # Where the row is gone the bundle's entry keeps the rest of the tree comparable.
            leaf = merkle.leaf_hash(body if body is not None else kept or b"")
            hashes += leaf
            tree.add(leaf)
            if tree.size in past and past[tree.size] != tree.root():
                report.add(
                    "changed", f"tree of {tree.size}", "the entries do not lead to the root that was signed"
                )
            if row is not None:
                remember(row, commitments, report)
        _verify_tile(reader, 0, index, bytes(hashes), report)
        if width == WIDTH:
            levels.add(_complete(hashes))
    levels.finish()


class _Levels:
    """The tiles above level 0, rebuilt from below and compared as each is full."""

    def __init__(self, reader: TileReader, report: LedgerReport) -> None:
        self._reader, self._report = reader, report
        self._hashes: list[bytearray] = []
        self._done: list[int] = []

    def add(self, root: bytes, level: int = 1) -> None:
        """Add the root of a full tile of the level below."""
        if len(self._hashes) < level:
            self._hashes.append(bytearray())
            self._done.append(0)
        self._hashes[level - 1] += root
        if len(self._hashes[level - 1]) == WIDTH * HASH:
            tile = self._hashes[level - 1]
            self._compare(level)
            self.add(_complete(tile), level + 1)

    def finish(self) -> None:
        """Compare the partial tiles at the right edge."""
        for level, hashes in enumerate(self._hashes, 1):
            if hashes:
                self._compare(level)

    def _compare(self, level: int) -> None:
        hashes, self._hashes[level - 1] = self._hashes[level - 1], bytearray()
        _verify_tile(self._reader, level, self._done[level - 1], bytes(hashes), self._report)
        self._done[level - 1] += 1


def _complete(hashes: bytearray) -> bytes:
    return merkle.complete_root([bytes(hashes[i : i + HASH]) for i in range(0, len(hashes), HASH)])


def _groups(session: Session, size: int) -> Iterator[tuple[int, dict[int, LedgerEntryRow]]]:
    """The rows of each bundle, by position."""
    for index in range((size + WIDTH - 1) // WIDTH):
        rows = session.scalars(
            select(LedgerEntryRow).where(
                LedgerEntryRow.position >= index * WIDTH,
                LedgerEntryRow.position < min(size, (index + 1) * WIDTH),
            )
        ).all()
        yield index, {row.position: row for row in rows if row.position is not None}
        session.expunge_all()


def _read_entries(reader: TileReader, index: int, report: LedgerReport) -> list[bytes]:
    try:
        return reader.entries(index)
    except LedgerInconsistent as error:
        report.add("missing", error.where or tile_path("entries", index), error.what)
        return []


def _verify_tile(reader: TileReader, level: int, index: int, expected: bytes, report: LedgerReport) -> None:
    where = tile_path(level, index, len(expected) // HASH)
    try:
        if reader.tile(level, index) != expected:
            report.add("changed", where, "the tile is not what the entries hash to")
    except LedgerInconsistent as error:
        report.add("missing", where, error.what)


def _verify_entry(
    session: Session,
    position: int,
    row: LedgerEntryRow | None,
    kept: bytes | None,
    report: LedgerReport,
) -> bytes | None:
    """Hold a row against the entry of the bundle; returns the row's recomputed bytes."""
    where = f"ledger_entries position {position}"
    if row is None:
        elsewhere = _row_of(session, kept)
        if elsewhere is None:
            report.add("missing", where, "the row is gone; the bundle still has its entry")
        else:
            report.add(
                "reordered", f"ledger_entries {elsewhere.entry_id}", f"it belongs at position {position}"
            )
        return None
    where = f"ledger_entries {row.entry_id}"
    body = _recomputed(row, where, report)
    if kept is not None and body is not None and body != kept:
        belongs = _row_of(session, kept)
        if row.body.encode() == kept or (belongs is not None and belongs.id == row.id):
            report.add("changed", where, f"it is not what the bundle holds at position {position}")
        elif _id_of(kept) != row.entry_id and belongs is not None:
            report.add("reordered", where, f"position {position} belongs to {belongs.entry_id}")
        else:
            report.add("changed", where, f"it is not what the bundle holds at position {position}")
    return body


def _recomputed(row: LedgerEntryRow, where: str, report: LedgerReport) -> bytes | None:
    try:
        body = entry_body(row)
    except (ValueError, TypeError, AttributeError):
        report.add("changed", where, "its columns cannot be read")
        return None
    if body.decode() != row.body:
        report.add("changed", where, "its columns differ from its body")
    return body


def _row_of(session: Session, kept: bytes | None) -> LedgerEntryRow | None:
    entry_id = _id_of(kept)
    if entry_id is None:
        return None
    return session.scalars(select(LedgerEntryRow).where(LedgerEntryRow.entry_id == entry_id)).first()


def _id_of(kept: bytes | None) -> str | None:
    try:
        value = json.loads(kept or b"null")
    except ValueError:
        return None
    return str(value["id"]) if isinstance(value, dict) and "id" in value else None


def _verify_tail(
    session: Session, checkpoint: Checkpoint, assigned: int, commitments: Commitments, report: LedgerReport
) -> None:
    """Rows that no checkpoint covers yet: pending ones, and ones whose position is just given."""
    beyond = 0
    rows = session.scalars(
        select(LedgerEntryRow)
        .where(LedgerEntryRow.position.is_(None) | (LedgerEntryRow.position >= checkpoint.size))
        .order_by(LedgerEntryRow.id)
        .execution_options(yield_per=1000)
    )
    for row in rows:
        where = f"ledger_entries {row.entry_id}"
        _recomputed(row, where, report)
        remember(row, commitments, report)
        if row.position is None:
            report.pending += 1
        elif row.position >= assigned:
            report.add("added", where, f"the sequencer never gave position {row.position}")
        else:
            beyond += 1
    if assigned != checkpoint.size + beyond:
        report.add(
            "changed",
            "ledger_head 1",
            f"it says {assigned} positions are given; {checkpoint.size + beyond} are",
        )
    negative = select(func.count()).select_from(LedgerEntryRow).where(LedgerEntryRow.position < 0)
    if session.scalar(negative):
        report.add("added", "ledger_entries", "rows stand at negative positions")

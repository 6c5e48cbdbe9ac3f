"""The sequencer: gives pending entries their positions, integrates them into tiles, signs the checkpoint.

The order of steps is what makes a crash harmless. (1) Positions are committed to the database: from here on
the order is fixed. (2) Bundles and tiles are written; they are a function of the order, so writing them
again changes nothing, and no file that a signed checkpoint needs is ever overwritten with other bytes. (3) The
new root is checked against the last checkpoint and signed. (4) The database remembers the checkpoint, so that
a ledger folder that was put back to an older state is noticed. A run begins where the last one stopped.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from audit import keys
from audit.errors import LedgerInconsistent
from audit.ledger import merkle
from audit.ledger.entries import entry_body
from audit.ledger.tiles import HASH, WIDTH, LedgerFolder, TileReader, pack_entries, tile_path
from audit.notes import Checkpoint, sign_note
from audit.tables import LedgerCheckpointRow, LedgerEntryRow, LedgerHeadRow
from core.database import reading, transaction

BATCH = 4096
_NEXT = "run `greenroom ledger verify`, keep a copy of database and ledger folder, and find out what changed"

Step = Callable[[str], None]


def sequence_pending(limit: int = BATCH, *, at: Step = lambda _step: None) -> int:
    """Sequence up to ``limit`` pending entries and sign a checkpoint over them; returns how many.

    Safe to call from several processes at once: a lock on the ledger folder lets one work. ``at`` is
    told each step's name as it is reached; tests crash there.

    Raises:
        LedgerInconsistent: database, tiles and last checkpoint disagree. Nothing is signed then.
    """
    folder = LedgerFolder()
    if not _anything_to_do(folder):
        return 0
    with folder.locked():
        last = _last_checkpoint(folder)
        _recover_positions(folder, last)
        given = _give_positions(limit)
        at("positions")
        size = _assigned()
        if size > last.size:
            _integrate(folder, last.size, size, at)
            _sign(folder, last, size, at)
        _remember(folder)
        at("remembered")
        _tidy(folder, last.size, size)
    return given


def current_checkpoint() -> tuple[Checkpoint, str] | None:
    """The last signed checkpoint and its note, or None for an empty ledger."""
    folder = LedgerFolder()
    note = folder.note()
    return None if note is None else (folder.open(note), note)


def _anything_to_do(folder: LedgerFolder) -> bool:
    """A look without a lock: pending rows, or work that a crash left behind."""
    with reading() as session:
        pending = session.scalar(select(LedgerEntryRow.id).where(LedgerEntryRow.position.is_(None)).limit(1))
        if pending is not None:
            return True
        assigned = session.scalar(select(LedgerHeadRow.assigned)) or 0
        remembered = session.scalar(select(func.max(LedgerCheckpointRow.size))) or 0
    note = folder.note()
    on_disk = folder.open(note).size if note is not None else 0
    return not assigned == remembered == on_disk


def _last_checkpoint(folder: LedgerFolder) -> Checkpoint:
    """The checkpoint on disk, held against the one that the database remembers."""
    note = folder.note()
    last = folder.open(note) if note is not None else Checkpoint(folder.origin(), 0, merkle.EMPTY_ROOT)
    with reading() as session:
        remembered = session.scalars(
            select(LedgerCheckpointRow).order_by(LedgerCheckpointRow.size.desc()).limit(1)
        ).first()
    if remembered is None:
        return last
    if last.size < remembered.size:
        raise LedgerInconsistent(
            f"the ledger folder ends at {last.size} entries, the database remembers a checkpoint over "
            f"{remembered.size}: the folder was put back to an older state",
            where="checkpoint",
            next_step=_NEXT,
        )
    if TileReader(folder, last.size).root(remembered.size).hex() != remembered.root:
        raise LedgerInconsistent(
            "the tiles do not continue the last checkpoint that the database remembers",
            where=f"size {remembered.size}",
            next_step=_NEXT,
        )
    return last


def _recover_positions(folder: LedgerFolder, last: Checkpoint) -> None:
    """Give entries back the positions that a signed checkpoint already says they have.

    The database may have lost its last commits (a power cut, a restored backup) after the checkpoint was
    signed. An entry that is still there takes its old place; one that is not is named.
    """
    with transaction() as session:
        head = _head(session)
        if head.assigned >= last.size:
            return
        reader = TileReader(folder, last.size)
        for position in range(head.assigned, last.size):
            body = reader.entries(position // WIDTH)[position % WIDTH].decode()
            row = session.scalars(
                select(LedgerEntryRow).where(LedgerEntryRow.body == body, LedgerEntryRow.position.is_(None))
            ).first()
            if row is None:
                raise LedgerInconsistent(
                    f"the database lacks entry {position}, which a signed checkpoint covers: "
                    "it was put back to an older state",
                    where=f"ledger_entries position {position}",
                    next_step=_NEXT,
                )
            row.position = position
            session.flush()
        head.assigned = last.size


def _give_positions(limit: int) -> int:
    with transaction() as session:
        head = _head(session)
        rows = session.scalars(
            select(LedgerEntryRow)
            .where(LedgerEntryRow.position.is_(None))
            .order_by(LedgerEntryRow.id)
            .limit(limit)
        ).all()
        for row in rows:
            _check_body(row)
        if rows:
            places = [{"id": row.id, "position": head.assigned + i} for i, row in enumerate(rows)]
            session.execute(update(LedgerEntryRow), places)
            head.assigned += len(rows)
        return len(rows)


def _head(session: Session) -> LedgerHeadRow:
    """The one head row, locked: of two sequencers that got here, the second waits (PostgreSQL)."""
    head = session.get(LedgerHeadRow, 1, with_for_update=True)
    if head is None:
        head = LedgerHeadRow(id=1, assigned=0)
        session.add(head)
        session.flush()
    return head


def _assigned() -> int:
    with reading() as session:
        return session.scalar(select(LedgerHeadRow.assigned)) or 0


def _check_body(row: LedgerEntryRow) -> bytes:
    body = entry_body(row)
    if body.decode() != row.body:
        raise LedgerInconsistent(
            "an entry was changed before it was sequenced", where=row.entry_id, next_step=_NEXT
        )
    return body


def _integrate(folder: LedgerFolder, old: int, new: int, at: Step) -> None:
    """Write the bundles and tiles of every level that entries ``[old, new)`` touch."""
    for index in range(old // WIDTH, (new - 1) // WIDTH + 1):
        first, end = index * WIDTH, min(new, (index + 1) * WIDTH)
        entries = _entries(first, end)
        folder.write(tile_path("entries", index, end - first), pack_entries(entries))
        at(f"bundle {index}")
        folder.write(tile_path(0, index, end - first), b"".join(merkle.leaf_hash(entry) for entry in entries))
        at(f"tile 0 {index}")
    level = 1
    while new >> (8 * level):
        _write_level(folder, level, old >> (8 * level), new >> (8 * level), at)
        level += 1


def _write_level(folder: LedgerFolder, level: int, old: int, new: int, at: Step) -> None:
    """Hashes ``[old, new)`` of a level: the roots of the full tiles below that are new."""
    if new == old:
        return
    for index in range(old // WIDTH, (new - 1) // WIDTH + 1):
        first, end = index * WIDTH, min(new, (index + 1) * WIDTH)
        known = folder.read(tile_path(level, index, old - first)) if old > first else b""
        if known is None or (old > first and len(known) != (old - first) * HASH):
            raise LedgerInconsistent(
                "a tile is missing or cut short", where=tile_path(level, index, old - first), next_step=_NEXT
            )
        hashes = bytearray(known)
        for position in range(max(first, old), end):
            below = folder.read(tile_path(level - 1, position))
            if below is None or len(below) != WIDTH * HASH:
                raise LedgerInconsistent(
                    "a tile is missing or cut short", where=tile_path(level - 1, position), next_step=_NEXT
                )
            hashes += merkle.complete_root([below[i : i + HASH] for i in range(0, len(below), HASH)])
        folder.write(tile_path(level, index, end - first), bytes(hashes))
        at(f"tile {level} {index}")


def _entries(first: int, end: int) -> list[bytes]:
    with reading() as session:
        rows = session.scalars(
            select(LedgerEntryRow)
            .where(LedgerEntryRow.position >= first, LedgerEntryRow.position < end)
            .order_by(LedgerEntryRow.position)
        ).all()
        if [row.position for row in rows] != list(range(first, end)):
            raise LedgerInconsistent(
                "entries are missing from the database",
                where=f"positions {first} to {end - 1}",
                next_step=_NEXT,
            )
        return [_check_body(row) for row in rows]


def _sign(folder: LedgerFolder, last: Checkpoint, size: int, at: Step) -> None:
    """Sign the new tree head, if and only if it continues the last one."""
    reader = TileReader(folder, size)
    if last.size and reader.root(last.size) != last.root:
        raise LedgerInconsistent(
            "the tree does not continue the last checkpoint; it is not signed",
            where=f"size {last.size}",
            next_step=_NEXT,
        )
    checkpoint = Checkpoint(folder.origin(), size, reader.root())
    at("tiles")
    note = sign_note(checkpoint.text(), checkpoint.origin, keys.private_key(keys.LEDGER))
    folder.write("checkpoint", note.encode())
    at("checkpoint")


def _remember(folder: LedgerFolder) -> None:
    note = folder.note()
    if note is None:
        return
    checkpoint = folder.open(note)
    with transaction() as session:
        if session.get(LedgerCheckpointRow, checkpoint.size) is None:
            session.add(LedgerCheckpointRow(size=checkpoint.size, root=checkpoint.root.hex(), note=note))


def _tidy(folder: LedgerFolder, old: int, new: int) -> None:
    """Partial tiles whose full form is there are not needed any more."""
    for index in range(old // WIDTH, new // WIDTH):
        folder.drop_partials("entries", index)
    level = 0
    while new >> (8 * (level + 1)):
        for index in range(old >> (8 * (level + 1)), new >> (8 * (level + 1))):
            folder.drop_partials(level, index)
        level += 1

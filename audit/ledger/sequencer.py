"""The sequencer: gives pending entries their positions, integrates them into tiles, signs the checkpoint.

The order of steps is what makes a crash harmless. (1) Positions are committed to the database: from here on the order
is fixed. (2) Bundles and tiles are written; they are a function of the order, so writing them again changes nothing,
and no file that a signed checkpoint needs is ever overwritten with other bytes. (3) The new root is checked against
the last checkpoint and signed. (4) The database remembers the checkpoint, unless it remembers a later one. (5) The
checkpoint is published in the place of the one that was read. A run begins where the last one stopped.

One process of the installation sequences at a time. One that lost that right without noticing (its connection broke)
does no harm: it gives positions under a row lock, writes the same tiles, is stopped at (4) where somebody else went
on, and what it publishes late is put right by the next run, which compares the published checkpoint with the
remembered one.
"""

from __future__ import annotations

import time

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from audit import keys
from audit.errors import LedgerInconsistent
from audit.ledger import merkle
from audit.ledger.integration import NEXT, Step, check_body, files_of, integrate
from audit.ledger.store import Version
from audit.ledger.tiles import WIDTH, LedgerFiles, TileReader, tile_path
from audit.notes import Checkpoint, Verifier, note_of
from audit.signing import check_in_use
from audit.tables import LedgerCheckpointRow, LedgerEntryRow, LedgerHeadRow
from core.database import exclusive, reading, transaction
from core.settings import get_settings

BATCH = 4096
LOOK_SECONDS = 10.0
"""With nothing to do, the published checkpoint is looked at this often: in an object store each look is a request."""


class _Overtaken(Exception):
    """Another sequencer went on where this one stood: what is left to do is its work."""


def sequence_pending(limit: int = BATCH, *, wait: bool = True, at: Step = lambda _step: None) -> int:
    """Sequence up to ``limit`` pending entries and sign a checkpoint over them; returns how many.

    Safe to call from several processes and machines at once: a lock lets one work.

    Args:
        wait: where another one works now, wait for it; else return 0.
        at: told each step's name as it is reached; tests crash there.

    Raises:
        LedgerInconsistent: database, tiles and last checkpoint disagree. Nothing is signed then.
        KeyNotHere: this machine cannot sign checkpoints; nothing was changed.
        RetiredKey: it signs with a key that was retired by now; nothing was signed.
    """
    if not _anything_to_do():
        return 0
    given = 0
    with exclusive("sequencer", wait=wait) as held:
        if not held:
            return 0
        keys.provider(keys.LEDGER).check_signs(keys.current_key_id(keys.LEDGER))
        log = LedgerFiles()
        try:
            last, version = _last_checkpoint(log)
            _recover_positions(log, last)
            given = _give_positions(limit)
            at("positions")
            size = _assigned()
            if size > last.size:
                integrate(log, last.size, size, at)
                checkpoint, note = _signed(log, last, size)
                at("signed")
                _remember(checkpoint, note)
                at("remembered")
                if not held.still_held() or not log.publish(note, version):
                    raise _Overtaken
                at("checkpoint")
            _tidy(log, last.size, size)
        except _Overtaken:
            pass
    return given


def current_checkpoint() -> tuple[Checkpoint, str] | None:
    """The last published checkpoint and its note, or None for an empty ledger."""
    log = LedgerFiles()
    note = log.note()
    return None if note is None else (log.open(note), note)


_looked: dict[str, float] = {}
"""When this process last found a store's published checkpoint to be the remembered one."""


def _anything_to_do() -> bool:
    """A look without a lock: pending rows, or work that a crash left behind."""
    with reading() as session:
        pending = session.scalar(select(LedgerEntryRow.id).where(LedgerEntryRow.position.is_(None)).limit(1))
        if pending is not None:
            return True
        assigned = session.scalar(select(LedgerHeadRow.assigned)) or 0
        remembered = session.scalar(select(func.max(LedgerCheckpointRow.size))) or 0
    if assigned != remembered:
        return True
    url = get_settings().effective_ledger_url
    if time.monotonic() - _looked.get(url, -LOOK_SECONDS) < LOOK_SECONDS:
        return False
    log = LedgerFiles()
    note = log.note()
    if (log.open(note).size if note is not None else 0) != remembered:
        return True
    _looked[url] = time.monotonic()
    return False


def _last_checkpoint(log: LedgerFiles) -> tuple[Checkpoint, Version]:
    """The published checkpoint, held against the one that the database remembers; and what publishing needs."""
    note, version = log.note_version()
    with reading() as session:
        newest = select(LedgerCheckpointRow).order_by(LedgerCheckpointRow.size.desc()).limit(1)
        remembered = session.scalars(newest).first()
    if remembered is None:
        last = log.open(note) if note is not None else Checkpoint(log.begin(), 0, merkle.EMPTY_ROOT)
        if note is not None:
            _remember(last, note)  # the database lost its last commits
        return last, version
    last = log.open(note) if note is not None else Checkpoint(log.origin(), 0, merkle.EMPTY_ROOT)
    if last.size < remembered.size:
        last = _continued(log, last, remembered)
        if not log.publish(remembered.note, version):
            raise _Overtaken
        return last, log.note_version()[1]
    if TileReader(log, last.size).root(remembered.size).hex() != remembered.root:
        raise LedgerInconsistent(
            "the tiles do not continue the last checkpoint that the database remembers",
            where=f"size {remembered.size}",
            next_step=NEXT,
        )
    if last.size > remembered.size and note is not None:
        _remember(last, note)
    return last, version


def _continued(log: LedgerFiles, published: Checkpoint, row: LedgerCheckpointRow) -> Checkpoint:
    """The remembered checkpoint, where every file between the published one and it is as it has to be.

    Then the checkpoint was not published, or an older one was written over it; else the files were put back.
    """
    try:
        checkpoint = log.open(row.note)
        if (checkpoint.size, checkpoint.root.hex()) != (row.size, row.root):
            raise LedgerInconsistent(
                "the remembered checkpoint is not what was signed", where=f"size {row.size}"
            )
        for level, index, width, expected in files_of(log, published.size, row.size):
            stored = log.read_tile(level, index, width)
            if stored is None or stored[: len(expected)] != expected:
                where = tile_path(level, index, width)
                raise LedgerInconsistent("a file is missing, or not what the entries make", where=where)
        reader = TileReader(log, row.size)
        if reader.root() != checkpoint.root or reader.root(published.size) != published.root:
            raise LedgerInconsistent("the tiles do not lead to the signed root", where=f"size {row.size}")
    except LedgerInconsistent as error:
        raise LedgerInconsistent(
            f"the ledger's files end at {published.size} entries, the database remembers a checkpoint over "
            f"{row.size}: they were put back to an older state ({error.what})",
            where=error.where,
            next_step=NEXT,
        ) from error
    return checkpoint


def _recover_positions(log: LedgerFiles, last: Checkpoint) -> None:
    """Give entries back the positions that a signed checkpoint already says they have.

    The database may have lost its last commits (a power cut, a restored backup) after the checkpoint was
    signed. An entry that is still there takes its old place; one that is not is named.
    """
    with transaction() as session:
        head = _head(session)
        if head.assigned >= last.size:
            return
        reader = TileReader(log, last.size)
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
                    next_step=NEXT,
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
            check_body(row)
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


def _signed(log: LedgerFiles, last: Checkpoint, size: int) -> tuple[Checkpoint, str]:
    """The new tree head and its note, if and only if it continues the last one."""
    reader = TileReader(log, size)
    if last.size and reader.root(last.size) != last.root:
        raise LedgerInconsistent(
            "the tree does not continue the last checkpoint; it is not signed",
            where=f"size {last.size}",
            next_step=NEXT,
        )
    checkpoint = Checkpoint(log.origin(), size, reader.root())
    signature = keys.sign(keys.LEDGER, checkpoint.text().encode())
    with reading() as session:  # it sees every entry that has a position by now
        check_in_use(session, keys.LEDGER, [signature.key_id])
    public = keys.public_key(keys.LEDGER, signature.key_id)
    if public is None:
        raise LedgerInconsistent("the public half of the ledger's key is gone", where=signature.key_id)
    signer = Verifier(checkpoint.origin, public)
    return checkpoint, note_of(checkpoint.text(), signer, bytes.fromhex(signature.value))


def _remember(checkpoint: Checkpoint, note: str) -> None:
    """Keep a signed checkpoint in the database. Raises ``_Overtaken`` where a later one is kept already."""
    with transaction() as session:
        _head(session)  # of two that come at once, the second sees what the first wrote
        newest = session.scalar(select(func.max(LedgerCheckpointRow.size))) or 0
        if newest >= checkpoint.size:
            raise _Overtaken
        session.add(LedgerCheckpointRow(size=checkpoint.size, root=checkpoint.root.hex(), note=note))


def _tidy(log: LedgerFiles, old: int, new: int) -> None:
    """Partial tiles whose full form is there are not needed any more."""
    for index in range(old // WIDTH, new // WIDTH):
        log.drop_partials("entries", index)
    level = 0
    while new >> (8 * (level + 1)):
        for index in range(old >> (8 * (level + 1)), new >> (8 * (level + 1))):
            log.drop_partials(level, index)
        level += 1

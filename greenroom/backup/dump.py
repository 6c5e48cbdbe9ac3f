"""The tables of one snapshot as parts, and what the ledger looks like in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from audit.errors import LedgerInconsistent
from audit.ledger import merkle
from audit.ledger.tiles import LedgerFiles
from audit.notes import NoteError
from audit.tables import LedgerCheckpointRow, LedgerEntryRow, LedgerHeadRow
from core.database import Base
from core.tables import OutboxRow
from greenroom.backup.manifest import Ledger, Part
from greenroom.backup.manifest import Table as Dumped
from greenroom.backup.named import named
from greenroom.backup.place import Place, part_key
from greenroom.backup.rows import PartWriter, columns_of, to_line

# What no backup holds, and why nothing is missed.
LEFT_OUT = {
    "stage_results": "a cache of pure stages, which run again",
    "sign_ins": "people sign in again",
    "challenges": "over after minutes",
}
ENTRIES = LedgerEntryRow.__tablename__
_AT_ONCE = 500  # rows in memory


def dump_tables(session: Session, folder: Path, place: Place) -> tuple[tuple[Dumped, ...], Ledger]:
    """Every table as it stands in the session's snapshot, in an order in which rows can be put back.

    Args:
        folder: for one part at a time, before it goes to the place.

    Raises:
        LedgerInconsistent: the entries do not lead to the root that was signed.
    """
    log = Log(session)
    dumped = []
    for table in Base.metadata.sorted_tables:
        if table.name in LEFT_OUT:
            continue
        columns = columns_of(table)
        kinds = [kind for _, kind in columns]
        with PartWriter(folder / "part") as writer:
            for row in _rows(session, table):
                if table.name == ENTRIES:
                    log.add(row.position, row.body.encode())
                writer.write(to_line(row, kinds))
            dumped.append(Dumped(name=table.name, columns=columns, part=keep_part(writer, place)))
    return tuple(dumped), log.ledger()


def list_files(session: Session, path: Path) -> int:
    """Write down which files the snapshot's rows name, a line a file. Returns how many lines."""
    lines = 0
    with path.open("wb") as file:
        for name in named(session):
            file.write(to_line(name, ("text", "text")))
            lines += 1
    return lines


class Log:
    """The log of a snapshot: entries as they come, held against the newest checkpoint that the snapshot remembers."""

    def __init__(self, session: Session) -> None:
        self._log = LedgerFiles()
        self._assigned = session.scalar(select(LedgerHeadRow.assigned)) or 0
        newest = select(LedgerCheckpointRow.note).where(LedgerCheckpointRow.size <= self._assigned)
        self._note = session.scalar(newest.order_by(LedgerCheckpointRow.size.desc()).limit(1)) or ""
        try:
            self._signed = self._log.open(self._note) if self._note else None
        except NoteError as error:
            raise _disagrees(f"the newest checkpoint cannot be read: {error.what}") from error
        self._tree = merkle.CompactRange()
        self._pending = 0

    def add(self, position: int | None, body: bytes) -> None:
        if position is None:
            self._pending += 1
            return
        if position != self._tree.size:
            raise _disagrees(f"position {self._tree.size} is missing")
        self._tree.add(merkle.leaf_hash(body))
        if (
            self._signed is not None
            and position + 1 == self._signed.size
            and self._tree.root() != self._signed.root
        ):
            raise _disagrees("the entries do not lead to the root that was signed")

    def ledger(self) -> Ledger:
        if self._tree.size != self._assigned:
            raise _disagrees(f"{self._assigned} positions were given, {self._tree.size} are there")
        return Ledger(
            origin=self._log.origin(),
            assigned=self._assigned,
            pending=self._pending,
            root=self._tree.root().hex(),
            note=self._note,
        )


def _rows(session: Session, table: Table) -> Iterator[Any]:
    """Rows some at a time: entries in the order of the log, then those without a position; others by key."""
    query = select(table).execution_options(yield_per=_AT_ONCE)
    if table.name == ENTRIES:
        position = table.c.position
        yield from session.execute(query.where(position.is_not(None)).order_by(position))
        yield from session.execute(query.where(position.is_(None)).order_by(table.c.id))
        return
    if table.name == OutboxRow.__tablename__:
        query = query.where(table.c.sent_at.is_(None))  # what was sent is a hint, and hints are sent again
    yield from session.execute(query.order_by(*table.primary_key.columns))


def keep_part(writer: PartWriter, place: Place) -> Part:
    """Close a part and bring it to the place, unless it is there: the same rows make the same part."""
    part = writer.finish()
    if place.size(part_key(part.sha256)) != part.size:
        place.put_file(part_key(part.sha256), writer.path)
    return part


def _disagrees(what: str) -> LedgerInconsistent:
    return LedgerInconsistent(
        f"no backup is taken of a record that does not agree: {what}",
        where="ledger",
        next_step="run `greenroom ledger verify`, keep a copy of database and ledger files, and find out what changed",
    )

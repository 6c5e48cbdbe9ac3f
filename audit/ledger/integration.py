"""Integration: the bundles and tiles that entries make. They are a function of the entries' order and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import select

from audit.errors import LedgerInconsistent
from audit.ledger import merkle
from audit.ledger.entries import entry_body
from audit.ledger.tiles import HASH, WIDTH, LedgerFiles, pack_entries, tile_path
from audit.tables import LedgerEntryRow
from core.database import reading

NEXT = "run `greenroom ledger verify`, keep a copy of database and ledger files, and find out what changed"

Step = Callable[[str], None]
File = tuple[int | str, int, int, bytes]  # level, index, width, content


def check_body(row: LedgerEntryRow) -> bytes:
    body = entry_body(row)
    if body.decode() != row.body:
        raise LedgerInconsistent(
            "an entry was changed before it was sequenced", where=row.entry_id, next_step=NEXT
        )
    return body


def integrate(log: LedgerFiles, old: int, new: int, at: Step) -> None:
    """Write the bundles and tiles of every level that entries ``[old, new)`` touch."""

    def named() -> Iterator[tuple[str, bytes]]:
        for level, index, width, content in files_of(log, old, new):
            yield tile_path(level, index, width), content
            at(f"bundle {index}" if level == "entries" else f"tile {level} {index}")

    log.files.write_all(named())


def files_of(log: LedgerFiles, old: int, new: int) -> Iterator[File]:
    """Every bundle and tile that entries ``[old, new)`` touch, from the database's entries, the lowest level first."""
    roots: dict[tuple[int, int], bytes] = {}
    for index in range(old // WIDTH, (new - 1) // WIDTH + 1):
        first, end = index * WIDTH, min(new, (index + 1) * WIDTH)
        entries = _entries(first, end)
        yield "entries", index, end - first, pack_entries(entries)
        hashes = [merkle.leaf_hash(entry) for entry in entries]
        if len(hashes) == WIDTH:
            roots[0, index] = merkle.complete_root(hashes)
        yield 0, index, end - first, b"".join(hashes)
    level = 1
    while new >> (8 * level):
        yield from _level(log, level, old >> (8 * level), new >> (8 * level), roots)
        level += 1


def _level(
    log: LedgerFiles, level: int, old: int, new: int, roots: dict[tuple[int, int], bytes]
) -> Iterator[File]:
    """Hashes ``[old, new)`` of a level: the roots of the full tiles below that are new."""
    if new == old:
        return
    for index in range(old // WIDTH, (new - 1) // WIDTH + 1):
        first, end = index * WIDTH, min(new, (index + 1) * WIDTH)
        known = max(0, old - first)
        stored = log.read_tile(level, index, known) if known else b""
        if stored is None or len(stored) < known * HASH:
            raise LedgerInconsistent(
                "a tile is missing or cut short", where=tile_path(level, index, known), next_step=NEXT
            )
        hashes = [stored[i * HASH : (i + 1) * HASH] for i in range(known)]
        hashes += [roots[level - 1, position] for position in range(first + known, end)]
        if len(hashes) == WIDTH:
            roots[level, index] = merkle.complete_root(hashes)
        yield level, index, end - first, b"".join(hashes)


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
                next_step=NEXT,
            )
        return [check_body(row) for row in rows]

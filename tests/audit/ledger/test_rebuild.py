"""Tiles made again from the entries are those that the sequencer wrote, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from audit.ledger import sequence_pending
from audit.ledger.rebuild import TileWriter
from audit.ledger.store import Folder
from audit.ledger.tiles import LedgerFiles
from audit.tables import LedgerEntryRow
from core.database import reading, transaction
from tests.audit.conftest import append_one


@pytest.mark.parametrize("size", [1, 255, 256, 257, 700])
def test_the_tiles_are_the_sequencers(home: Path, tmp_path: Path, size: int) -> None:
    with transaction() as session:
        for _ in range(size):
            append_one(session)
    sequence_pending()
    again = TileWriter(Folder(tmp_path / "again"))
    with reading() as session:
        for body in session.scalars(select(LedgerEntryRow.body).order_by(LedgerEntryRow.position)):
            again.add(body.encode())
    again.finish()
    assert written(tmp_path / "again") == written(home / "ledger")


def test_the_tiles_of_higher_levels_too(tmp_path: Path) -> None:
    """65,536 entries fill a tile of level 1; no database is needed to see that their root is right."""
    from audit.ledger import merkle
    from audit.ledger.tiles import TileReader

    files, tree = Unsynced(tmp_path), merkle.CompactRange()
    writer = TileWriter(files)
    for number in range(65_536 + 300):
        entry = b"%d" % number
        writer.add(entry)
        tree.add(merkle.leaf_hash(entry))
    writer.finish()
    assert TileReader(LedgerFiles(files), tree.size).root() == tree.root()
    assert (tmp_path / "tile/1/000").stat().st_size == 256 * 32 and (tmp_path / "tile/2/000.p/1").exists()


class Unsynced(Folder):
    """Does not wait for the disk."""

    def write(self, name: str, data: bytes) -> None:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_bytes(data)


def written(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in (folder / "tile").rglob("*")
        if path.is_file()
    }

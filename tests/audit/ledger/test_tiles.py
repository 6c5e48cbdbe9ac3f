"""The files on disk are those of C2SP tlog-tiles: names, widths, bundles."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from audit.errors import LedgerInconsistent
from audit.ledger import sequence_pending
from audit.ledger.store import Folder
from audit.ledger.tiles import LedgerFiles, TileReader, pack_entries, tile_path, unpack_entries
from core.database import transaction
from tests.audit.conftest import append_one


@pytest.mark.parametrize(
    ("level", "index", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 273, 112, "tile/0/273.p/112"),
        (2, 0, 1, "tile/2/000.p/1"),
        (0, 1234067, 256, "tile/0/x001/x234/067"),
        ("entries", 1000, 7, "tile/entries/x001/000.p/7"),
    ],
)
def test_names_are_those_of_the_specification(level: int | str, index: int, width: int, path: str) -> None:
    assert tile_path(level, index, width) == path


def test_widths_of_the_specifications_example_of_70000_entries(tmp_path: Path) -> None:
    reader = TileReader(LedgerFiles(Folder(tmp_path)), 70_000)
    assert [reader.width(0, index) for index in (0, 272, 273, 274)] == [256, 256, 112, 0]
    assert [reader.width(1, index) for index in (0, 1, 2)] == [256, 17, 0]
    assert [reader.width(2, index) for index in (0, 1)] == [1, 0]


def test_a_bundle_holds_each_entry_after_its_length() -> None:
    entries = [b"", b"a", b"b" * 65_535]
    bundle = pack_entries(entries)
    assert bundle[:5] == b"\x00\x00\x00\x01a"
    assert unpack_entries(bundle) == entries


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_bundle_cut_short_is_noticed(cut: int) -> None:
    with pytest.raises(LedgerInconsistent, match="cut short"):
        unpack_entries(pack_entries([b"abc"])[:-cut])


def test_a_log_of_256_has_a_full_tile_and_a_partial_one_above(home: Path) -> None:
    with transaction() as session:
        for i in range(256):
            append_one(session, i)
    assert sequence_pending() == 256
    files = sorted(
        str(file.relative_to(home / "ledger")) for file in (home / "ledger").rglob("*") if file.is_file()
    )
    assert files == [
        "checkpoint",
        "origin",
        "tile/0/000",
        "tile/1/000.p/1",
        "tile/entries/000",
    ]
    entries = unpack_entries((home / "ledger/tile/entries/000").read_bytes())
    hashes = (home / "ledger/tile/0/000").read_bytes()
    assert len(entries) == 256
    assert hashes == b"".join(hashlib.sha256(b"\x00" + entry).digest() for entry in entries)


def test_partial_tiles_go_when_the_full_one_is_there(home: Path) -> None:
    for count in (3, 200, 53 + 10):
        with transaction() as session:
            for i in range(count):
                append_one(session, i)
        sequence_pending()
    assert not (home / "ledger/tile/0/000.p").exists()
    assert not (home / "ledger/tile/entries/000.p").exists()
    assert (home / "ledger/tile/0/001.p/10").is_file()

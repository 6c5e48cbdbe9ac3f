"""A home as it was at one moment, and back to it in a few milliseconds: many interleavings start from one state."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from core.database import engine
from core.settings import get_settings
from tests.servers.databases import let_go, name_of, running


@dataclass(frozen=True)
class Saved:
    """The database (bytes, or the name of PostgreSQL's copy), the ledger folder and the blobs (bytes, and when each was
    written). Keys are not part of it.
    """

    database: bytes | str
    ledger: dict[Path, bytes]
    blobs: dict[Path, tuple[int, bytes]]


def save(home: Path) -> Saved:
    """What is committed now."""
    return Saved(
        _database(home),
        {path.relative_to(home): path.read_bytes() for path in _files(home / "ledger")},
        {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in _files(home / "blobs")},
    )


def restore(home: Path, saved: Saved) -> None:
    """Back to what was saved: what came since goes, what was changed or deleted comes back."""
    engine().dispose()
    let_go()
    if isinstance(saved.database, str):
        running().replace(name_of(get_settings().database_url), saved.database)
    else:
        for rest in ("greenroom.db-wal", "greenroom.db-shm"):
            (home / rest).unlink(missing_ok=True)
        (home / "greenroom.db").write_bytes(saved.database)
    shutil.rmtree(home / "ledger", ignore_errors=True)
    for relative, data in saved.ledger.items():
        (home / relative).parent.mkdir(parents=True, exist_ok=True)
        (home / relative).write_bytes(data)
    written = {path: path.stat().st_mtime_ns for path in _files(home / "blobs")}
    for path in written.keys() - saved.blobs.keys():
        path.unlink()
    for path, (when, data) in saved.blobs.items():
        if written.get(path) != when:
            path.write_bytes(data)


def _database(home: Path) -> bytes | str:
    if get_settings().database_url:
        engine().dispose()
        let_go()
        return running().create(name_of(get_settings().database_url))
    with closing(sqlite3.connect(home / "greenroom.db")) as connection:
        return connection.serialize()


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]

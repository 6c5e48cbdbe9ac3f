"""The ledger on disk: C2SP tlog-tiles (https://c2sp.org/tlog-tiles), every file written whole or not at all.

<home>/ledger/checkpoint             the signed tree head
<home>/ledger/tile/<L>/<N>[.p/<W>]   up to 256 hashes
<home>/ledger/tile/entries/<N>[.p/<W>]   up to 256 entries, each after its length in two bytes
<home>/ledger/origin                 the name of the log
"""

from __future__ import annotations

import fcntl
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from audit import keys
from audit.errors import LedgerInconsistent
from audit.ledger import merkle
from audit.notes import Checkpoint, Verifier, open_note, parse_checkpoint
from core.settings import get_settings

WIDTH = 256
HASH = 32


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    """``tile/0/x001/x234/067`` for tile 1,234,067 of level 0; ``.p/<width>`` for a partial one."""
    groups = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03d}")
    partial = f".p/{width}" if width != WIDTH else ""
    return f"tile/{level}/{'/'.join(groups)}{partial}"


def pack_entries(entries: Sequence[bytes]) -> bytes:
    """An entry bundle: each entry after its length, big-endian uint16."""
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in entries)


def unpack_entries(bundle: bytes, where: str = "") -> list[bytes]:
    """The entries of a bundle. Raises :class:`LedgerInconsistent` when it is cut short."""
    entries, position = [], 0
    while position < len(bundle):
        if position + 2 > len(bundle):
            raise LedgerInconsistent("an entry bundle is cut short", where=where)
        (length,) = struct.unpack_from(">H", bundle, position)
        if position + 2 + length > len(bundle):
            raise LedgerInconsistent("an entry bundle is cut short", where=where)
        entries.append(bundle[position + 2 : position + 2 + length])
        position += 2 + length
    return entries


class LedgerFolder:
    """The folder of one ledger."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or get_settings().home / "ledger"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One sequencer at a time; the lock ends with the process."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def write(self, relative: str, data: bytes) -> None:
        """Write one file durably; the folders above it first."""
        target = self.path / relative
        if not target.parent.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            keys.sync_folder(target.parent.parent)
        keys.write_durably(target, data)

    def read(self, relative: str) -> bytes | None:
        try:
            return (self.path / relative).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def origin(self) -> str:
        """The log's name, made on first use from its first key; keys change, the name stays."""
        known = self.read("origin")
        if known is None:
            name = f"greenroom.local/ledger/{keys.current_key_id(keys.LEDGER)}"
            self.write("origin", f"{name}\n".encode())
            return name
        return known.decode().strip()

    def verifiers(self) -> list[Verifier]:
        """Every key that may have signed this log."""
        found = []
        for key_id in keys.key_ids(keys.LEDGER):
            key = keys.public_key(keys.LEDGER, key_id)
            if key is not None:
                found.append(Verifier(self.origin(), key))
        return found

    def note(self) -> str | None:
        """The signed checkpoint as it lies on disk."""
        data = self.read("checkpoint")
        try:
            return None if data is None else data.decode()
        except UnicodeDecodeError as error:
            raise LedgerInconsistent("the checkpoint cannot be read", where="checkpoint") from error

    def open(self, note: str) -> Checkpoint:
        """A checkpoint that a key of this log signed. Raises NoteError or :class:`LedgerInconsistent`."""
        checkpoint = parse_checkpoint(open_note(note, self.verifiers()))
        if checkpoint.origin != self.origin():
            raise LedgerInconsistent("the checkpoint is of another log", where=checkpoint.origin)
        return checkpoint

    def drop_partials(self, level: int | str, index: int) -> None:
        """Remove the partial forms of a tile that is full now (allowed by the specification)."""
        folder = self.path / f"{tile_path(level, index)}.p"
        if folder.is_dir():
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()


class TileReader:
    """Subtree hashes of a tree of ``size`` leaves, read from its tiles; keeps the tiles it has read."""

    def __init__(self, folder: LedgerFolder, size: int) -> None:
        self._folder = folder
        self._size = size
        self._tiles: dict[tuple[int | str, int], bytes] = {}

    def width(self, level: int, index: int) -> int:
        """How many hashes the tile has in this tree."""
        return max(0, min(WIDTH, (self._size >> (8 * level)) - index * WIDTH))

    def tile(self, level: int, index: int) -> bytes:
        """The hashes of a tile. Raises :class:`LedgerInconsistent` when it is missing or cut short."""
        key = (level, index)
        if key not in self._tiles:
            width = self.width(level, index)
            if len(self._tiles) > 4096:
                self._tiles.clear()
            data = self._read(level, index, width)
            if data is None or len(data) < width * HASH:
                raise LedgerInconsistent(
                    "a tile is missing or cut short", where=tile_path(level, index, width)
                )
            self._tiles[key] = data[: width * HASH]
        return self._tiles[key]

    def entries(self, index: int) -> list[bytes]:
        """The entries of a bundle. Raises :class:`LedgerInconsistent` when it is missing or cut short."""
        width = self.width(0, index)
        data = self._read("entries", index, width)
        where = tile_path("entries", index, width)
        entries = unpack_entries(data, where) if data is not None else []
        if len(entries) < width:
            raise LedgerInconsistent("an entry bundle is missing or cut short", where=where)
        return entries[:width]

    def subtree(self, height: int, index: int) -> bytes:
        """Hash of leaves ``[index << height, (index + 1) << height)``, all of which the tree must hold."""
        level, within = divmod(height, 8)
        first = index << within
        tile = self.tile(level, first // WIDTH)
        start = (first % WIDTH) * HASH
        count = 1 << within
        if start + count * HASH > len(tile):
            raise LedgerInconsistent("a tile does not reach so far", where=tile_path(level, first // WIDTH))
        return merkle.complete_root([tile[start + i * HASH : start + (i + 1) * HASH] for i in range(count)])

    def root(self, size: int | None = None) -> bytes:
        """Root of the first ``size`` leaves (all when None)."""
        return merkle.root(self._size if size is None else size, self.subtree)

    def _read(self, level: int | str, index: int, width: int) -> bytes | None:
        # The partial form may be gone once the full one is there.
        if width != WIDTH:
            partial = self._folder.read(tile_path(level, index, width))
            if partial is not None:
                return partial
        return self._folder.read(tile_path(level, index))

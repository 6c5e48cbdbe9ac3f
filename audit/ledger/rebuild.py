"""The tiles of a log made again from its entries: they are a function of them (what a backup therefore leaves out)."""

from __future__ import annotations

from audit.ledger import merkle
from audit.ledger.store import Files
from audit.ledger.tiles import HASH, WIDTH, pack_entries, tile_path


class TileWriter:
    """Takes the entries of a log in order and writes bundles and tiles as each is full; memory does not grow.

    Tiles that are there already are written again with the same bytes.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._entries: list[bytes] = []
        self._bundles = 0
        self._hashes: list[bytearray] = [bytearray()]
        self._done = [0]

    def add(self, entry: bytes) -> None:
        """The next entry's bytes."""
        self._entries.append(entry)
        if len(self._entries) == WIDTH:
            self._write_bundle()
        self._append(0, merkle.leaf_hash(entry))

    def finish(self) -> None:
        """Write the partial bundle and tiles at the right edge."""
        if self._entries:
            self._write_bundle()
        for level, hashes in enumerate(self._hashes):
            if hashes:
                self._write_tile(level)

    def _append(self, level: int, node: bytes) -> None:
        if level == len(self._hashes):
            self._hashes.append(bytearray())
            self._done.append(0)
        self._hashes[level] += node
        if len(self._hashes[level]) == WIDTH * HASH:
            full = bytes(self._hashes[level])
            self._write_tile(level)
            self._append(
                level + 1, merkle.complete_root([full[i : i + HASH] for i in range(0, len(full), HASH)])
            )

    def _write_bundle(self) -> None:
        width = len(self._entries)
        self._files.write(tile_path("entries", self._bundles, width), pack_entries(self._entries))
        self._bundles += 1
        self._entries = []

    def _write_tile(self, level: int) -> None:
        hashes = bytes(self._hashes[level])
        self._files.write(tile_path(level, self._done[level], len(hashes) // HASH), hashes)
        self._done[level] += 1
        self._hashes[level] = bytearray()

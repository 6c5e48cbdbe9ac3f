"""The ledger's files: C2SP tlog-tiles (https://c2sp.org/tlog-tiles), in a folder or an object store (``store.py``).

checkpoint                    the signed tree head
tile/<L>/<N>[.p/<W>]          up to 256 hashes
tile/entries/<N>[.p/<W>]      up to 256 entries, each after its length in two bytes
origin                        the name of the log
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from audit import keys
from audit.errors import LedgerInconsistent, UnknownKey
from audit.ledger import merkle, store
from audit.ledger.store import Files, Version
from audit.notes import Checkpoint, Verifier, open_note, parse_checkpoint, signers_of
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


class LedgerFiles:
    """The files of one ledger; ``files`` defaults to the store of this process's settings."""

    def __init__(self, files: Files | None = None) -> None:
        self.files = files if files is not None else store.files()
        self._origin = ""

    def read_tile(self, level: int | str, index: int, width: int) -> bytes | None:
        """A tile or bundle that is at least so wide: the partial form may be gone once the full one is there."""
        if width != WIDTH:
            partial = self.files.read(tile_path(level, index, width))
            if partial is not None:
                return partial
        return self.files.read(tile_path(level, index))

    def origin(self) -> str:
        """The log's name; empty where none was given yet."""
        if not self._origin:
            known = self.files.read("origin")
            try:
                self._origin = known.decode().strip() if known is not None else ""
            except UnicodeDecodeError as error:
                raise LedgerInconsistent("the log's name cannot be read", where="origin") from error
        return self._origin

    def begin(self) -> str:
        """The log's name, given here where there is none: from its first key; keys change, the name stays."""
        if not self.origin():
            name = f"greenroom.local/ledger/{keys.current_key_id(keys.LEDGER)}\n"
            self.files.replace("origin", name.encode(), None)
        return self.origin()

    def verifiers(self) -> list[Verifier]:
        """Every key that may have signed this log."""
        return list(self._verifiers().values())

    def signers(self, note: str) -> list[str]:
        """The ids of this log's keys that a note names as its signers; nothing is verified."""
        named = signers_of(note)
        known = self._verifiers().items()
        return [key_id for key_id, verifier in known if (verifier.name, verifier.key_hash) in named]

    def _verifiers(self) -> dict[str, Verifier]:
        found = {key_id: keys.public_key(keys.LEDGER, key_id) for key_id in keys.key_ids(keys.LEDGER)}
        return {key_id: Verifier(self.origin(), key) for key_id, key in found.items() if key is not None}

    def note(self) -> str | None:
        """The signed checkpoint as it is stored."""
        return _text(self.files.read("checkpoint"))

    def note_version(self) -> tuple[str | None, Version]:
        """The same, and what :meth:`publish` needs to know of it."""
        data, version = self.files.read_version("checkpoint")
        return _text(data), version

    def publish(self, note: str, version: Version) -> bool:
        """Put a checkpoint in the place of the one that was read. False: somebody else did meanwhile."""
        return self.files.replace("checkpoint", note.encode(), version)

    def open(self, note: str) -> Checkpoint:
        """A checkpoint that a key of this log signed.

        Raises:
            UnknownKey: no public half on this machine fits a signature of it.
            NoteError, LedgerInconsistent: it is not what was signed, or of another log.
        """
        known = self.verifiers()
        if not signers_of(note) & {(verifier.name, verifier.key_hash) for verifier in known}:
            raise UnknownKey(
                "the checkpoint is signed with a key whose public half is not on this machine",
                where=str(keys.folder_of(get_settings(), keys.LEDGER)),
                next_step=f"copy the .pub files of the ledger key of {self.origin() or 'this log'} here",
            )
        checkpoint = parse_checkpoint(open_note(note, known))
        if checkpoint.origin != self.origin():
            raise LedgerInconsistent("the checkpoint is of another log", where=checkpoint.origin)
        return checkpoint

    def drop_partials(self, level: int | str, index: int) -> None:
        """Remove the partial forms of a tile that is full now (allowed by the specification)."""
        self.files.drop(f"{tile_path(level, index)}.p")


def _text(data: bytes | None) -> str | None:
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError as error:
        raise LedgerInconsistent("the checkpoint cannot be read", where="checkpoint") from error


Tiles = dict[tuple[int, int], bytes]
"""Full tiles by level and index: what such a tile holds never changes."""

MOST_TILES = 4096


class TileReader:
    """Subtree hashes of a tree of ``size`` leaves, read from its tiles; keeps the tiles it has read.

    Args:
        full: full tiles that are known already; those that are read are added, up to ``MOST_TILES``.
    """

    def __init__(self, log: LedgerFiles, size: int, full: Tiles | None = None) -> None:
        self._log = log
        self._size = size
        self._full: Tiles = {} if full is None else full
        self._partial: Tiles = {}

    def width(self, level: int, index: int) -> int:
        """How many hashes the tile has in this tree."""
        return max(0, min(WIDTH, (self._size >> (8 * level)) - index * WIDTH))

    def tile(self, level: int, index: int) -> bytes:
        """The hashes of a tile. Raises :class:`LedgerInconsistent` when it is missing or cut short."""
        key = (level, index)
        width = self.width(level, index)
        known = self._full if width == WIDTH else self._partial
        if key not in known:
            data = self._log.read_tile(level, index, width)
            if data is None or len(data) < width * HASH:
                raise LedgerInconsistent(
                    "a tile is missing or cut short", where=tile_path(level, index, width)
                )
            if len(known) >= MOST_TILES:
                known.clear()
            known[key] = data[: width * HASH]
        return known[key]

    def entries(self, index: int) -> list[bytes]:
        """The entries of a bundle. Raises :class:`LedgerInconsistent` when it is missing or cut short."""
        width = self.width(0, index)
        data = self._log.read_tile("entries", index, width)
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

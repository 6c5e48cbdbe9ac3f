"""Reading a backup back: who signed it, and whether every part is there and is what was written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature

from audit import keys
from audit.errors import LedgerInconsistent
from audit.ledger import merkle
from audit.notes import Verifier
from greenroom.backup.dump import ENTRIES
from greenroom.backup.errors import BackupDamaged, BackupProblem
from greenroom.backup.files import File, Store, files_of, of_backups
from greenroom.backup.manifest import (
    ID,
    MAX_MANIFEST,
    Envelope,
    Manifest,
    Table,
    read_envelope,
    read_manifest,
)
from greenroom.backup.place import Place, checked, part_key
from greenroom.backup.rows import from_line, lines_of

_MAX_FAULTS = 200


@dataclass
class Checked:
    """What a verification found. ``faults``: (which part, what is wrong)."""

    tables: int = 0
    rows: int = 0
    files: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.faults

    def add(self, where: str, what: str) -> None:
        if len(self.faults) < _MAX_FAULTS:
            self.faults.append((where, what))


def envelope_key(backup_id: str) -> str:
    return f"backups/{backup_id}.json"


def backup_ids(place: Place) -> list[str]:
    """Every finished backup of the place, oldest first."""
    names = (key.removeprefix("backups/").removesuffix(".json") for key in place.names("backups"))
    return sorted(name for name in names if ID.fullmatch(name))


def open_backup(place: Place, backup_id: str = "", *, key: Verifier | None = None) -> Manifest:
    """The manifest of a backup (the newest where none is named), signed by a ledger key of this installation.

    Args:
        key: the log's verifier key, where this installation has none yet.

    Raises:
        BackupProblem: there is no such backup.
        BackupDamaged: nobody known signed it, or its manifest is missing or not what was signed.
    """
    known = backup_ids(place)
    if not known or (backup_id and backup_id not in known):
        raise BackupProblem(
            "there is no such backup" if known else "there is no finished backup in this place",
            where=f"{place.where} {backup_id}".strip(),
            next_step="look with `greenroom backup PLACE --list`",
        )
    chosen = backup_id or known[-1]
    envelope = open_envelope(place, chosen, key=key)
    where = f"manifest ({part_key(envelope.manifest)})"
    data = _small(place, part_key(envelope.manifest))
    if hashlib.sha256(data).hexdigest() != envelope.manifest:
        raise BackupDamaged("bytes are not those that were written", where=where)
    manifest = read_manifest(data, where)
    if manifest.id != chosen or (key is not None and key.name != manifest.ledger.origin):
        raise BackupDamaged("the manifest is another backup's", where=where)
    return manifest


def open_envelope(place: Place, backup_id: str, *, key: Verifier | None = None) -> Envelope:
    """The signed envelope of a backup. Raises :class:`BackupDamaged` where nobody known signed it."""
    where = envelope_key(backup_id)
    envelope = read_envelope(_small(place, where), where)
    if envelope.id != backup_id or not _is_signed(envelope, key):
        raise BackupDamaged(
            "no known key signed this backup",
            where=where,
            next_step="put the keys folder back first, or name the log's verifier key with --key",
        )
    return envelope


def verify_backup(place: Place, manifest: Manifest, *, files: bool = True) -> Checked:
    """Read every part and name what is missing or changed.

    Args:
        files: read every file's bytes too; else only whether it is there at its size.
    """
    found = Checked()
    for table in manifest.tables:
        found.tables += 1
        try:
            _read_table(place, table, manifest, found)
        except (BackupDamaged, LedgerInconsistent) as error:
            found.add(table_name(table), error.what)
    try:
        for file, size in files_of(place, manifest.files):
            if size is not None:
                found.files += 1
                _check_file(of_backups(place), file, size, found, whole=files)
    except BackupDamaged as error:
        found.add(error.where, error.what)
    return found


def table_name(table: Table) -> str:
    """How a table's part is named to people."""
    return f"table {table.name} ({part_key(table.part.sha256)})"


def rows_of(place: Place, table: Table) -> Iterator[list[object]]:
    """The rows of a table. Raises :class:`BackupDamaged`, at the latest after the last one."""
    where = table_name(table)
    kinds = tuple(kind for _, kind in table.columns)
    blocks = checked(place.get(part_key(table.part.sha256)), table.part.sha256, where)
    for line in lines_of(blocks, table.part, where):
        yield from_line(line, kinds, where)


class Entries:
    """The entries of a backup's log in order: they lead to the root that was signed, and to the manifest's."""

    def __init__(self, table: Table, manifest: Manifest) -> None:
        names = [name for name, _ in table.columns]
        self._position, self._body = names.index("position"), names.index("body")
        self._ledger, self._where = manifest.ledger, table_name(table)
        self._signed = manifest.ledger.checkpoint()
        self._tree = merkle.CompactRange()

    def entry(self, row: list[object]) -> bytes | None:
        """The bytes of an entry that has a position, None for a pending one."""
        position, body = row[self._position], str(row[self._body]).encode()
        if position is None:
            return None
        if position != self._tree.size:
            raise BackupDamaged("entries of the ledger are missing", where=self._where)
        self._tree.add(merkle.leaf_hash(body))
        signed = self._signed
        if signed is not None and self._tree.size == signed.size and self._tree.root() != signed.root:
            raise BackupDamaged("the entries do not lead to the root that was signed", where=self._where)
        return body

    @property
    def size(self) -> int:
        return self._tree.size

    def root(self) -> bytes:
        return self._tree.root()

    def finish(self) -> None:
        if self._tree.size != self._ledger.assigned or self._tree.root().hex() != self._ledger.root:
            raise BackupDamaged("the entries are not those that the manifest speaks of", where=self._where)
        if self._signed is not None and self._signed.size > self._tree.size:
            raise BackupDamaged("the checkpoint covers more entries than there are", where=self._where)


def _read_table(place: Place, table: Table, manifest: Manifest, found: Checked) -> None:
    entries = Entries(table, manifest) if table.name == ENTRIES else None
    for row in rows_of(place, table):
        found.rows += 1
        if entries is not None:
            entries.entry(row)
    if entries is not None:
        entries.finish()


def _check_file(store: Store, file: File, size: int, found: Checked, *, whole: bool) -> None:
    try:
        if store.size(file) != size:
            raise BackupDamaged("a file is missing or cut short", where=store.key(*file))
        for _ in store.get(file) if whole else ():
            pass
    except BackupDamaged as error:
        found.add(store.key(*file), error.what)


def _small(place: Place, key: str) -> bytes:
    data = b""
    for block in place.get(key):
        data += block
        if len(data) > MAX_MANIFEST:
            raise BackupDamaged("a part of the backup is too large", where=key)
    return data


def _is_signed(envelope: Envelope, key: Verifier | None) -> bool:
    signature = keys.Signature(envelope.key_id, envelope.signature)
    if key is None:
        return keys.verify(keys.LEDGER, signature, envelope.signed())
    try:
        key.key.verify(bytes.fromhex(envelope.signature), envelope.signed())
    except InvalidSignature:
        return False
    return True

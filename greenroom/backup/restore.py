"""Putting a backup back into an empty installation.

The order lets a restore that was cut off be run again: files and public keys first (named by digest, they harm nobody),
then the ledger's tiles with the checkpoint last, then every row and the entry that says so in one transaction. From
that entry on the doors know whether this record may lack what happened last (audit/restored.py).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from audit import keys
from audit.errors import LedgerInconsistent
from audit.ledger import LedgerReport, verify_ledger
from audit.ledger.rebuild import TileWriter
from audit.ledger.tiles import LedgerFiles
from audit.ledger.witness import Kept
from audit.notes import Checkpoint, NoteError, Verifier, open_note, parse_checkpoint
from audit.restored import record_restored
from core.database import engine, exclusive, transaction
from core.durable import write_durably
from core.errors import GreenroomError
from core.settings import get_settings
from greenroom.backup.check import Checked, Entries, rows_of, verify_backup
from greenroom.backup.dump import ENTRIES
from greenroom.backup.errors import BackupDamaged, RestoreRefused
from greenroom.backup.files import Copied, copy_files, files_of, of_backups, of_settings
from greenroom.backup.load import is_empty, load
from greenroom.backup.manifest import Manifest
from greenroom.backup.place import Place
from greenroom.backup.schema import check_owner, check_revision, make_schema
from greenroom.backup.secret import secret_check
from greenroom.database import migrate

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Restored:
    """What a restore found and did.

    Attributes:
        rows, files: put back.
        newest: the newest kept checkpoint, where there is one.
        lost: entries that it covers and that are not here; 0: nothing was signed after the backup until it was kept;
            None: nobody can know.
        unsigned_by: names of keys whose private half is not here: that part cannot sign until one is put back or made.
        report: what ``ledger verify`` says now.
    """

    manifest: Manifest
    rows: int
    files: Copied
    newest: Checkpoint | None
    lost: int | None
    unsigned_by: tuple[str, ...]
    report: LedgerReport

    @property
    def held(self) -> bool:
        return self.lost != 0


def restore(
    place: Place,
    manifest: Manifest,
    *,
    kept: Sequence[Kept] = (),
    replace: bool = False,
    secret_lost: bool = False,
    progress: Progress = lambda _fraction: None,
) -> Restored:
    """Put a backup back.

    Args:
        kept: checkpoints of this log that were kept elsewhere.
        replace: move a database and a ledger folder that lie in the home folder aside first; nothing is deleted.
        secret_lost: go on without the master secret that this backup's rows are sealed with.

    Raises:
        RestoreRefused: database or ledger folder are not empty, or the master secret is another; nothing was changed.
        BackupDamaged: a part is not what was written; each is named, before anything is changed.
        LedgerInconsistent: a kept checkpoint is not of this log's past: the backup is of another history.
    """
    _check_secret(manifest, lost=secret_lost)
    check_revision(manifest.revision)
    check_owner()
    _check_undamaged(verify_backup(place, manifest))
    if replace:
        kept = [*kept, *_left_behind(manifest)]
    else:
        _check_empty(manifest)
    roots = _roots_at(place, manifest, {one.checkpoint.size for one in kept})
    newest, lost = judge(manifest, kept, roots)
    if replace:
        move_aside()
        _check_empty(manifest)
    copied = _copy_back(place, manifest, progress)
    _put_keys(manifest)
    _put_tiles(place, manifest)
    rows = _put_rows(place, manifest, newest, lost, secret_lost=secret_lost)
    missing = tuple(name for name, known in manifest.keys.items() if known and not _can_sign(name))
    return Restored(manifest, rows, copied, newest, lost, missing, verify_ledger())


def judge(
    manifest: Manifest, kept: Sequence[Kept], roots: dict[int, bytes]
) -> tuple[Checkpoint | None, int | None]:
    """The newest kept checkpoint, and how many entries that it covers are not in the backup.

    A checkpoint from before the backup's own newest one says nothing of what came after: None, as without any.

    Raises:
        LedgerInconsistent: one is not of this log's past.
    """
    for one in kept:
        size = one.checkpoint.size
        if 0 < size <= manifest.ledger.assigned and roots.get(size) != one.checkpoint.root:
            raise LedgerInconsistent(
                f"the log of this backup had another root at {size}: it is not the past of the kept checkpoint",
                where=one.where,
                next_step="look for another backup; this one, or the kept checkpoint, is of another history",
            )
    if not kept:
        return None, None
    newest = max((one.checkpoint for one in kept), key=lambda checkpoint: checkpoint.size)
    signed = manifest.ledger.checkpoint()
    if newest.size > manifest.ledger.assigned:
        return newest, newest.size - manifest.ledger.assigned
    return newest, 0 if newest.size >= (signed.size if signed is not None else 0) else None


def verifiers_of(manifest: Manifest) -> list[Verifier]:
    """The log's keys, as the signed manifest lists them, and those of this machine: one that was made after the backup
    signed what was kept since."""
    listed = [load_pem_public_key(pem.encode()) for pem in manifest.keys.get(keys.LEDGER, {}).values()]
    here = [keys.public_key(keys.LEDGER, key_id) for key_id in keys.key_ids(keys.LEDGER)]
    found = {
        keys.raw_public_key(key): Verifier(manifest.ledger.origin, key)
        for key in (*listed, *here)
        if isinstance(key, Ed25519PublicKey)
    }
    return list(found.values())


def move_aside() -> list[Path]:
    """Move the home folder's own database and ledger folder into ``replaced-<time>``. Returns what was moved.

    A database that lies elsewhere is left as it is: an empty one is given to the restore instead.
    """
    home = get_settings().home
    names = ["ledger"]
    if not get_settings().database_url:
        names += ["greenroom.db", "greenroom.db-wal", "greenroom.db-shm"]
    engine().dispose()  # closing takes the write-ahead log in
    there = [home / name for name in names if (home / name).exists()]
    if not there:
        return []
    aside = home / f"replaced-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    aside.mkdir(mode=0o700)
    return [path.rename(aside / path.name) for path in there]


def _left_behind(manifest: Manifest) -> list[Kept]:
    """The checkpoint of the ledger that is replaced: as good as one that was kept. Another log's says nothing."""
    try:
        note = LedgerFiles().note()
        found = [] if note is None else [parse_checkpoint(open_note(note, verifiers_of(manifest)))]
    except (NoteError, LedgerInconsistent):
        return []
    return [
        Kept(one, "the checkpoint that is replaced") for one in found if one.origin == manifest.ledger.origin
    ]


def _check_secret(manifest: Manifest, *, lost: bool) -> None:
    if lost or not manifest.secret_check or hmac.compare_digest(secret_check(), manifest.secret_check):
        return
    raise RestoreRefused(
        "the master secret here is not the one that this backup's accounts, links and marks need",
        where="GREENROOM_MASTER_SECRET, or keys/master-secret in the home folder",
        next_step="put the right one back first; if it is lost for good, say --secret-lost",
        code="other_master_secret",
    )


def _check_undamaged(found: Checked) -> None:
    if found.good:
        return
    named = "; ".join(f"{where}: {what}" for where, what in found.faults[:20])
    raise BackupDamaged(
        f"the backup is damaged, and nothing was restored: {named}",
        where=f"{len(found.faults)} parts",
        next_step="take an older backup of the place (`greenroom backup PLACE --list`)",
    )


def _check_empty(manifest: Manifest) -> None:
    note = LedgerFiles().note()
    if not is_empty() or note not in (
        None,
        manifest.ledger.note,
    ):  # the same note: a restore that was cut off
        raise RestoreRefused(
            "there is a database or a ledger here already",
            where="GREENROOM_DATABASE_URL" if not is_empty() else get_settings().effective_ledger_url,
            next_step="restore into an empty home and database; --replace moves those of a home folder aside",
            code="not_empty",
        )


def _roots_at(place: Place, manifest: Manifest, sizes: set[int]) -> dict[int, bytes]:
    """Roots of the backup's log at some sizes."""
    roots: dict[int, bytes] = {}
    for table in manifest.tables:
        if table.name == ENTRIES and sizes:
            entries = Entries(table, manifest)
            for row in rows_of(place, table):
                if entries.entry(row) is not None and entries.size in sizes:
                    roots[entries.size] = entries.root()
    return roots


def _copy_back(place: Place, manifest: Manifest, progress: Progress) -> Copied:
    copied = Copied()
    wanted = (file for file, size in files_of(place, manifest.files) if size is not None)
    for done, result in enumerate(copy_files(of_backups(place), of_settings(), wanted), 1):
        copied.add(result)
        progress(done / max(1, manifest.files.lines))
    if copied.lacking_in_all:
        raise BackupDamaged(
            f"{copied.lacking_in_all} files could not be copied: {copied.lacking[0].what}",
            where=f"{copied.lacking[0].role} {copied.lacking[0].sha256[:12]}",
            next_step="nothing but files was restored; run it again",
        )
    return copied


def _put_keys(manifest: Manifest) -> None:
    """Public halves, so that what was signed can be verified. Those that are here stay as they are."""
    for name, known in manifest.keys.items():
        if name not in keys.NAMES:
            raise BackupDamaged("the backup has a key of an unknown name", where="manifest")
        for key_id, pem in known.items():
            if keys.public_key(name, key_id) is None:
                with keys.provider(name).locked():
                    path = keys.folder_of(get_settings(), name) / f"{key_id}.pub"
                    write_durably(path, pem.encode(), mode=0o644)


def _can_sign(name: str) -> bool:
    try:
        key_id = keys.known_key_id(name)
        if key_id is not None:
            keys.provider(name).check_signs(key_id)
    except GreenroomError:
        return False
    return key_id is not None


def _put_tiles(place: Place, manifest: Manifest) -> None:
    files, signed = LedgerFiles().files, manifest.ledger.checkpoint()
    with exclusive("sequencer"):
        if manifest.ledger.origin:
            files.write("origin", f"{manifest.ledger.origin}\n".encode())
        if signed is None:
            return
        if LedgerFiles().open(manifest.ledger.note).root != signed.root:
            raise BackupDamaged("the checkpoint is not what was signed", where="ledger")
        writer, entries = TileWriter(files), None
        for table in (table for table in manifest.tables if table.name == ENTRIES):
            entries = Entries(table, manifest)
            for row in rows_of(place, table):
                body = entries.entry(row)
                if body is not None and entries.size <= signed.size:
                    writer.add(body)
            entries.finish()
        writer.finish()
        files.write("checkpoint", manifest.ledger.note.encode())


def _put_rows(
    place: Place, manifest: Manifest, newest: Checkpoint | None, lost: int | None, *, secret_lost: bool
) -> int:
    make_schema(manifest.revision)
    ledger = manifest.ledger
    with transaction() as session:
        rows = load(session, place, manifest, secret_lost=secret_lost)
        here = Checkpoint(ledger.origin, ledger.assigned, bytes.fromhex(ledger.root))
        record_restored(session, here, newest=newest, lost=lost)
    migrate()
    return rows

"""Taking a backup beside a running system.

The order makes it consistent. (1) Every table is written from one snapshot, with the list of files that its rows name;
the snapshot ends. (2) The files are copied: they never change, and one that a row names is not swept. Of one that is
gone although the snapshot named it the rows are asked again: where none names it any more it was rightly deleted
meanwhile, else the backup says that it lacks it. (3) The manifest names every part by its digest, and all parts are
read back. (4) The signed envelope is written: from here on, and not before, there is a backup. What a run that was cut
off left behind is taken up by the next one, or swept after a day.
"""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from cryptography.hazmat.primitives import serialization
from sqlalchemy.orm import Session

from audit import keys
from core.database import reading
from core.errors import IntegrityError
from greenroom.backup.check import backup_ids, envelope_key, open_backup, open_envelope, verify_backup
from greenroom.backup.dump import dump_tables, keep_part, list_files
from greenroom.backup.errors import BackupDamaged, BackupProblem
from greenroom.backup.files import LINE, Copied, Result, copy_files, of_backups, of_settings
from greenroom.backup.manifest import Envelope, Manifest, Part, signed_bytes
from greenroom.backup.named import still_named
from greenroom.backup.place import Place, part_key
from greenroom.backup.rows import PartWriter, from_line, to_line
from greenroom.backup.secret import secret_check

_ABANDONED = timedelta(days=1)  # no backup is in the making for so long


Progress = Callable[[float], None]


@dataclass(frozen=True)
class Taken:
    """A finished backup, and what was copied for it."""

    manifest: Manifest
    copied: Copied


def take(place: Place, *, progress: Progress = lambda _fraction: None) -> Taken:
    """Take one backup.

    Raises:
        LedgerInconsistent: the entries do not lead to the root that was signed: that is evidence, and no backup.
        BackupProblem: the place cannot be written.
        BackupDamaged: what was written does not read back.
    """
    moment = datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="greenroom-backup-") as work:
        folder = Path(work)
        with reading() as session:
            tables, ledger = dump_tables(session, folder, place)
            lines = list_files(session, folder / "files")
            revision = _revision(session)
            dialect = session.get_bind().dialect.name
        copied, files = _copy_all(place, folder, lines, progress)
    manifest = Manifest(
        id=f"{moment:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        taken_at=moment.isoformat(),
        greenroom=version("greenroom"),
        revision=revision,
        dialect=dialect,
        tables=tables,
        files=files,
        file_bytes=copied.bytes,
        lacking=tuple(copied.lacking),
        lacking_in_all=copied.lacking_in_all,
        ledger=ledger,
        keys=public_keys(),
        secret_check=secret_check(),
    )
    _finish(place, manifest)
    sweep_abandoned(place)
    return Taken(manifest, copied)


def _revision(session: Session) -> str:
    revision = MigrationContext.configure(session.connection()).get_current_revision()
    if revision is None:
        raise BackupProblem("the database has no version", where="GREENROOM_DATABASE_URL")
    return revision


def _copy_all(place: Place, folder: Path, lines: int, progress: Progress) -> tuple[Copied, Part]:
    """Copy what the list names, and write down what the place has of it."""
    copied = Copied()
    with (folder / "files").open("rb") as listed, PartWriter(folder / "part") as writer:
        names = (tuple(from_line(line, ("text", "text"), "files")) for line in listed)
        for done, result in enumerate(copy_files(of_settings(), of_backups(place), names), 1):
            if result.size is None and not _named_now(result):
                continue
            copied.add(result)
            writer.write(to_line((*result.file, result.size), LINE))
            progress(done / lines)
        return copied, keep_part(writer, place)


def _named_now(result: Result) -> bool:
    with reading() as session:
        return still_named(session, *result.file)


def public_keys() -> dict[str, dict[str, str]]:
    """PEM of every public half, by name and key id."""
    found: dict[str, dict[str, str]] = {}
    for name in keys.NAMES:
        found[name] = {}
        for key_id in keys.key_ids(name):
            key = keys.public_key(name, key_id)
            if key is not None:
                pem = key.public_bytes(
                    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
                )
                found[name][key_id] = pem.decode()
    return found


def sweep_abandoned(place: Place, *, older_than: timedelta = _ABANDONED) -> int:
    """Delete parts that no finished backup names and that are old. Where one backup cannot be read nothing is swept."""
    used: set[str] = set()
    try:
        for backup_id in backup_ids(place):
            manifest = open_backup(place, backup_id)
            used |= {table.part.sha256 for table in manifest.tables} | {manifest.files.sha256}
            used.add(open_envelope(place, backup_id).manifest)
    except IntegrityError:
        return 0
    gone = [key for key in place.names("parts", older_than=older_than) if key.rpartition("/")[2] not in used]
    for key in gone:
        place.delete(key)
    return len(gone)


def _finish(place: Place, manifest: Manifest) -> None:
    data = manifest.to_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    place.put(part_key(sha256), [data])
    found = verify_backup(place, manifest, files=False)
    if not found.good:
        where, what = found.faults[0]
        raise BackupDamaged(
            f"what was written does not read back: {what}", where=where, next_step="run the backup again"
        )
    signature = keys.sign(keys.LEDGER, signed_bytes(manifest.id, sha256))
    envelope = Envelope(id=manifest.id, manifest=sha256, key_id=signature.key_id, signature=signature.value)
    place.settle()
    place.put(envelope_key(manifest.id), [envelope.model_dump_json().encode()])
    place.settle()
    open_backup(place, manifest.id)

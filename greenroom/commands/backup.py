"""``greenroom backup PLACE``: take a backup beside a running system, verify one, or list those of a place."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from greenroom.cli import command
from greenroom.output import Answer, progress_bar

if TYPE_CHECKING:
    from greenroom.backup.manifest import Manifest


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(
        verbs, shared, "backup", "take a backup; exit 1 when files that rows name are lacking", run
    )
    parser.add_argument(
        "place", metavar="DIR|URL", help="a folder, or an object store's URL (s3://bucket/prefix)"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--verify", action="store_true", help="read a backup whole; exit 1 when it is damaged")
    what.add_argument("--list", action="store_true", help="the backups of the place, oldest first")
    parser.add_argument("--id", default="", metavar="ID", help="which one to verify (default: the newest)")
    parser.add_argument("--key", metavar="VKEY", help="the log's verifier key; default: this home's keys")


def run(args: argparse.Namespace) -> Answer:
    from greenroom.backup.place import Place

    if args.list:
        return _list(Place(args.place))
    if args.verify:
        return _verify(Place(args.place), args)
    return _take(Place(args.place, make=True))


def _take(place: Any) -> Answer:
    from greenroom.backup.capture import take
    from greenroom.database import migrate

    migrate()
    with progress_bar("copying files") as progress:
        taken = take(place, progress=progress)
    manifest, copied = taken.manifest, taken.copied
    document = {
        **summary(manifest),
        "new_files": copied.new_files,
        "new_bytes": copied.new_bytes,
        "lacking": [one.model_dump() for one in manifest.lacking],
    }
    lines = [
        f"Backup {manifest.id}: {_said(manifest)}; {copied.new_files} files ({copied.new_bytes} bytes) were new.",
        "Private keys and the master secret are not in it: keep them apart (docs/backup.md).",
    ]
    lines += [f"  lacking {one.role} {one.sha256}: {one.what}" for one in manifest.lacking]
    return Answer(document, "\n".join(lines), yes=not manifest.lacking_in_all)


def _verify(place: Any, args: argparse.Namespace) -> Answer:
    from audit.notes import parse_vkey
    from greenroom.backup.check import open_backup, verify_backup

    manifest = open_backup(place, args.id, key=parse_vkey(args.key) if args.key else None)
    found = verify_backup(place, manifest)
    document = {
        **summary(manifest),
        "good": found.good,
        "damaged": [{"where": where, "what": what} for where, what in found.faults],
        "lacking": [one.model_dump() for one in manifest.lacking],
    }
    lines = [f"Backup {manifest.id} is {'whole' if found.good else 'DAMAGED'}: {_said(manifest)}."]
    lines += [f"  {where}: {what}" for where, what in found.faults]
    lines += [f"  lacking when it was taken: {one.role} {one.sha256}: {one.what}" for one in manifest.lacking]
    return Answer(document, "\n".join(lines), yes=found.good)


def _list(place: Any) -> Answer:
    from greenroom.backup.check import backup_ids

    known = backup_ids(place)
    return Answer({"backups": known}, "\n".join(known) or "There is no finished backup in this place.")


def summary(manifest: Manifest) -> dict[str, Any]:
    """What people and scripts are told of a backup."""
    return {
        "id": manifest.id,
        "taken_at": manifest.taken_at,
        "database": manifest.dialect,
        "revision": manifest.revision,
        "rows": sum(table.part.lines for table in manifest.tables),
        "files": manifest.files.lines - manifest.lacking_in_all,
        "file_bytes": manifest.file_bytes,
        "lacking_in_all": manifest.lacking_in_all,
        "ledger": {
            "origin": manifest.ledger.origin,
            "entries": manifest.ledger.assigned,
            "pending": manifest.ledger.pending,
            "root": manifest.ledger.root,
        },
    }


def _said(manifest: Manifest) -> str:
    told = summary(manifest)
    return (
        f"{told['rows']} rows, {told['files']} files, {told['ledger']['entries']} ledger entries "
        f"and {told['ledger']['pending']} pending"
    )

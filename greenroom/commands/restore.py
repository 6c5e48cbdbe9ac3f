"""``greenroom restore PLACE``: put a backup back into an empty installation, and say what is missing since."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenroom.cli import command
from greenroom.output import Answer, progress_bar

if TYPE_CHECKING:
    from greenroom.backup.restore import Restored


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(
        verbs,
        shared,
        "restore",
        "put a backup back; exit 1 when nothing is served until somebody looked",
        run,
    )
    parser.add_argument("place", metavar="DIR|URL")
    parser.add_argument("--id", default="", metavar="ID", help="which backup (default: the newest)")
    parser.add_argument(
        "--witnessed",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="the last kept checkpoint; those in GREENROOM_WITNESSES are always asked",
    )
    parser.add_argument(
        "--replace", action="store_true", help="move a home's own database and ledger aside first"
    )
    parser.add_argument(
        "--secret-lost",
        action="store_true",
        help="go on without the master secret: accounts, links and marks are lost",
    )
    parser.add_argument("--key", metavar="VKEY", help="the log's verifier key; default: this home's keys")


def run(args: argparse.Namespace) -> Answer:
    from audit.notes import parse_vkey
    from greenroom.backup.check import open_backup
    from greenroom.backup.place import Place
    from greenroom.backup.restore import restore, verifiers_of
    from greenroom.commands.backup import summary
    from greenroom.commands.ledger import kept_checkpoints

    place = Place(args.place)
    manifest = open_backup(place, args.id, key=parse_vkey(args.key) if args.key else None)
    kept = kept_checkpoints(args.witnessed, verifiers_of(manifest))
    with progress_bar("copying files") as progress:
        done = restore(
            place,
            manifest,
            kept=kept,
            replace=args.replace,
            secret_lost=args.secret_lost,
            progress=progress,
        )
    document = {
        **summary(manifest),
        "rows_restored": done.rows,
        "files_restored": done.files.files,
        "witnessed": done.newest.size if done.newest is not None else None,
        "lost": done.lost,
        "held": done.held,
        "cannot_sign": list(done.unsigned_by),
        "verification": done.report.as_dict(),
    }
    return Answer(document, "\n".join(_lines(done)), yes=done.report.good and not done.held)


def _lines(done: Restored) -> list[str]:
    lines = [
        f"Restored {done.manifest.id}: {done.rows} rows, {done.files.files} files.",
        done.report.text(),
        "Leases have ended, people sign in again, messages are sent again, renders in the making go on.",
    ]
    lines += [f"  lacking since the backup: {one.role} {one.sha256}" for one in done.manifest.lacking]
    lines += [
        f"The private half of the {name} key is not here: put it back, or run `greenroom pki rotate {name}`."
        for name in done.unsigned_by
    ]
    if done.lost:
        lines.append(
            f"AT LEAST {done.lost} LEDGER ENTRIES ARE LOST: the last kept checkpoint covers "
            f"{done.newest.size if done.newest else 0}, the backup {done.manifest.ledger.assigned}."
        )
    elif done.lost is None:
        lines.append("NOBODY CAN KNOW what happened after the backup: no checkpoint was kept since.")
    if done.held:
        lines += [
            "Nothing is served and nothing is released until somebody says so. Recall and withdraw again what was",
            "recalled and withdrawn since the backup, then run `greenroom ledger acknowledge --because replayed`.",
        ]
    return lines

"""``greenroom ledger verify|witness|prove|check-proof|acknowledge``.

All but the last read and change nothing: an entry that no checkpoint covers yet is verified as it stands and counted as
pending.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import InputError, NotFound
from greenroom.actors import actor, add_actor_options
from greenroom.cli import command
from greenroom.output import Answer

if TYPE_CHECKING:
    from audit.ledger.witness import Kept
    from audit.notes import Verifier


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "ledger", "the append-only log", run_verify)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = command(
        actions, shared, "verify", "recompute everything; exit 1 when something was changed", run_verify
    )
    verify.add_argument(
        "--against",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="kept checkpoints that the log must continue; those in GREENROOM_WITNESSES are always asked",
    )
    verify.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="keep the answer in FILE too: what a timer does (docs/observability.md)",
    )
    witness = command(
        actions, shared, "witness", "the newest checkpoint, to be kept somewhere else", run_witness
    )
    witness.add_argument(
        "--out", type=Path, metavar="FILE", help="default: a new file in GREENROOM_WITNESSES"
    )
    witness.add_argument(
        "--cosign", type=Path, metavar="PEM", help="an Ed25519 key that says: I saw this now"
    )
    witness.add_argument("--name", default="operator", help="who cosigns (default: operator)")
    prove = command(actions, shared, "prove", "a proof that an entry is in the log", run_prove)
    prove.add_argument("entry_id")
    prove.add_argument("--out", type=Path, metavar="FILE", help="default: print it")
    check = command(
        actions,
        shared,
        "check-proof",
        "check a proof offline; exit 1 when it proves nothing",
        run_check_proof,
    )
    check.add_argument("file", type=Path)
    check.add_argument(
        "--key",
        metavar="VKEY",
        help="the log's verifier key, as `witness` prints it; default: this home's keys",
    )
    acknowledge = command(
        actions, shared, "acknowledge", "after a restore: serve and release again", run_acknowledge
    )
    acknowledge.add_argument(
        "--because",
        required=True,
        choices=("replayed", "nothing_lost"),
        help="replayed: recalls and withdrawals since the backup were done again; nothing_lost: there were none",
    )
    add_actor_options(acknowledge)


def run_verify(args: argparse.Namespace) -> Answer:
    from audit.ledger import verify_ledger
    from greenroom.database import migrate

    migrate()
    report = verify_ledger(kept_checkpoints(args.against))
    if args.report is not None:
        _write(args.report, json.dumps(report.as_dict()).encode() + b"\n")
    return Answer(report.as_dict(), report.text(), yes=report.good)


def kept_checkpoints(files: list[Path], known: list[Verifier] | None = None) -> list[Kept]:
    """The named ones and those in GREENROOM_WITNESSES. Raises InputError, NoteError for one that cannot be read."""
    from audit.ledger.tiles import LedgerFiles
    from audit.ledger.witness import kept_in, read_kept
    from core.settings import get_settings

    folder = get_settings().witnesses
    paths = [*files, *(kept_in(Path(folder)) if folder else [])]
    if not paths:
        return []
    verifiers = LedgerFiles().verifiers() if known is None else known
    return [read_kept(path, verifiers) for path in paths]


def run_witness(args: argparse.Namespace) -> Answer:
    from audit.ledger import current_checkpoint
    from audit.ledger.tiles import LedgerFiles
    from audit.ledger.witness import cosign, file_name
    from core.settings import get_settings

    current = current_checkpoint()
    if current is None:
        raise NotFound(
            "the ledger has no checkpoint yet",
            where="ledger",
            next_step="start `greenroom up`, wait a moment and ask again",
        )
    checkpoint, note = current
    if args.cosign is not None:
        note = cosign(note, args.name, _private_key(args.cosign))
    out = args.out
    if out is None and (folder := get_settings().witnesses):
        out = Path(folder) / file_name(checkpoint)
    if out is not None:
        _write(out, note.encode())
    keys = [verifier.vkey for verifier in LedgerFiles().verifiers()]
    document = {
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "note": note,
        "file": str(out) if out is not None else None,
        "keys": keys,
    }
    said = f"{checkpoint.size} entries; kept in {out}" if out is not None else note.rstrip("\n")
    return Answer(document, "\n".join([said, *(f"verifier key: {key}" for key in keys)]))


def run_prove(args: argparse.Namespace) -> Answer:
    from audit.ledger import prove
    from core.database import reading
    from greenroom.database import migrate

    migrate()
    with reading() as session:
        proof = prove(session, args.entry_id)
    if args.out is not None:
        _write(args.out, proof.encode())
    document = {"entry": args.entry_id, "proof": proof, "file": str(args.out) if args.out else None}
    return Answer(document, f"proof in {args.out}" if args.out else proof.rstrip("\n"))


def run_check_proof(args: argparse.Namespace) -> Answer:
    from audit.ledger.proofs import MAX_PROOF, proven_entry, verify_proof
    from audit.ledger.tiles import LedgerFiles
    from audit.notes import NoteError, parse_vkey

    known = [parse_vkey(args.key)] if args.key else LedgerFiles().verifiers()
    try:
        with args.file.open("rb") as file:
            proof = file.read(MAX_PROOF + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"the proof cannot be read ({type(error).__name__})",
            where=str(args.file),
            next_step="name a file that `greenroom ledger prove --out` wrote",
        ) from error
    try:
        entry = proven_entry(proof)
        checkpoint = verify_proof(proof, entry, known)
        stated = json.loads(entry)
    except (NoteError, ValueError) as error:
        what = error.what if isinstance(error, NoteError) else "the entry cannot be read"
        return Answer({"proven": False, "problem": what}, f"Not proven: {what}.", yes=False)
    document = {"proven": True, "origin": checkpoint.origin, "size": checkpoint.size, "entry": stated}
    said = f"Proven: entry {stated['id']} ({stated['event']}, {stated['subject']}, {stated['time']})"
    return Answer(document, f"{said} is in {checkpoint.origin} of {checkpoint.size} entries.")


def run_acknowledge(args: argparse.Namespace) -> Answer:
    from delivery.restored import acknowledge

    who = actor(args, "administer")
    ended = acknowledge(actor_id=who.id, because=args.because)
    return Answer(
        {"acknowledged": True, "because": args.because, "links_ended": ended},
        f"Serving and releasing again. {ended} links from before the restore were ended.",
    )


def _private_key(path: Path) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        key = error  # type: ignore[assignment]
    if isinstance(key, Ed25519PrivateKey):
        return key
    raise InputError(
        "the cosigning key cannot be used",
        where=str(path),
        next_step="make one with `openssl genpkey -algorithm ed25519 -out FILE`",
    )


def _write(path: Path, data: bytes) -> None:
    from core.durable import write_durably

    try:
        write_durably(path, data)
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path: Path, error: OSError) -> InputError:
    return InputError(
        f"the file cannot be written ({error.strerror})",
        where=str(path),
        next_step="name a file in a folder that is there and that you may write",
    )

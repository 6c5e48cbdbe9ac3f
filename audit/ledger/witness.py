"""Checkpoints kept elsewhere: what notices that database, ledger files and keys were all put back or rewritten.

A kept checkpoint is the log's own signed note (https://c2sp.org/tlog-checkpoint) in a file, with a cosignature of
whoever keeps it where they have a key for that (https://c2sp.org/tlog-cosignature, version 1, Ed25519): it says
when they saw it. Whether the log continues it is proven from its tiles (RFC 6962, 2.1.2).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit import keys
from audit.errors import LedgerInconsistent
from audit.ledger import merkle
from audit.ledger.report import Witnessed
from audit.ledger.tiles import LedgerFiles, TileReader
from audit.notes import MAX_NOTE, Checkpoint, NoteError, Verifier, open_note, parse_checkpoint
from core.errors import InputError

SUFFIX = ".checkpoint"
MAX_KEPT = 10_000  # files of one folder that are looked at
_COSIGNATURE = b"\x04"


@dataclass(frozen=True)
class Kept:
    """A checkpoint of this log that somebody kept. ``where``: its file, as people know it."""

    checkpoint: Checkpoint
    where: str


def read_kept(path: Path, known: Sequence[Verifier]) -> Kept:
    """A kept checkpoint, signed by one of the log's keys, retired ones included.

    Raises:
        InputError: the file cannot be read.
        NoteError: it is no checkpoint, or none of the log's keys signed it.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_NOTE + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"a kept checkpoint cannot be read ({type(error).__name__})",
            where=str(path),
            next_step="name a file that `greenroom ledger witness --out` wrote",
        ) from error
    try:
        checkpoint = parse_checkpoint(open_note(text, known))
    except NoteError as error:
        raise NoteError(error.what, where=str(path), next_step=error.next_step) from error
    if all(checkpoint.origin != verifier.name for verifier in known):
        raise NoteError("the kept checkpoint is of another log", where=str(path))
    return Kept(checkpoint, str(path))


def kept_in(folder: Path) -> list[Path]:
    """The files of a folder of kept checkpoints, oldest first. A folder that is not there is wrong use."""
    if not folder.is_dir():
        raise InputError(
            "the folder of kept checkpoints is not there",
            where=str(folder),
            next_step="make it, or correct GREENROOM_WITNESSES",
        )
    files = sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIX))
    return files[-MAX_KEPT:]


def file_name(checkpoint: Checkpoint) -> str:
    """A name that sorts by size and differs where two trees of one size do."""
    return f"{checkpoint.size:012d}-{checkpoint.root.hex()[:8]}{SUFFIX}"


def continued(log: LedgerFiles, current: Checkpoint, kept: Kept) -> Witnessed:
    """Whether the log continues a kept checkpoint, with the proof. ``current``: the tree that it has now."""
    old = kept.checkpoint
    ahead = current.size - old.size
    answer = Witnessed(kept.where, old.size, ahead)
    if ahead < 0:
        newer = log.note()  # kept while we looked: the file is at least as new as what was kept of it
        latest = log.open(newer) if newer is not None else current
        if latest.size < old.size:
            detail = f"this log ends at {current.size}: {-ahead} entries that were signed are not in it"
            return Witnessed(kept.where, old.size, ahead, (), "rolled_back", detail)
        return continued(log, latest, kept)
    if old.size == 0:
        return answer
    try:
        reader = TileReader(log, current.size)
        proof = merkle.consistency_proof(old.size, current.size, reader.subtree)
    except LedgerInconsistent as error:
        return Witnessed(kept.where, old.size, ahead, (), "missing", f"no proof can be made: {error.what}")
    if not merkle.verify_consistency(old.size, old.root, current.size, current.root, proof):
        detail = f"this log had another root at {old.size}: it does not continue what was kept"
        return Witnessed(kept.where, old.size, ahead, (), "changed", detail)
    return Witnessed(kept.where, old.size, ahead, tuple(item.hex() for item in proof))


# cosignatures --------------------------------------------------------------------------------------------------


def cosign(note: str, name: str, key: Ed25519PrivateKey, *, at: int | None = None) -> str:
    """The note with one more signature line: ``name`` saw this checkpoint at that moment (seconds since the epoch).

    Raises NoteError for a name with a space or a plus.
    """
    if not name or "+" in name or any(character.isspace() for character in name):
        raise NoteError("a witness's name is not empty and has no spaces and no plus", where=name[:60])
    moment = int(time.time()) if at is None else at
    text = note.rpartition("\n\n")[0] + "\n"
    signature = struct.pack(">Q", moment) + key.sign(_message(text, moment))
    line = base64.b64encode(_key_hash(name, key.public_key()) + signature).decode()
    return f"{note}— {name} {line}\n"


def cosigned(note: str, name: str, key: Ed25519PublicKey) -> int:
    """When that witness saw this checkpoint, in seconds since the epoch. Raises NoteError where it did not say so."""
    head, _, tail = note.rpartition("\n\n")
    for line in tail.splitlines():
        parts = line.split(" ")
        if len(parts) != 3 or parts[:2] != ["—", name]:
            continue
        try:
            data = base64.b64decode(parts[2], validate=True)
        except binascii.Error as error:
            raise NoteError("a cosignature cannot be read", where=name) from error
        if data[:4] != _key_hash(name, key) or len(data) != 76:
            continue
        (moment,) = struct.unpack(">Q", data[4:12])
        try:
            key.verify(data[12:], _message(f"{head}\n", moment))
        except InvalidSignature as error:
            raise NoteError("a cosignature is wrong", where=name) from error
        return int(moment)
    raise NoteError("this witness did not cosign", where=name)


def _message(text: str, moment: int) -> bytes:
    return f"cosignature/v1\ntime {moment}\n{text}".encode()


def _key_hash(name: str, key: Ed25519PublicKey) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _COSIGNATURE + keys.raw_public_key(key)).digest()[:4]

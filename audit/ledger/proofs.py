"""Proofs that anyone can check offline: an entry is in the log, and the log only grew.

``prove`` writes C2SP's tlog-proof text (https://c2sp.org/tlog-proof): the entry's bytes as its extra data, index,
inclusion path and the signed checkpoint. Verification needs that text and the log's verifier key, nothing else.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.ledger import merkle
from audit.ledger.sequencer import current_checkpoint
from audit.ledger.tiles import LedgerFiles, TileReader, Tiles
from audit.notes import Checkpoint, NoteError, Verifier, open_note, parse_checkpoint
from audit.tables import LedgerEntryRow
from core.errors import Conflict, NotFound
from core.settings import get_settings

HEADER = "c2sp.org/tlog-proof@v1"
MAX_PATH = 63
MAX_PROOF = 200_000  # characters: an entry has at most 65,535 bytes


def prove(session: Session, entry_id: str) -> str:
    """The tlog-proof of one entry against the last checkpoint.

    Raises NotFound for an unknown entry, Conflict for one that is not in a checkpoint yet.
    """
    row = session.scalars(select(LedgerEntryRow).where(LedgerEntryRow.entry_id == entry_id)).first()
    if row is None:
        raise NotFound("there is no such ledger entry", where=entry_id, next_step="check the id")
    current = current_checkpoint()
    if row.position is None or current is None or row.position >= current[0].size:
        raise Conflict(
            "the entry is not in a signed checkpoint yet",
            where=entry_id,
            next_step="wait a moment and ask again",
        )
    checkpoint, note = current
    entry = base64.b64encode(row.body.encode()).decode()
    path = inclusion_proof(row.position, checkpoint.size)
    lines = [
        HEADER,
        f"extra {entry}",
        f"index {row.position}",
        *(base64.b64encode(item).decode() for item in path),
    ]
    return "\n".join(lines) + "\n\n" + note


def inclusion_proof(index: int, size: int) -> list[bytes]:
    """RFC 6962 inclusion path, from the tiles."""
    return merkle.inclusion_proof(index, size, _reader(size).subtree)


def consistency_proof(old: int, new: int) -> list[bytes]:
    """RFC 6962 consistency proof between two sizes, from the tiles."""
    return merkle.consistency_proof(old, new, _reader(new).subtree)


def _reader(size: int) -> TileReader:
    return TileReader(LedgerFiles(), size, _full_tiles(get_settings().effective_ledger_url))


@lru_cache(maxsize=1)
def _full_tiles(_url: str) -> Tiles:
    """What this process has read for proofs. One that was changed in the store later makes a proof no worse."""
    return {}


def proven_entry(proof: str) -> bytes:
    """The entry that a proof brings along. It counts once :func:`verify_proof` has taken it.

    Raises :class:`NoteError` where there is none.
    """
    lines = proof[:MAX_PROOF].split("\n", 2)
    if len(lines) < 2 or lines[0] != HEADER or not lines[1].startswith("extra "):
        raise NoteError("this is no tlog-proof that brings its entry along")
    try:
        return base64.b64decode(lines[1].removeprefix("extra "), validate=True)
    except binascii.Error as error:
        raise NoteError("a tlog-proof cannot be read") from error


def verify_proof(proof: str, entry: bytes, known: Sequence[Verifier]) -> Checkpoint:
    """Check a tlog-proof over an entry's bytes; returns the checkpoint that it is proven in.

    Raises :class:`NoteError` when the text is malformed, nobody known signed, or the path does not lead to
    the signed root. It does not check that the checkpoint is the log's newest.
    """
    if len(proof) > MAX_PROOF:
        raise NoteError("a tlog-proof is too long")
    head, _, note = proof.partition("\n\n")
    lines = head.split("\n")
    if not lines or lines.pop(0) != HEADER:
        raise NoteError("this is no tlog-proof")
    if lines and lines[0].startswith("extra "):
        lines.pop(0)  # not authenticated: the caller's entry counts
    if not lines or not lines[0].startswith("index ") or len(lines) > MAX_PATH + 1:
        raise NoteError("a tlog-proof has no index")
    try:
        text = lines.pop(0).removeprefix("index ")
        index = int(text)
        path = [base64.b64decode(line, validate=True) for line in lines]
    except (ValueError, binascii.Error) as error:
        raise NoteError("a tlog-proof cannot be read") from error
    if str(index) != text or any(len(item) != 32 for item in path):
        raise NoteError("a tlog-proof cannot be read")
    checkpoint = parse_checkpoint(open_note(note, known))
    leaf = merkle.leaf_hash(entry)
    if not merkle.verify_inclusion(leaf, index, checkpoint.size, path, checkpoint.root):
        raise NoteError("the entry is not in the log at that index")
    return checkpoint

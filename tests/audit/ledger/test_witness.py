"""Kept checkpoints: what may be one, and what a cosignature says."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import keys
from audit.ledger import current_checkpoint, sequence_pending
from audit.ledger.tiles import LedgerFiles
from audit.ledger.witness import cosign, cosigned, file_name, kept_in, read_kept
from audit.notes import Checkpoint, NoteError, sign_note
from audit.rotation import rotate
from core.database import transaction
from core.errors import InputError
from tests.audit.conftest import append_one

KEY = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)


@pytest.fixture
def note(home: Path) -> str:
    with transaction() as session:
        append_one(session)
    sequence_pending()
    current = current_checkpoint()
    assert current is not None
    return current[1]


def test_the_logs_own_note_is_a_kept_checkpoint_cosigned_or_not(note: str, tmp_path: Path) -> None:
    known = LedgerFiles().verifiers()
    for text in (note, cosign(note, "operator", KEY)):
        (tmp_path / "kept").write_text(text)
        assert read_kept(tmp_path / "kept", known).checkpoint.size == 1


def test_it_counts_after_the_key_was_retired(note: str, tmp_path: Path) -> None:
    rotate(keys.LEDGER)
    (tmp_path / "kept").write_text(note)
    assert read_kept(tmp_path / "kept", LedgerFiles().verifiers()).checkpoint.size == 1


@pytest.mark.parametrize("damage", ["size", "unsigned", "another log", "rubbish", "huge"])
def test_what_the_log_did_not_sign_is_none(note: str, tmp_path: Path, damage: str) -> None:
    other = Checkpoint("another.example/log", 1, b"\0" * 32)
    text = {
        "size": note.replace("\n1\n", "\n2\n", 1),
        "unsigned": note.partition("\n\n")[0] + "\n\n— somebody AAAAAAAA\n",
        "another log": sign_note(other.text(), other.origin, KEY),
        "rubbish": "\x00",
        "huge": note * 2000,
    }[damage]
    (tmp_path / "kept").write_text(text)
    with pytest.raises(NoteError) as told:
        read_kept(tmp_path / "kept", LedgerFiles().verifiers())
    assert str(tmp_path / "kept") in str(told.value)


def test_a_file_that_is_not_there_is_wrong_use(home: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_kept(tmp_path / "absent", [])
    with pytest.raises(InputError, match="is not there"):
        kept_in(tmp_path / "absent")


def test_a_cosignature_is_what_the_specification_says(note: str) -> None:
    """c2sp.org/tlog-cosignature: key hash of type 4, eight bytes of time, a signature over time and note."""
    signed = cosign(note, "witness.example", KEY, at=1_700_000_000)
    assert signed.startswith(note)
    name, encoded = signed.removeprefix(note).strip().split(" ")[1:]
    data = base64.b64decode(encoded)
    public = keys.raw_public_key(KEY.public_key())
    assert name == "witness.example"
    assert data[:4] == hashlib.sha256(b"witness.example\n\x04" + public).digest()[:4]
    assert int.from_bytes(data[4:12], "big") == 1_700_000_000
    text = note.rpartition("\n\n")[0] + "\n"
    KEY.public_key().verify(data[12:], b"cosignature/v1\ntime 1700000000\n" + text.encode())
    assert cosigned(signed, "witness.example", KEY.public_key()) == 1_700_000_000


def test_a_cosignature_of_another_or_over_another_note_does_not_count(note: str) -> None:
    signed = cosign(note, "operator", KEY)
    with pytest.raises(NoteError, match="did not cosign"):
        cosigned(note, "operator", KEY.public_key())
    with pytest.raises(NoteError, match="did not cosign"):
        cosigned(signed, "operator", Ed25519PrivateKey.generate().public_key())
    with pytest.raises(NoteError, match="wrong"):
        cosigned(signed.replace("\n1\n", "\n2\n", 1), "operator", KEY.public_key())
    with pytest.raises(NoteError, match="no spaces"):
        cosign(note, "an operator", KEY)


def test_kept_files_sort_by_size(tmp_path: Path) -> None:
    for size in (9, 10, 1_000_000):
        (tmp_path / file_name(Checkpoint("log", size, b"\1" * 32))).touch()
    (tmp_path / "notes.txt").touch()
    assert [int(path.name.split("-")[0]) for path in kept_in(tmp_path)] == [9, 10, 1_000_000]

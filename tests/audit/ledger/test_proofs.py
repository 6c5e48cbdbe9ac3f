"""Proofs from the tiles: offline, from the text, the entry's bytes and the log's key alone."""

from __future__ import annotations

import base64

import pytest
from sqlalchemy import select

from audit.ledger import consistency_proof, current_checkpoint, merkle, prove, sequence_pending, verify_proof
from audit.ledger.proofs import proven_entry
from audit.ledger.tiles import LedgerFiles
from audit.notes import NoteError, Verifier
from audit.tables import LedgerEntryRow
from core.database import reading, transaction
from core.errors import Conflict, NotFound
from tests.audit.conftest import append_one

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def log(home: object) -> list[str]:
    """The ids of 300 sequenced entries."""
    with transaction() as session:
        ids = [append_one(session, i) for i in range(300)]
    sequence_pending()
    return ids


def proof_and_entry(entry_id: str) -> tuple[str, bytes, list[Verifier]]:
    with reading() as session:
        row = session.scalars(select(LedgerEntryRow).where(LedgerEntryRow.entry_id == entry_id)).one()
        return prove(session, entry_id), row.body.encode(), LedgerFiles().verifiers()


@pytest.mark.parametrize("index", [0, 1, 255, 256, 299])
def test_an_entry_is_proven(log: list[str], index: int) -> None:
    proof, entry, known = proof_and_entry(log[index])
    head, extra, at = proof.split("\n")[:3]
    assert (head, at) == ("c2sp.org/tlog-proof@v1", f"index {index}")
    assert base64.b64decode(extra.removeprefix("extra ")) == entry == proven_entry(proof)
    assert verify_proof(proof, entry, known).size == 300


def test_another_entry_is_not_proven(log: list[str]) -> None:
    proof, entry, known = proof_and_entry(log[7])
    with pytest.raises(NoteError, match="not in the log"):
        verify_proof(proof, entry.replace(b"draft", b"final"), known)


def test_a_changed_proof_is_refused(log: list[str]) -> None:
    proof, entry, known = proof_and_entry(log[7])
    lines = proof.split("\n")
    other = base64.b64encode(b"\1" * 32).decode()
    for changed in (
        proof.replace("index 7", "index 8"),
        proof.replace("index 7", "index 07"),
        proof.replace("index 7", "index -7"),
        proof.replace("tlog-proof@v1", "tlog-proof@v2"),
        proof.replace(lines[3], other),
        proof.replace(lines[3] + "\n", ""),
        proof.replace(lines[3], "!"),
        proof.replace("\n300\n", "\n301\n"),
        "",
    ):
        assert changed != proof
        with pytest.raises(NoteError):
            verify_proof(changed, entry, known)


def test_unauthenticated_extra_data_is_allowed_and_ignored(log: list[str]) -> None:
    proof, entry, known = proof_and_entry(log[7])
    own = proof.split("\n")[1]
    assert verify_proof(proof.replace(own, "extra AAAA"), entry, known).size == 300
    assert verify_proof(proof.replace(f"{own}\n", ""), entry, known).size == 300
    with pytest.raises(NoteError, match="brings its entry"):
        proven_entry(proof.replace(f"{own}\n", ""))


def test_another_logs_key_proves_nothing(log: list[str]) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    proof, entry, known = proof_and_entry(log[7])
    other = Verifier(known[0].name, Ed25519PrivateKey.generate().public_key())
    with pytest.raises(NoteError, match="no known key"):
        verify_proof(proof, entry, [other])


def test_a_pending_and_an_unknown_entry_have_no_proof(log: list[str]) -> None:
    with transaction() as session:
        pending = append_one(session)
    with reading() as session:
        with pytest.raises(Conflict, match="not in a signed checkpoint yet"):
            prove(session, pending)
        with pytest.raises(NotFound):
            prove(session, "led_unknown")


def test_growth_is_proven_between_any_two_checkpoints(log: list[str]) -> None:
    old = current_checkpoint()
    with transaction() as session:
        for i in range(400):
            append_one(session, i)
    sequence_pending()
    new = current_checkpoint()
    assert old is not None
    assert new is not None
    proof = consistency_proof(300, 700)
    assert merkle.verify_consistency(300, old[0].root, 700, new[0].root, proof)
    assert not merkle.verify_consistency(300, b"\0" * 32, 700, new[0].root, proof)

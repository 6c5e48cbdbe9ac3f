"""Receipts: signed once, verified at every read; a forged or foreign one stops everything."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from audit import keys, receipts, rotation, signing
from audit.errors import ForgedReceipt, ReceiptConflict, RetiredKey
from audit.ledger import verify_ledger
from audit.models import Receipt
from core.canonical import canonical_json
from core.database import engine, reading, transaction
from core.errors import IntegrityError
from core.models import Verdict
from tests.audit.conftest import ESSENCE, GATE_SET, decision

pytestmark = pytest.mark.usefixtures("home")


def issue(**changes: object) -> Receipt:
    values: dict[str, object] = {"essence": ESSENCE, "decision": decision(), "gate_set_sha256": GATE_SET}
    with transaction() as session:
        return receipts.issue(session, **{**values, **changes})  # type: ignore[arg-type]


def read(essence: str = ESSENCE, **filters: str) -> list[Receipt]:
    with reading() as session:
        return receipts.receipts_for(session, essence, **filters)


def test_a_receipt_says_what_was_decided_over_what() -> None:
    receipt = issue()
    assert read() == [receipt]
    assert (receipt.gate, receipt.verdict, receipt.essence) == ("technical", Verdict.PASS, ESSENCE)
    assert receipt.gate_set_sha256 == GATE_SET
    assert receipt.environment == "test"
    # A measure that is not a number is said to be unknown, not dropped and not a number.
    assert receipt.decision.result.measures == {"loudness": -16.5, "unknown": None}


def test_the_same_verdict_is_stored_once() -> None:
    assert issue().id == issue().id
    assert len(read()) == 1


def test_another_verdict_of_the_same_gate_version_is_a_conflict() -> None:
    issue()
    with pytest.raises(ReceiptConflict, match="said pass before and says block"):
        issue(decision=decision(verdict=Verdict.BLOCK))


def test_another_gate_set_another_brief_and_another_brand_are_other_receipts() -> None:
    issue()
    issue(gate_set_sha256="0b" * 32)
    issue(brief_sha256="0c" * 32)
    issue(brand_id="brd_other")
    assert len(read()) == 4
    assert len(read(gate_set_sha256=GATE_SET)) == 3
    assert len(read(brand_id="brd_other")) == 1
    # Receipts that needed no brief speak for every brief.
    assert len(read(brief_sha256="0c" * 32)) == 4
    assert len(read(brief_sha256="0d" * 32)) == 3


def test_receipts_of_another_essence_are_not_read() -> None:
    issue()
    assert read("00" * 32) == []
    assert receipts.missing_receipts(read(), ["technical", "label"]) == ["label"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE receipts SET verdict = 'block'",
        "UPDATE receipts SET gate = 'label'",
        "UPDATE receipts SET gate_version = '2'",
        'UPDATE receipts SET document = replace(document, \'"verdict":"pass"\', \'"verdict":"block"\')',
        "UPDATE receipts SET signature = '00' || substr(signature, 3)",
        "UPDATE receipts SET key_id = '0123456789abcdef'",
    ],
)
def test_a_forged_receipt_raises(statement: str) -> None:
    issue()
    with engine().begin() as connection:
        assert connection.execute(text(statement)).rowcount == 1
    with pytest.raises(IntegrityError):
        read()


def test_a_receipt_moved_to_another_essence_raises() -> None:
    issue()
    with engine().begin() as connection:
        connection.execute(text("UPDATE receipts SET essence = :other"), {"other": "00" * 32})
    with pytest.raises(ForgedReceipt, match="differ"):
        read("00" * 32)


def test_a_receipt_signed_by_another_installation_raises() -> None:
    issue()
    foreign = Ed25519PrivateKey.generate()
    with engine().begin() as connection:
        body = connection.execute(text("SELECT document FROM receipts")).scalar_one()
        signature = foreign.sign(body.encode()).hex()
        connection.execute(text("UPDATE receipts SET signature = :s"), {"s": signature})
    with pytest.raises(ForgedReceipt, match="not signed here"):
        read()


def test_another_document_that_our_key_signed_is_no_receipt() -> None:
    issue()
    with engine().begin() as connection:
        body = json.loads(connection.execute(text("SELECT document FROM receipts")).scalar_one())
        body["type"] = "greenroom.authority_status.v1"
        data = json.dumps(body)
        signature = keys.sign(keys.RECEIPTS, data.encode())
        connection.execute(
            text("UPDATE receipts SET document = :d, signature = :s"), {"d": data, "s": signature.value}
        )
    with pytest.raises(ForgedReceipt, match="differ"):
        read()


def test_a_receipt_of_a_retired_key_still_verifies() -> None:
    receipt = issue()
    rotation.rotate(keys.RECEIPTS)
    assert read() == [receipt] and verify_ledger().good


def test_a_key_that_was_retired_issues_no_more_receipts() -> None:
    """Whoever kept the old key, and has the database too, still issues none, and exchanges none from before."""
    issue()
    old = keys.known_key_id(keys.RECEIPTS)
    rotation.rotate(keys.RECEIPTS)
    issue(essence="0e" * 32)
    keys.provider(keys.RECEIPTS).make_current(str(old))
    with pytest.raises(RetiredKey, match="was retired"):
        issue(essence="0f" * 32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signing, "retired_by", lambda *_: None)
        patch.setattr(receipts, "check_keys_in_use", lambda *_: None)
        forged = issue(essence="0f" * 32)
    with pytest.raises(ForgedReceipt, match="after it was retired"):
        read("0f" * 32)
    with pytest.raises(ForgedReceipt, match="after it was retired"):
        issue(essence="0f" * 32)  # nor is it taken for one that is stored already
    assert [problem.where for problem in verify_ledger().problems] == [f"receipts/{forged.id}"]


def test_a_receipt_from_before_is_not_exchanged_with_a_key_that_was_retired() -> None:
    issue()
    old = keys.known_key_id(keys.RECEIPTS)
    rotation.rotate(keys.RECEIPTS)
    with engine().begin() as connection:
        said = json.loads(connection.execute(text("SELECT document FROM receipts")).scalar_one())
        said["decision"]["verdict"] = said["decision"]["result"]["verdict"] = "review"
        document = canonical_json(said)
        signature = keys.provider(keys.RECEIPTS).sign(str(old), document).hex()
        connection.execute(
            text("UPDATE receipts SET document = :d, signature = :s, verdict = 'review'"),
            {"d": document.decode(), "s": signature},
        )
    with pytest.raises(ForgedReceipt, match="after it was retired"):
        read()


def test_the_document_for_the_evidence_pack_is_what_was_signed() -> None:
    receipt = issue()
    with reading() as session:
        pack = receipts.receipt_document(session, receipt.id)
    signature = keys.Signature(pack["signature"]["key_id"], pack["signature"]["value"])
    assert keys.verify(keys.RECEIPTS, signature, canonical_json(pack["document"]))

"""Keys on further machines: what one signed the other believes with the keys alone; no key replaces another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from audit import keys, receipts, rotation
from audit.errors import ForgedReceipt, KeyNotHere, UnknownKey
from audit.key_record import named_keys
from audit.ledger import prove, sequence_pending, verify_ledger
from audit.models import Receipt
from audit.tables import ReceiptRow
from core.database import reading, transaction
from core.errors import IntegrityError
from tests.audit.conftest import ESSENCE, GATE_SET, append_one, decision
from tests.kit.machines import copy_keys, machine, shared
from tests.servers.both import pytest_generate_tests  # noqa: F401


@dataclass
class Two:
    """The first machine's home, with keys and a receipt; an empty one; and what they share."""

    first: Path
    second: Path
    settings: dict[str, str]
    receipt: Receipt


@pytest.fixture
def two(home: Path, tmp_path: Path, brand: str) -> Iterator[Two]:
    for name in keys.NAMES:
        rotation.begin(name)
    with transaction() as session:
        receipt = issue(session)
    sequence_pending()
    yield Two(home, tmp_path / "second", shared(home), receipt)


def issue(session: object, gate: str = "technical") -> Receipt:
    return receipts.issue(session, essence=ESSENCE, decision=decision(gate), gate_set_sha256=GATE_SET)  # type: ignore[arg-type]


def read() -> list[Receipt]:
    with reading() as session:
        return receipts.receipts_for(session, ESSENCE)


def test_a_machine_with_the_keys_reads_and_signs_what_the_other_reads(two: Two) -> None:
    copy_keys(two.first, two.second)
    with machine(two.second, **two.settings):
        assert read() == [two.receipt]
        with transaction() as session:
            issue(session, "label")
        sequence_pending()
        assert verify_ledger().good
    assert {receipt.key_id for receipt in read()} == {two.receipt.key_id}
    assert len(read()) == 2 and verify_ledger().good


def test_a_machine_without_keys_signs_nothing_and_makes_none(two: Two) -> None:
    with machine(two.second, **two.settings):
        with transaction() as session, pytest.raises(KeyNotHere) as refused:
            issue(session, "label")
        assert two.receipt.key_id in refused.value.what and "copy the folder" in refused.value.next_step
        for name in keys.NAMES:
            with pytest.raises(KeyNotHere, match="has no"):
                rotation.begin(name)
            with pytest.raises(KeyNotHere, match="none of the installation's"):
                rotation.rotate(name)
        assert not (two.second / "keys").exists()


def test_what_it_cannot_read_it_calls_unknown_and_not_forged(two: Two) -> None:
    with machine(two.second, **two.settings):
        with pytest.raises(UnknownKey) as told:
            read()
        assert two.receipt.key_id in told.value.what
        # Whoever fails closed on a wrong signature does so here, and another machine may do the work.
        assert isinstance(told.value, IntegrityError) and told.value.retryable
        report = verify_ledger()
        assert {problem.kind for problem in report.problems} >= {"unsigned"}
        assert "not on this machine" in report.text()


def test_a_machine_with_keys_of_its_own_signs_nothing(two: Two) -> None:
    with machine(two.second, database_url="", blob_url="", ledger_url=""):
        for name in keys.NAMES:
            keys.sign(name, b"before it was given the database of the others")
    with machine(two.second, **two.settings):
        with pytest.raises(UnknownKey):
            read()
        for name in keys.NAMES:
            with pytest.raises(KeyNotHere, match="of its own"):
                keys.sign(name, b"data")
            with pytest.raises(KeyNotHere, match="of its own"):
                rotation.begin(name)
        with transaction() as session:
            append_one(session)
        with pytest.raises(KeyNotHere):
            sequence_pending()
    assert sequence_pending() == 1 and verify_ledger().good


def test_a_machine_with_the_public_halves_verifies_and_does_not_sign(two: Two) -> None:
    copy_keys(two.first, two.second, private=False)
    with machine(two.second, **two.settings):
        assert read() == [two.receipt]
        assert verify_ledger().good
        for name in keys.NAMES:
            with pytest.raises(KeyNotHere):
                keys.sign(name, b"data")


def test_a_signature_under_a_key_that_nobody_has_is_forged(two: Two) -> None:
    """Only a key that the database names is somebody else's honest work."""
    with reading() as session:
        row = session.scalars(select(ReceiptRow)).one()
        session.expunge(row)
    row.key_id = "0" * 16
    with pytest.raises(ForgedReceipt, match="not signed here"):
        receipts.verified(row)


def test_a_key_that_was_rotated_elsewhere_is_named_as_retired(two: Two) -> None:
    copy_keys(two.first, two.second)
    rotated = rotation.rotate("receipts")
    assert named_keys("receipts") == {rotated.old: True, rotated.new: False}
    with machine(two.second, **two.settings):
        assert keys.known_key_id("receipts") == rotated.old  # it is told at its start: delivery/machine.py
        assert read() == [two.receipt]
    copy_keys(two.first, two.second)
    with machine(two.second, **two.settings):
        assert keys.sign("receipts", b"data").key_id == rotated.new and read() == [two.receipt]


def test_a_lost_key_is_given_up_only_by_saying_so(two: Two) -> None:
    with machine(two.second, **two.settings):
        made = rotation.rotate("receipts", lost=True)
        assert made.old == two.receipt.key_id and keys.sign("receipts", b"data").key_id == made.new
        with pytest.raises(UnknownKey):
            read()


def test_proofs_are_made_by_any_machine(two: Two) -> None:
    copy_keys(two.first, two.second, private=False)
    with transaction() as session:
        entry = append_one(session)
    sequence_pending()
    with machine(two.second, **two.settings), reading() as session:
        assert "index" in prove(session, entry)


@pytest.mark.only("sqlite")
def test_on_one_machine_the_first_signature_needs_no_step_before_even_inside_a_transaction(
    home: Path, brand: str
) -> None:
    began = time.monotonic()
    with transaction() as session:
        receipt = issue(session)
    assert (
        time.monotonic() - began < 5
    )  # it reads on another connection, and never waits for the one that writes
    assert read() == [receipt]
    assert [rotation.begin(name).made for name in ("receipts", "approvals")] == [False, True]


@pytest.mark.only("sqlite")
def test_a_folder_that_was_lost_is_not_made_again(home: Path, brand: str) -> None:
    with transaction() as session:
        receipt = issue(session)
    (home / "keys" / "receipts").rename(home / "elsewhere")
    with transaction() as session, pytest.raises(KeyNotHere, match=receipt.key_id):
        issue(session, "label")
    assert not (home / "keys" / "receipts").exists()
    (home / "elsewhere").rename(home / "keys" / "receipts")
    assert read() == [receipt]


@pytest.mark.only("postgresql")
def test_on_a_shared_database_no_signature_makes_a_key(home: Path) -> None:
    for name in keys.NAMES:
        with pytest.raises(KeyNotHere, match="none is made by signing") as refused:
            keys.sign(name, b"data")
        assert "pki init" in refused.value.next_step
    assert not (home / "keys").exists()


@pytest.mark.only("postgresql")
def test_of_two_machines_that_begin_one_makes_the_keys(home: Path, tmp_path: Path) -> None:
    made = rotation.begin("receipts")
    assert made.made and not rotation.begin("receipts").made
    with machine(tmp_path / "second"), pytest.raises(KeyNotHere, match=made.key_id):
        rotation.begin("receipts")

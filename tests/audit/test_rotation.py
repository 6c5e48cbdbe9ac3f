"""A rotation is in the ledger, old signatures hold, and a crash in the middle leaves one key that signs."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from audit import keys, rotation, signing
from audit.errors import KeyProblem, RetiredKey
from audit.key_record import named_keys
from audit.ledger import Event, append, sequence_pending, verify_ledger
from audit.tables import LedgerEntryRow
from core.database import reading, transaction

pytestmark = pytest.mark.usefixtures("home")


def entries() -> list[tuple[str, dict[str, str]]]:
    with reading() as session:
        rows = session.scalars(select(LedgerEntryRow).order_by(LedgerEntryRow.id))
        return [(row.subject, row.facts) for row in rows if row.event == Event.KEY_ROTATED.value]


@pytest.mark.parametrize("name", keys.NAMES)
def test_the_old_key_verifies_the_new_one_signs_and_the_ledger_names_both(name: str) -> None:
    before = keys.sign(name, b"data")
    made = rotation.rotate(name, actor="usr_admin")
    after = keys.sign(name, b"data")
    assert (made.old, made.new) == (before.key_id, after.key_id)
    assert keys.verify(name, before, b"data") and keys.verify(name, after, b"data")
    assert entries() == [(before.key_id, {"kind": name, "key_id": after.key_id, "actor": "usr_admin"})]
    sequence_pending()
    assert verify_ledger().good


def test_the_first_key_of_a_name_can_be_made_so(home: object) -> None:
    made = rotation.rotate("approvals")
    assert made.old is None and keys.sign("approvals", b"data").key_id == made.new
    with reading() as session:
        assert rotation.retired_by(session, made.new, "approvals") is None


def test_what_was_written_after_a_key_was_retired_can_be_told() -> None:
    old = keys.sign("approvals", b"data").key_id
    new = rotation.rotate("approvals").new
    with transaction() as session:
        append(session, Event.STATE_CHANGED, "rnd_later", {"state": "draft"})
    with reading() as session:
        retired = rotation.retired_by(session, old, "approvals")
        later = session.scalars(select(LedgerEntryRow).where(LedgerEntryRow.subject == "rnd_later")).one()
        assert retired is not None and retired.id < later.id
        assert rotation.retired_by(session, new, "approvals") is None


def test_nothing_signs_with_a_key_whose_entry_was_not_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    old = keys.sign("receipts", b"data").key_id

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr("audit.rotation.append", full)
        rotation.rotate("receipts")
    assert keys.sign("receipts", b"data").key_id == old and entries() == []


def test_a_crash_after_the_entry_is_completed_by_running_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    old = keys.sign("receipts", b"data").key_id

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("audit.key_folder.KeyFolder.make_current", crash)
        rotation.rotate("receipts")
    assert keys.sign("receipts", b"data").key_id == old
    assert rotation.rotate("receipts").old == old
    assert keys.sign("receipts", b"data").key_id != old


def test_a_damaged_name_gets_a_key_again(home: Path) -> None:
    keys.sign("receipts", b"data")
    (home / "keys" / "receipts" / "current").write_text("no key id")
    made = rotation.rotate("receipts")
    assert made.old is None and keys.sign("receipts", b"data").key_id == made.new


def test_a_ledger_key_that_was_retired_signs_no_checkpoint_over_the_entry_that_says_so() -> None:
    with transaction() as session:
        append(session, Event.STATE_CHANGED, "rnd_before", {"state": "draft"})
    sequence_pending()
    old = keys.known_key_id(keys.LEDGER)
    rotation.rotate(keys.LEDGER)
    keys.provider(keys.LEDGER).make_current(str(old))  # the new one has not reached this machine
    with pytest.raises(RetiredKey, match="was retired"):
        sequence_pending()
    assert verify_ledger().good  # what it had signed before stands
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signing, "retired_by", lambda *_: None)
        sequence_pending()
    assert [(problem.kind, problem.where) for problem in verify_ledger().problems] == [
        ("unsigned", "checkpoint")
    ]
    rotation.rotate(keys.LEDGER)
    sequence_pending()
    assert verify_ledger().good


@pytest.mark.parametrize("name", keys.NAMES)
def test_after_a_restore_from_before_a_rotation_it_leads_on_from_what_the_database_names(name: str) -> None:
    rotation.begin(name)
    before, ring = keys.current_key_id(name), keys.provider(name)
    with ring.locked():
        ring.make_current(
            ring.prepare()
        )  # this machine has rotated; the restored database knows nothing of it
    assert set(named_keys(name)) == {before}
    made = rotation.rotate(name)
    assert (made.old, named_keys(name)) == (before, {before: True, made.new: False})
    assert keys.sign(name, b"data").key_id == made.new
    sequence_pending()
    assert verify_ledger().good


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyProblem, match="no signing key of this name"):
        rotation.rotate("invoices")

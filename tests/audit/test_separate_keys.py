"""Who signs receipts grants nothing: authorities have keys of their own, also where they had not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from audit import authority_reading, keys, rotation
from audit.authorities import get_authority, set_status
from audit.errors import ForgedAuthority, KeyNotHere, KeyProblem
from audit.key_record import named_keys, registers
from audit.ledger import Event, append, sequence_pending, verify_ledger
from audit.models import Authority, AuthorityStatus
from audit.standing import authority_standing
from audit.tables import AuthorityRow, AuthorityStatusRow
from core.canonical import canonical_json
from core.database import engine, now, reading, transaction
from delivery.machine import machine_cautions, machine_faults
from tests.kit.machines import copy_keys, machine, shared
from tests.servers.both import pytest_generate_tests  # noqa: F401

Make = Callable[..., Authority]


@pytest.fixture
def new(home: Path) -> Path:
    """An installation that begins now."""
    for name in keys.NAMES:
        rotation.begin(name)
    return home


@pytest.fixture
def old(home: Path, make_authority: Make, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An installation from before, and an authority that its receipts key signed."""
    for name in ("ledger", "receipts", "approvals"):
        rotation.begin(name)
    with monkeypatch.context() as before:
        before.setattr(keys, "AUTHORITIES", "receipts")
        made = make_authority("consent")
    assert key_of(made) == keys.known_key_id("receipts")
    return made


def key_of(authority: Authority) -> str:
    with reading() as session:
        return session.get_one(AuthorityRow, authority.id).key_id


def read(authority: Authority) -> Authority:
    with reading() as session:
        return get_authority(session, authority.id)


def good() -> bool:
    while sequence_pending():
        pass
    return verify_ledger().good


def suspended(authority: Authority) -> str:
    """Suspends it; the key that signed that."""
    with transaction() as session:
        set_status(session, authority.id, AuthorityStatus.SUSPENDED, "a test", "usr_legal")
    with reading() as session:
        rows = session.scalars(
            select(AuthorityStatusRow.key_id)
            .where(AuthorityStatusRow.authority_id == authority.id)
            .order_by(AuthorityStatusRow.ordinal)
        )
        return rows.all()[-1]


def taken_over(authority: Authority, signed_with: str, name: str = "receipts") -> None:
    """Whoever took over a worker grants again what was withdrawn: a row, its entry, and a key that it holds."""
    with transaction() as session:
        row = AuthorityStatusRow(
            authority_id=authority.id, ordinal=len(read(authority).history) + 1, status="granted",
            reason="says the worker", effect="none", actor="usr_legal", created_at=now(),
        )  # fmt: skip
        row.key_id = signed_with
        row.signature = keys.provider(name).sign(signed_with, authority_reading.status_bytes(row)).hex()
        facts = {"status": "granted", "effect": "none", "ordinal": row.ordinal, "actor": "usr_legal"}
        append(session, Event.AUTHORITY_STATUS_CHANGED, authority.id, facts, rows=[row])


def test_authorities_are_signed_with_a_key_of_their_own(new: Path, make_authority: Make) -> None:
    made = make_authority("consent")
    assert key_of(made) == keys.known_key_id("authorities") != keys.known_key_id("receipts")
    assert keys.separate() and good() and machine_cautions() == []


@pytest.mark.only("sqlite")
def test_on_one_machine_the_first_signature_separates_them(make_authority: Make) -> None:
    made = make_authority("consent")
    assert key_of(made) == keys.known_key_id("authorities") and keys.known_key_id("receipts") is None


def test_what_a_receipts_key_signs_is_no_authority_and_is_not_tried_again(
    new: Path, make_authority: Make
) -> None:
    made = make_authority("consent")
    keys.sign("receipts", b"a receipt")
    taken_over(made, str(keys.known_key_id("receipts")))
    with pytest.raises(ForgedAuthority) as told:
        read(made)
    assert not told.value.retryable
    assert {"unsigned"} == {problem.kind for problem in verify_ledger().problems}


def test_a_worker_reads_authorities_and_signs_none(new: Path, make_authority: Make, tmp_path: Path) -> None:
    made = make_authority("consent")
    worker = tmp_path / "worker"
    copy_keys(new, worker)
    settings = shared(new)
    for private in (worker / "keys" / "authorities").glob("*.pem"):
        private.unlink()
    with machine(worker, **settings):
        assert read(made) == made and keys.sign("receipts", b"a receipt")
        with pytest.raises(KeyNotHere, match="authorities"):
            suspended(made)
        assert machine_faults() == []


def test_an_installation_from_before_goes_on_and_is_told(old: Authority, make_authority: Make) -> None:
    assert read(old) == old and machine_faults() == []
    assert [caution.code for caution in machine_cautions()] == ["authority_keys_shared"]
    assert key_of(make_authority("provenance")) == keys.known_key_id("receipts")
    assert [rotation.begin(name).made for name in keys.NAMES] == [False] * 4, "pki init makes none beside it"
    rotated = rotation.rotate("receipts")
    assert suspended(old) == rotated.new and read(old).status is AuthorityStatus.SUSPENDED
    assert good() and machine_faults() == []


def test_its_first_rotation_separates_them_and_what_was_signed_stays_good(
    old: Authority, make_authority: Make
) -> None:
    before = keys.known_key_id("receipts")
    made = rotation.rotate("authorities")
    assert made.old == before == keys.known_key_id("receipts"), "receipts go on with theirs"
    assert read(old) == old and keys.separate() and machine_cautions() == machine_faults() == []
    assert suspended(old) == key_of(make_authority("consent")) == made.new
    assert named_keys("authorities") == {made.old: True, made.new: False}
    assert named_keys("receipts") == {made.old: False}
    again = rotation.rotate("receipts")
    assert named_keys("authorities") == {made.old: True, made.new: False} and again.old == before
    assert read(old).status is AuthorityStatus.SUSPENDED and good()


def test_after_it_the_old_key_grants_nothing_more(old: Authority) -> None:
    rotation.rotate("authorities")
    suspended(old)
    taken_over(old, str(keys.known_key_id("receipts")))
    with pytest.raises(ForgedAuthority, match="after it was retired") as told:
        read(old)
    assert not told.value.retryable
    assert "after it was retired" in verify_ledger().text()


def test_after_it_an_authority_that_nobody_granted_is_none(old: Authority) -> None:
    rotation.rotate("authorities")
    with engine().connect() as connection:
        columns = dict(
            connection.execute(select(AuthorityRow.__table__).where(AuthorityRow.id == old.id))
            .mappings()
            .one()
        )
    with transaction() as session:
        document = columns["document"] | {"id": "aut_forged", "record_id": "aut_forged"}
        key_id = str(keys.known_key_id("receipts"))
        signature = keys.provider("receipts").sign(key_id, canonical_json(document)).hex()
        forged = AuthorityRow(
            **columns
            | {"id": "aut_forged", "record_id": "aut_forged", "document": document, "signature": signature}
        )
        append(session, Event.CONSENT_CREATED, "aut_forged", {"actor": "usr_legal"}, rows=[forged])
        with pytest.raises(ForgedAuthority, match="after it was retired"):
            authority_reading.verified(forged)
            authority_reading.check_key_in_use(session, forged)


def test_a_crash_in_its_middle_is_completed_by_running_it_again(
    old: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    before = keys.known_key_id("receipts")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("audit.rotation.append", crash)
        rotation.rotate("authorities")
    assert read(old) == old and suspended(old) == before, "until then nothing has changed"
    made = rotation.rotate("authorities")
    assert made.old == before and read(old).status is AuthorityStatus.SUSPENDED and good()


def test_a_process_that_still_has_the_old_key_signs_nothing(new: Path, make_authority: Make) -> None:
    """The entry of a rotation is committed before the new key is everywhere: no honest row comes after it."""
    made = make_authority("consent")
    rotated = rotation.rotate("authorities")
    keys.provider("authorities").make_current(str(rotated.old))
    with pytest.raises(KeyProblem, match="authorities was retired"):
        suspended(made)
    with pytest.raises(KeyProblem, match="authorities was retired"):
        make_authority("provenance")
    assert read(made) == made and good()


def test_a_process_that_does_not_know_of_the_rotation_believes_the_old_key_no_more(
    new: Path, make_authority: Make
) -> None:
    made = make_authority("consent")
    rotated = rotation.rotate("authorities")
    keys.provider("authorities").make_current(str(rotated.old))
    taken_over(made, str(rotated.old), "authorities")
    with pytest.raises(ForgedAuthority, match="after it was retired"):
        read(made)
    with reading() as session, pytest.raises(ForgedAuthority, match="after it was retired"):
        authority_standing(session, made.id)
    assert "after it was retired" in verify_ledger().text()


def test_where_the_folder_was_lost_a_receipts_key_still_grants_nothing(
    new: Path, make_authority: Make
) -> None:
    made = make_authority("consent")
    key_id = str(keys.known_key_id("receipts"))
    with transaction() as session:
        row = session.get_one(AuthorityRow, made.id)
        session.expunge(row)
    row.key_id = key_id
    row.signature = keys.provider("receipts").sign(key_id, canonical_json(row.document)).hex()
    shutil.rmtree(new / "keys" / "authorities")
    assert keys.believed("authorities").name == "receipts"
    with reading() as session, pytest.raises(ForgedAuthority, match="after it was retired"):
        authority_reading.verified(row)  # it holds: the machine takes receipts' keys for authorities'
        authority_reading.check_key_in_use(session, row)


def test_a_receipts_key_that_was_rotated_is_not_asked_for_elsewhere(new: Path, make_authority: Make) -> None:
    made = make_authority("consent")
    rotated = rotation.rotate("receipts")
    taken_over(made, str(rotated.old))
    with pytest.raises(ForgedAuthority) as told:
        read(made)
    assert not told.value.retryable


@pytest.mark.only("sqlite")
def test_without_public_halves_what_took_the_first_key_s_place_is_known(make_authority: Make) -> None:
    """No entry says how the keys of such a home began; the rows and the rotations lead from one to the next."""
    make_authority("consent")
    rotated = rotation.rotate("authorities")
    assert registers("authorities", rotated.new, []) and registers("authorities", str(rotated.old), [])
    assert not registers("authorities", "0123456789abcdef", [])

"""A home of the first version: taken over under a marker that says so, or refused and left as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from audit.errors import LedgerInconsistent
from audit.ledger import sequence_pending, verify_ledger
from audit.tables import ApprovalRow, LedgerEntryRow
from core.blobs import blobs
from core.database import reading, transaction
from core.errors import Forbidden
from delivery.errors import LinkGone, NotServed, ReleaseRefused
from delivery.links import make_link, open_link
from delivery.recall import recall
from delivery.release import release
from delivery.withdrawal import on_authority_changed, unsettled
from greenroom.database import migrate
from pipeline.registry import DatabaseRegistry
from pipeline.review import approve
from pipeline.runner import advance
from pipeline.service import get_render
from pipeline.states import State
from provenance.verify import verify
from review_ui.accounts import authenticate, list_accounts
from tests.greenroom.old_home import OldHome, unpack
from tests.kit.home import at_home


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[OldHome]:
    """The stored home, as this process's own, before anything has opened it."""
    old = unpack(tmp_path)
    with at_home(old.home, signer="real"):
        yield old


@pytest.fixture
def migrated(stored: OldHome) -> OldHome:
    migrate()
    return stored


def state_of(old: OldHome, name: str) -> str:
    return get_render(old.render(name), brand_id=old.contents["brand_id"]).state


def test_every_row_is_taken_into_the_ledger_under_the_marker(migrated: OldHome):
    report = verify_ledger()
    assert report.good, report.text()
    sequence_pending()
    assert verify_ledger().good
    with reading() as session:
        entries = session.scalars(
            select(LedgerEntryRow).where(LedgerEntryRow.event == "ledger:rows:adopted")
        ).all()
    named = {name for entry in entries for name in entry.facts["rows"]}
    assert {entry.subject for entry in entries} == {"rows@0001"}
    assert f"renders/{migrated.render('released')}" in named and report.rows == len(named)


def test_migrating_again_changes_nothing(migrated: OldHome):
    before = verify_ledger().pending
    migrate()
    assert verify_ledger().pending == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE approvals SET verdict = 'approve' WHERE verdict = 'reject'",
        "UPDATE receipts SET verdict = 'pass' WHERE verdict = 'block'",
        "UPDATE authority_status SET status = 'granted' WHERE status = 'revoked'",
        "UPDATE authorities SET persona_id = 'per_other'",
        "DELETE FROM approvals WHERE rowid = 1",
        "DELETE FROM authority_status WHERE status = 'revoked'",
        "UPDATE ledger_entries SET facts = replace(facts, 'recall', 'none') WHERE event = 'authority:status:changed'",
    ],
)
def test_a_home_whose_record_does_not_agree_is_refused_and_left_as_it_was(stored: OldHome, statement: str):
    database = stored.home / "greenroom.db"
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute(statement).rowcount >= 1
        connection.commit()
        before = list(connection.iterdump())
    with pytest.raises(LedgerInconsistent, match="earlier version") as refused:
        migrate()
    assert "backup" in refused.value.next_step
    with closing(sqlite3.connect(database)) as connection:
        assert list(connection.iterdump()) == before


@pytest.mark.parametrize(
    "name", ["released", "released_high", "released_with_consent", "released_then_superseded"]
)
def test_what_was_out_stays_out(migrated: OldHome, name: str):
    brand = migrated.contents["brand_id"]
    render, path = open_link(make_link(migrated.render(name), brand_id=brand))
    assert path == blobs().get_file(render.published_sha256 or "")
    report = verify(path, registry=DatabaseRegistry())
    assert (report.verdict, report.release) == ("intact", "released")


def test_a_link_of_the_first_version_is_no_link_any_more(migrated: OldHome):
    """It named a render, not a row: it could not be taken back alone."""
    for token in migrated.contents["links"].values():
        with pytest.raises(LinkGone):
            open_link(token)


def test_what_a_withdrawal_took_back_is_withdrawn_and_the_row_follows(migrated: OldHome):
    """The first version recorded the effect and did nothing: the video went on being served."""
    brand, render = migrated.contents["brand_id"], migrated.render("released_then_revoked")
    assert state_of(migrated, "released_then_revoked") == State.RELEASED
    with pytest.raises(NotServed, match="taken the video back"):
        make_link(render, brand_id=brand)
    published = blobs().get_file(get_render(render, brand_id=brand).published_sha256 or "")
    assert verify(published, registry=DatabaseRegistry()).verdict == "withdrawn"
    ended = unsettled()
    assert migrated.contents["authorities"]["revoked"] in ended
    for authority in ended:
        on_authority_changed({"authority_id": authority})
    assert state_of(migrated, "released_then_revoked") == State.RECALLED
    assert unsettled() == [] and verify_ledger().good


def test_what_was_recalled_stays_recalled(migrated: OldHome):
    assert state_of(migrated, "recalled") == State.RECALLED
    with pytest.raises(NotServed):
        make_link(migrated.render("recalled"), brand_id=migrated.contents["brand_id"])


@pytest.mark.parametrize("name", ["approved", "approved_release_waits"])
def test_nothing_is_released_on_a_decision_that_nobody_signed(migrated: OldHome, name: str):
    brand, render = migrated.contents["brand_id"], migrated.render(name)
    with pytest.raises(ReleaseRefused, match="approvals are not complete"):
        release(render, brand_id=brand, actor_id="usr_operator")
    assert state_of(migrated, name) == State.APPROVED
    recall(render, brand_id=brand, actor_id="usr_operator", reason="approved by the version before")
    assert state_of(migrated, name) == State.RECALLED


def test_a_decision_from_before_does_not_count_as_one_of_two(migrated: OldHome):
    brand, render = migrated.contents["brand_id"], migrated.render("in_review_half_approved")
    row = get_render(render, brand_id=brand)
    with reading() as session:
        given = select(ApprovalRow.reviewer_id).where(ApprovalRow.render_id == render)
        decided = set(session.scalars(given))
    accounts = migrated.contents["accounts"]
    other = next(accounts[name] for name in ("reviewer", "second_reviewer") if accounts[name] not in decided)
    seen = {"played": ((0.0, row.seconds or 0.0),), "factor": "passkey"}
    state = approve(render, brand_id=brand, reviewer_id=other, sealed_sha256=row.sealed_sha256 or "", **seen)
    assert state is State.IN_REVIEW


@pytest.mark.parametrize("name", ["draft", "voiced_under_a_lease"])
def test_what_was_in_the_making_goes_on(migrated: OldHome, name: str):
    with transaction() as session:  # the lease of a machine that is gone has ended
        session.execute(
            LedgerEntryRow.metadata.tables["renders"].update().values(lease_until=None, lease_owner=None)
        )
    assert advance(migrated.render(name)) > 0
    assert state_of(migrated, name) == State.IN_REVIEW
    assert verify_ledger().good


def test_accounts_sign_in_as_before_and_no_session_is_left(migrated: OldHome):
    with closing(sqlite3.connect(migrated.home / "greenroom.db")) as connection:
        assert connection.execute("SELECT count(*) FROM sign_ins").fetchone() == (0,)
        null = "SELECT count(*) FROM renders WHERE reason = 'null'"
        assert connection.execute(null).fetchone() == (0,)
    account = next(row for row in list_accounts() if row.id == migrated.contents["accounts"]["reviewer"])
    assert authenticate(account.email, migrated.contents["password"]).id == account.id
    with pytest.raises(Forbidden):
        authenticate(account.email, "not the password")

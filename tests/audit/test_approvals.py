"""Approvals: one decision a reviewer and asset, by someone who did not make it, never edited."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from audit import approvals, keys, signing
from audit.errors import AlreadyDecided, ForgedApproval, Immutable, KeyProblem, MakerMayNotApprove
from audit.ledger import Event, append, verify_ledger
from audit.models import Approval
from audit.rotation import begin, rotate
from audit.tables import ApprovalRow, LedgerEntryRow
from core.database import engine, reading, transaction
from core.errors import InputError
from tests.audit.conftest import ESSENCE, SEALED, SHOWN

pytestmark = pytest.mark.usefixtures("home")


def decide(**changes: Any) -> Approval:
    values: dict[str, Any] = {
        "render_id": "rnd_1",
        "sealed_sha256": SEALED,
        "reviewer_id": "usr_reviewer",
        "maker_id": "usr_maker",
        "verdict": "approve",
        "essence": ESSENCE,
        "shown_sha256": SHOWN,
    }
    with transaction() as session:
        return approvals.record(session, **{**values, **changes})


def read(sealed: str = SEALED) -> list[Approval]:
    with reading() as session:
        return approvals.approvals_for(session, sealed)


def test_a_decision_is_recorded_with_its_ledger_entry() -> None:
    approval = decide(manner="sampled", reason="looks right")
    assert read() == [approval]
    with reading() as session:
        entry = session.scalars(select(LedgerEntryRow)).one()
    assert entry.event == "render:approval:recorded"
    assert entry.facts["verdict"] == "approve"
    # The words stay in the row; the ledger holds a salted commitment.
    assert "looks right" not in entry.body


def test_a_transaction_that_rolls_back_leaves_neither_decision_nor_entry() -> None:
    with pytest.raises(RuntimeError), transaction() as session:
        approvals.record(
            session,
            render_id="rnd_1",
            sealed_sha256=SEALED,
            reviewer_id="usr_reviewer",
            maker_id="usr_maker",
            verdict="approve",
            essence=ESSENCE,
            shown_sha256=SHOWN,
        )
        raise RuntimeError
    with reading() as session:
        assert session.scalars(select(LedgerEntryRow)).all() == []
    assert read() == []


def test_the_maker_may_not_decide() -> None:
    with pytest.raises(MakerMayNotApprove, match="made a render may not decide"):
        decide(reviewer_id="usr_maker")
    assert read() == []


def test_a_reviewer_decides_once() -> None:
    decide()
    with pytest.raises(AlreadyDecided):
        decide(verdict="reject", reason="on second thoughts")
    assert [approval.verdict for approval in read()] == ["approve"]


def test_two_reviewers_may_decide_over_one_asset() -> None:
    decide()
    decide(reviewer_id="usr_second")
    assert [approval.reviewer_id for approval in read()] == ["usr_reviewer", "usr_second"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"verdict": "reject"}, "rejection needs a reason"),
        ({"verdict": "reject", "reason": " \n"}, "rejection needs a reason"),
        ({"verdict": "maybe"}, "not complete"),
        ({"manner": "glanced"}, "not complete"),
        ({"factor": "a promise"}, "not complete"),
        ({"shown_sha256": "50"}, "not complete"),
        ({"sealed_sha256": "5e"}, "by SHA-256"),
        ({"essence": ""}, "by SHA-256"),
        ({"reviewer_id": ""}, "names its reviewer"),
        ({"maker_id": ""}, "names its reviewer"),
    ],
)
def test_an_incomplete_decision_is_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        decide(**changes)
    assert read() == []


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE approvals SET verdict = 'approve'", "columns differ"),
        ("UPDATE approvals SET sealed_sha256 = '{other}'", "columns differ"),
        ("UPDATE approvals SET reviewer_id = 'usr_other'", "columns differ"),
        ("UPDATE approvals SET render_id = 'rnd_2'", "columns differ"),
        ("UPDATE approvals SET manner = 'seen'", "columns differ"),
        ("UPDATE approvals SET created_at = '2020-01-01 00:00:00.000000'", "columns differ"),
        ("UPDATE approvals SET document = replace(document, 'reject', 'approve')", "not signed"),
        ("UPDATE approvals SET signature = replace(signature, 'a', 'b')", "not signed"),
        ("DELETE FROM ledger_entries", "knows other decisions"),
    ],
)
def test_a_decision_changed_behind_our_back_is_not_read(statement: str, why: str) -> None:
    decide(verdict="reject", reason="the label is too small")
    other = "0f" * 32
    with engine().begin() as connection:
        assert connection.exec_driver_sql(statement.format(other=other)).rowcount == 1
    with pytest.raises(ForgedApproval, match=why):
        read(other if "other}" in statement else SEALED)


def test_a_decision_that_was_taken_away_is_missed() -> None:
    decide(verdict="reject", reason="the label is too small")
    decide(reviewer_id="usr_second")
    with engine().begin() as connection:
        connection.exec_driver_sql("DELETE FROM approvals WHERE verdict = 'reject'")
    with pytest.raises(ForgedApproval, match="knows other decisions"), reading() as session:
        approvals.approvals_for(session, SEALED, render_id="rnd_1")


def test_a_decision_that_somebody_writes_into_the_database_is_none() -> None:
    """Row and ledger entry, as the product writes them, and no key: a signature of another key does not help."""
    decide(reviewer_id="usr_second")
    document = '{"type":"greenroom.approval.v1"}'
    signature = keys.sign(keys.RECEIPTS, document.encode())
    with transaction() as session:
        first = session.scalars(select(ApprovalRow)).one()
        columns = {name: getattr(first, name) for name in ApprovalRow.__ledger__.committed}
        forged = ApprovalRow(
            **(columns | {"id": "apr_forged", "reviewer_id": "usr_x", "document": document}),
        )
        forged.key_id, forged.signature = signature.key_id, signature.value
        facts = {"approval_id": "apr_forged", "sealed_sha256": SEALED}
        append(session, Event.APPROVAL_RECORDED, "rnd_1", facts, rows=[forged])
    with pytest.raises(ForgedApproval, match="not signed"):
        read()
    assert [problem.where for problem in verify_ledger().problems] == ["approvals/apr_forged"]


def test_a_decision_is_never_edited() -> None:
    decide()
    with pytest.raises(Immutable), transaction() as session:
        session.scalars(select(ApprovalRow)).one().verdict = "reject"
    with pytest.raises(Immutable), transaction() as session:
        session.query(ApprovalRow).update({"verdict": "reject"})
    assert read()[0].verdict == "approve"


def test_a_key_that_was_retired_signs_no_more_decisions() -> None:
    """Whoever kept the old key, and has the database too, still makes no decision."""
    decide()
    old = keys.known_key_id(keys.APPROVALS)
    rotate(keys.APPROVALS)
    decide(reviewer_id="usr_second")
    assert len(read()) == 2 and verify_ledger().good  # what it signed before stands
    keys.provider(keys.APPROVALS).make_current(str(old))
    with pytest.raises(KeyProblem, match="retired"):
        decide(reviewer_id="usr_third")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signing, "retired_by", lambda *_: None)
        forged = decide(reviewer_id="usr_third")
    with pytest.raises(ForgedApproval, match="after it was retired"):
        read()
    assert [problem.where for problem in verify_ledger().problems] == [f"approvals/{forged.id}"]


def test_a_key_that_the_ledger_does_not_lead_to_makes_no_decision() -> None:
    """Where the ledger says with which key decisions began, a further one in the folder is nobody's."""
    begin(keys.APPROVALS)
    decide()
    ring = keys.provider(keys.APPROVALS)
    with ring.locked():
        ring.make_current(ring.prepare())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "_check_named", lambda *_: None)
        decide(reviewer_id="usr_second")
    with pytest.raises(ForgedApproval):
        read()

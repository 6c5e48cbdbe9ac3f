"""Approvals: one decision a reviewer and asset, by someone who did not make it, never edited."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from audit import approvals
from audit.errors import AlreadyDecided, ForgedApproval, Immutable, MakerMayNotApprove
from audit.models import Approval
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
        ({"verdict": "maybe"}, "approve or reject"),
        ({"manner": "glanced"}, "seen or sampled"),
        ({"sealed_sha256": "5e"}, "by SHA-256"),
        ({"reviewer_id": ""}, "names its reviewer"),
        ({"maker_id": ""}, "names its reviewer"),
    ],
)
def test_an_incomplete_decision_is_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        decide(**changes)
    assert read() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE approvals SET verdict = 'approve'",
        "UPDATE approvals SET sealed_sha256 = '{other}'",
        "UPDATE approvals SET reviewer_id = 'usr_other'",
        "UPDATE approvals SET render_id = 'rnd_2'",
        "DELETE FROM ledger_entries",
    ],
)
def test_a_decision_changed_behind_our_back_is_not_read(statement: str) -> None:
    decide(verdict="reject", reason="the label is too small")
    other = "0f" * 32
    with engine().begin() as connection:
        assert connection.exec_driver_sql(statement.format(other=other)).rowcount == 1
    with pytest.raises(ForgedApproval, match="not what the ledger says"):
        read(other if "other}" in statement else SEALED)


def test_a_decision_is_never_edited() -> None:
    decide()
    with pytest.raises(Immutable), transaction() as session:
        session.scalars(select(ApprovalRow)).one().verdict = "reject"
    with pytest.raises(Immutable), transaction() as session:
        session.query(ApprovalRow).update({"verdict": "reject"})
    assert read()[0].verdict == "approve"

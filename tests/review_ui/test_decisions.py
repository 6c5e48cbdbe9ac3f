"""A decision in the console: what the player reported goes into it, and what is not enough is refused in words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from audit.approvals import approvals_for
from audit.ledger import Event, append
from audit.models import Approval
from core.database import reading, transaction
from core.tables import BrandRow
from pipeline.tables import CampaignRow, RenderRow
from review_ui import changes, factors, played
from review_ui.accounts import find_account
from review_ui.memberships import join_brand, work_at
from review_ui.tables import AccountRow, MembershipRow, ViewRow
from tests.review_ui.conftest import SEALED, MakeAccount, MakeRender

Wait = Callable[[float], None]
SignIn = Callable[[AccountRow], str]


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Wait:
    """The clock of played seconds, moved by hand."""
    moment = [datetime(2026, 1, 1, tzinfo=UTC)]
    monkeypatch.setattr(played, "now", lambda: moment[0])

    def forward(seconds: float) -> None:
        moment[0] += timedelta(seconds=seconds)

    return forward


class Reviewer:
    """A signed-in browser on the page of one render."""

    def __init__(self, client: TestClient, csrf: str, render: RenderRow):
        self.client, self.csrf, self.at = client, csrf, f"/renders/{render.id}"

    def script(self, path: str, content: Any = None, csrf: str | None = None) -> Any:
        headers = {"x-csrf-token": self.csrf if csrf is None else csrf, "accept": "application/json"}
        return self.client.post(f"{self.at}{path}", json=content, headers=headers)

    def decide(self, verdict: str = "approve", **fields: str) -> Any:
        sent = {"csrf": self.csrf, "asset": SEALED, **fields}
        return self.client.post(f"{self.at}/{verdict}", data=sent)


@pytest.fixture
def render(make_render: MakeRender) -> RenderRow:
    return make_render()


@pytest.fixture
def reviewer(client: TestClient, account: AccountRow, signed: SignIn, render: RenderRow) -> Reviewer:
    return Reviewer(client, signed(account), render)


def decisions() -> list[Approval]:
    with reading() as session:
        return approvals_for(session, SEALED)


def test_an_approval_with_nothing_played_is_decided(reviewer: Reviewer):
    assert reviewer.decide().status_code == 303
    assert [(one.manner, one.factor) for one in decisions()] == [("decided", "none")]


def test_an_approval_after_the_player_reported_all_of_it_is_seen(reviewer: Reviewer, wait: Wait):
    view = reviewer.script("/views").json()["view"]
    for start in range(0, 100, 20):
        wait(20.0)
        answer = reviewer.script(f"/views/{view}/played", {"ranges": [[start, start + 20]]})
        assert answer.status_code == 200
    assert answer.json()["manner"] == "seen" and answer.json()["missing"] == []
    assert 'data-when="seen" >' in reviewer.client.get(reviewer.at).text
    assert reviewer.decide().status_code == 303
    assert [one.manner for one in decisions()] == ["seen"]


def test_a_decision_that_comes_too_late_finds_the_page_as_it_is_now(reviewer: Reviewer):
    assert reviewer.decide().status_code == 303
    answer = reviewer.decide()
    assert answer.status_code == 409 and "not in review any more" in answer.text
    assert "Approved by" in answer.text


def test_what_was_not_told_yet_arrives_with_the_decision(reviewer: Reviewer, wait: Wait):
    reviewer.script("/views")
    wait(50.0)
    assert reviewer.decide(played=json.dumps([[0, 100]])).status_code == 303
    assert [one.manner for one in decisions()] == ["seen"]


def test_the_form_is_held_to_the_clock_too(reviewer: Reviewer, wait: Wait):
    reviewer.script("/views")
    wait(10.0)
    assert reviewer.decide(played=json.dumps([[0, 100]])).status_code == 303
    assert [one.manner for one in decisions()] == ["decided"]


@pytest.mark.parametrize("odd", ["{", "[[0]]", '[["a", 1]]', "[[0, NaN]]", "[[0, 1000]]", "7"])
def test_a_report_that_is_none_is_refused(reviewer: Reviewer, wait: Wait, odd: str):
    view = reviewer.script("/views").json()["view"]
    wait(10.0)
    assert reviewer.decide(played=odd).status_code == 422
    headers = {"x-csrf-token": reviewer.csrf}
    path = f"{reviewer.at}/views/{view}/played"
    assert reviewer.client.post(path, content=f'{{"ranges": {odd}}}', headers=headers).status_code == 422
    assert decisions() == []


def test_a_report_is_short(reviewer: Reviewer):
    view = reviewer.script("/views").json()["view"]
    long = {"ranges": [], "more": "x" * 20_000}
    assert reviewer.script(f"/views/{view}/played", long).status_code == 422


def test_another_sites_report_is_refused(reviewer: Reviewer):
    assert reviewer.script("/views", csrf="").status_code == 403
    assert reviewer.script("/views/viw_1/played", {"ranges": []}, csrf="wrong").status_code == 403


def test_who_may_not_decide_has_nothing_to_report(
    client: TestClient, render: RenderRow, new_account: MakeAccount, signed: SignIn
):
    operator = Reviewer(client, signed(new_account("op", role="operator")), render)
    assert operator.script("/views").status_code == 403


def test_a_page_that_is_looked_at_makes_nothing(reviewer: Reviewer):
    with reading() as session:
        before = [session.query(table).count() for table in (RenderRow, ViewRow)]
    assert reviewer.client.get(reviewer.at).status_code == 200
    with reading() as session:
        assert [session.query(table).count() for table in (RenderRow, ViewRow)] == before


@pytest.fixture
def high_risk(reviewer: Reviewer) -> Reviewer:
    with transaction() as session:
        row = session.get_one(CampaignRow, "cmp_1")
        values = {column.key: getattr(row, column.key) for column in CampaignRow.__table__.columns}
        high = CampaignRow(**(values | {"id": "cmp_high", "risk_class": "high"}))
        append(session, Event.CAMPAIGN_CREATED, high.id, rows=[high])
        session.flush()
        row = session.get_one(RenderRow, reviewer.at.rsplit("/", 1)[1])
        row.campaign_id = "cmp_high"
        append(session, Event.RENDER_CREATED, row.id, rows=[row])
    return reviewer


def test_high_risk_is_refused_without_a_factor_and_says_what_to_do(high_risk: Reviewer):
    answer = high_risk.decide(note="Typed with care.")
    assert answer.status_code == 403 and "passkey or a one-time code" in answer.text
    assert "Typed with care.</textarea>" in answer.text  # the page stays, and so do the words
    assert decisions() == []


def test_high_risk_is_refused_when_it_was_not_seen(high_risk: Reviewer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(factors, "prove", lambda *_, **__: "passkey")
    answer = high_risk.decide()
    assert answer.status_code == 403 and "must be seen" in answer.text
    assert decisions() == []


def test_high_risk_takes_what_was_proven_for_this_very_decision(
    high_risk: Reviewer, wait: Wait, monkeypatch: pytest.MonkeyPatch
):
    asked: list[Any] = []

    def prove(_account: AccountRow, **values: str) -> str:
        asked.append(values)
        return "totp"

    monkeypatch.setattr(factors, "prove", prove)
    high_risk.script("/views")
    wait(50.0)
    answer = high_risk.decide(played="[[0, 100]]", passkey="{}", totp="123456")
    assert answer.status_code == 303
    subject = factors.decision_subject(high_risk.at.rsplit("/", 1)[1], SEALED, "approve")
    assert asked == [{"purpose": "approve", "subject": subject, "passkey_json": "{}", "totp": "123456"}]
    assert [(one.manner, one.factor) for one in decisions()] == [("seen", "totp")]


def test_a_code_that_does_not_hold_approves_nothing(high_risk: Reviewer):
    assert high_risk.decide(totp="123456").status_code == 403
    assert decisions() == []


def test_a_rejection_needs_a_reason_and_no_factor(high_risk: Reviewer):
    assert high_risk.decide("reject").status_code == 422
    assert high_risk.decide("reject", note="The lips are late.").status_code == 303
    assert [(one.verdict, one.factor) for one in decisions()] == [("reject", "none")]


# Sent back, handed on, the next one


def test_a_change_is_asked_for_with_its_seconds_and_the_maker_reads_a_list(
    reviewer: Reviewer, client: TestClient, new_account: MakeAccount, signed: SignIn
):
    answer = reviewer.decide("change", code="lips", note="Half a word late.", seconds="3.2, 5 - 6.5")
    assert answer.status_code == 303
    assert [(one.verdict, one.reason) for one in decisions()] == [
        ("reject", "The lips do not fit the sound: Half a word late.")
    ]
    signed(new_account("maker", role="operator"))
    text = client.get(reviewer.at).text
    assert "A change is asked for: The lips do not fit the sound" in text and "What to change" in text
    assert 'data-seek="3.2"' in text and 'data-seek="5.0">5.0 s to 6.5 s' in text
    assert "ann@brand.example" in text and "badge good" not in text


@pytest.mark.parametrize("seconds", ["soon", "3-2", "-1", "1e3", "3.2;4", "200", ",".join("1" * 51)])
@pytest.mark.parametrize("verdict", ["reject", "change"])
def test_what_are_no_seconds_of_the_video_is_said_and_nothing_is_decided(
    reviewer: Reviewer, verdict: str, seconds: str
):
    answer = reviewer.decide(verdict, code="lips", note="Typed with care.", seconds=seconds)
    assert answer.status_code == 422 and "Typed with care.</textarea>" in answer.text
    assert decisions() == []


def test_a_change_needs_a_reason_and_the_script_is_told_in_json(reviewer: Reviewer):
    asked = {"csrf": reviewer.csrf, "asset": SEALED}
    told = {"accept": "application/json"}
    refused = reviewer.client.post(f"{reviewer.at}/change", data=asked, headers=told)
    assert refused.status_code == 422 and refused.json()["error"]["where"] == "reason"
    done = reviewer.client.post(f"{reviewer.at}/change", data=asked | {"code": "claim"}, headers=told)
    assert (done.status_code, done.json()) == (200, {"state": "rejected"})


def test_the_second_of_two_people_does_not_see_that_there_was_a_first(
    high_risk: Reviewer,
    wait: Wait,
    monkeypatch: pytest.MonkeyPatch,
    new_account: MakeAccount,
    signed: SignIn,
):
    second = new_account("ben")
    signed(second)
    before = high_risk.client.get(high_risk.at).text
    high_risk.csrf = signed(find_account("ann@brand.example"))
    monkeypatch.setattr(factors, "prove", lambda *_, **__: "passkey")
    high_risk.script("/views")
    wait(50.0)
    assert high_risk.decide(note="Looks right to me.", played="[[0, 100]]").status_code == 303
    assert "You have decided." in high_risk.client.get(high_risk.at).text
    assert [one.verdict for one in decisions()] == ["approve"]
    assert high_risk.script("/lease").json()["error"]["code"] == "already_decided"
    high_risk.csrf = signed(second)
    assert high_risk.script("/lease").json()["mine"]
    after = high_risk.client.get(high_risk.at).text
    drop = re.compile(r'name="csrf" value="[^"]+"|"csrf": "[^"]+"')
    assert drop.sub("", before) == drop.sub("", after)


def test_next_goes_to_a_video_of_ones_own_and_to_the_queue_where_nothing_waits(
    reviewer: Reviewer, make_render: MakeRender, new_account: MakeAccount, signed: SignIn
):
    own = {"csrf": reviewer.csrf, "after": reviewer.at.rsplit("/", 1)[1], "at_brand": "brd_1"}
    assert reviewer.client.post("/review/next", data=own).headers["location"] == "/"
    other = make_render(sealed_sha256="ef" * 32)
    pending = own | {"after": "", "without": f"{other.id},{own['after']}"}
    assert reviewer.client.post("/review/next", data=pending).headers["location"] == "/"
    assert reviewer.client.post("/review/next", data=own).headers["location"] == f"/renders/{other.id}"
    ben = new_account("ben")
    at = Reviewer(reviewer.client, signed(ben), other)
    assert at.script("/lease").json() == {"mine": False, "holder": "ann@brand.example"}
    refused = at.decide(note="Mine.", asset=other.sealed_sha256)
    assert refused.status_code == 409 and "omebody else is deciding" in refused.text


def test_the_next_one_is_one_of_the_brand_that_the_page_was_about(
    reviewer: Reviewer, client: TestClient, account: AccountRow
):
    """In another window the person went to work at another brand."""
    with transaction() as session:
        append(session, Event.BRAND_CREATED, "brd_2", rows=[BrandRow(id="brd_2", name="Another")])
    join_brand(account.id, "brd_2")
    work_at(account.id, "brd_2")
    for stale in ({"at_brand": "brd_1"}, {}):
        answer = client.post("/review/next", data={"csrf": reviewer.csrf, **stale})
        assert answer.status_code == 409 and "another brand" in answer.text
    assert client.post("/review/next", data={"csrf": reviewer.csrf, "at_brand": "brd_2"}).status_code == 303


def test_what_is_handed_on_is_not_offered_to_decide_but_to_a_senior(
    reviewer: Reviewer, client: TestClient, new_account: MakeAccount, signed: SignIn
):
    assert reviewer.decide("hand-on").status_code == 422
    gone, elsewhere = (new_account(name, role="senior_reviewer") for name in ("gone", "elsewhere"))
    changes.disable(gone.id)
    with transaction() as session:
        append(session, Event.BRAND_CREATED, "brd_2", rows=[BrandRow(id="brd_2", name="Another")])
    join_brand(elsewhere.id, "brd_2")
    work_at(elsewhere.id, "brd_2")
    with transaction() as session:
        session.query(MembershipRow).filter_by(account_id=elsewhere.id, brand_id="brd_1").delete()
    refused = reviewer.decide("hand-on", note="Is this a claim?")
    assert refused.status_code == 409 and "no senior reviewer could decide" in refused.text
    admin = new_account("admin", role="admin")
    assert reviewer.decide("hand-on", note="Is this a claim?").status_code == 303
    assert "data-decision" not in client.get(reviewer.at).text
    assert reviewer.decide().status_code == 403 and decisions() == []
    signed(admin)
    text = client.get(reviewer.at).text
    assert "Is this a claim?" in text and "data-decision" in text

"""Notes on a video: who writes, on what, who reads them, and that they decide nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert

from audit.approvals import approvals_for
from core.database import reading, transaction
from pipeline import annotations
from pipeline.annotations import annotations_of
from pipeline.tables import CampaignRow, RenderRow
from review_ui.tables import AccountRow
from tests.review_ui.conftest import SEALED, MakeAccount, MakeRender

SignIn = Callable[[AccountRow], str]


class Writer:
    """A signed-in browser that writes on a render."""

    def __init__(self, client: TestClient, csrf: str, render: RenderRow):
        self.client, self.csrf, self.at = client, csrf, f"/renders/{render.id}"

    def write(self, words: str = "The label flickers.", **fields: str) -> Any:
        return self.client.post(f"{self.at}/notes", data={"csrf": self.csrf, "words": words, **fields})

    @property
    def page(self) -> str:
        return unescape(self.client.get(self.at).text)


@pytest.fixture
def render(make_render: MakeRender) -> RenderRow:
    return make_render()


@pytest.fixture
def writer(client: TestClient, account: AccountRow, signed: SignIn, render: RenderRow) -> Writer:
    return Writer(client, signed(account), render)


def test_a_note_says_what_where_when_and_who(writer: Writer, render: RenderRow):
    place = {"left": "40", "top": "55.5", "wide": "20", "high": "15"}
    assert writer.write(at="3.2-5", **place).status_code == 303
    assert writer.write("All of it is too dark.").status_code == 303
    one, two = annotations_of(render.id)
    assert (one.kind, one.t0, one.t1) == ("note", 3.2, 5.0) and one.region == pytest.approx(
        [0.4, 0.555, 0.2, 0.15]
    )
    assert (two.t0, two.t1, two.region) == (None, None, None)
    text = writer.page
    assert "The label flickers." in text and "3.2 s to 5.0 s" in text and "ann@brand.example, <time" in text
    assert "place: 40 % from the left, 56 % from the top, 20 % wide, 15 % high" in text
    (marks,) = re.findall(r"data-notes>(.*?)</script>", text)
    assert [(mark["t0"], mark["t1"]) for mark in json.loads(marks)] == [(3.2, 5.0)]


def test_a_note_decides_nothing(writer: Writer, render: RenderRow):
    writer.write()
    with reading() as session:
        assert approvals_for(session, SEALED) == []
        assert session.get_one(RenderRow, render.id).state == "in_review"


@pytest.mark.parametrize(
    "fields",
    [
        {"words": ""},
        {"words": "  "},
        {"words": "x" * 2001},
        {"at": "now"},
        {"at": "5-3"},
        {"at": "500"},
        {"at": "nan"},
        {"left": "10"},
        {"left": "10", "top": "10", "wide": "0", "high": "10"},
        {"left": "90", "top": "10", "wide": "20", "high": "10"},
        {"left": "-1", "top": "10", "wide": "20", "high": "10"},
        {"left": "nan", "top": "inf", "wide": "20", "high": "10"},
        {"left": "a", "top": "b", "wide": "c", "high": "d"},
    ],
)
def test_what_is_no_note_is_refused_and_what_was_typed_stays(
    writer: Writer, render: RenderRow, fields: dict[str, str]
):
    answer = writer.write(**{"words": "It flickers.", **fields})
    assert answer.status_code == 422 and annotations_of(render.id) == []
    if fields.get("words") is None:
        assert ">It flickers.</textarea>" in answer.text and '<details class="act" open>' in answer.text


def test_a_new_line_counts_once_as_in_the_browser(writer: Writer, render: RenderRow):
    assert writer.write("\r\n".join("x" * 999 for _ in range(2)) + "\r\n").status_code == 303
    assert writer.write("x" * 1999 + "\r\nx").status_code == 422
    decided = {"csrf": writer.csrf, "asset": SEALED, "note": "\r\n" * 1000 + "x" * 1000}
    assert writer.client.post(f"{writer.at}/approve", data=decided).status_code == 303
    (note,) = annotations_of(render.id)
    assert "\r" not in note.words


def test_the_maker_sees_them_as_a_list_to_act_on(
    writer: Writer,
    client: TestClient,
    make_render: MakeRender,
    new_account: MakeAccount,
    signed: SignIn,
    account: AccountRow,
):
    maker = new_account("mia", role="operator")
    mine = make_render(maker_id=maker.id)
    Writer(client, signed(account), mine).write("Cut the pause.", at="7")
    signed(maker)
    text = Writer(client, "", mine).page
    asked = text[text.index('class="asked"') : text.index("</section>", text.index('class="asked"'))]
    assert "Cut the pause." in asked and 'data-seek="7.0"' in asked and "ann@brand.example" in asked
    assert "/notes" not in text  # who may not review writes none


def test_the_second_of_two_people_does_not_read_what_the_first_one_thinks(
    client: TestClient, make_render: MakeRender, new_account: MakeAccount, signed: SignIn, account: AccountRow
):
    render = make_render()
    with transaction() as session:
        like = session.get_one(CampaignRow, "cmp_1")
        values = {column.key: getattr(like, column.key) for column in CampaignRow.__table__.columns}
        session.execute(insert(CampaignRow).values(values | {"id": "cmp_2", "risk_class": "high"}))
    risky = make_render(campaign_id="cmp_2")
    first = signed(account)
    for one in (render, risky):
        assert Writer(client, first, one).write("I would reject this.", at="3").status_code == 303
    assert "I would reject this." in Writer(client, first, risky).page
    signed(new_account("ben"))
    assert "I would reject this." in Writer(client, "", render).page
    blind = Writer(client, "", risky).page
    assert "I would reject" not in blind and "ann@" not in blind and "shown after the decision" in blind


def test_there_is_an_end_to_notes_and_a_video_that_is_not_made_has_none(
    writer: Writer, make_render: MakeRender, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(annotations, "MOST_NOTES", 2)
    assert [writer.write().status_code for _ in range(3)] == [303, 303, 409]
    unmade = make_render(sealed_sha256=None, state="voiced")
    assert Writer(writer.client, writer.csrf, unmade).write().status_code == 409
    assert "Write a note" not in Writer(writer.client, "", unmade).page


def test_script_in_a_note_is_words(writer: Writer):
    writer.write("</script><script>alert(1)</script>", at="1")
    text = writer.client.get(writer.at).text
    assert "<script>alert" not in text and "&lt;script&gt;alert" in text


def test_the_ledger_commits_to_a_note_and_holds_none_of_its_words(writer: Writer, render: RenderRow):
    from audit.ledger import sequence_pending, verify_ledger
    from audit.tables import LedgerEntryRow

    writer.write("A very particular sentence.", left="1", top="1", wide="5", high="5")
    with reading() as session:
        entries = session.query(LedgerEntryRow).filter(LedgerEntryRow.event == "render:note:written").all()
        assert len(entries) == 1 and "particular" not in json.dumps(entries[0].facts)
    with transaction() as session:
        from sqlalchemy import text

        session.execute(text("UPDATE annotations SET region = '[0.5, 0.5, 0.1, 0.1]'"))
    sequence_pending()
    assert any(
        problem.kind == "changed" and "annotations" in problem.where for problem in verify_ledger().problems
    )

"""The queue in console, API and command line: pages that follow one another, and numbers that are true."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert

from core.database import transaction
from pipeline.paging import PAGE_ROWS
from pipeline.states import State
from pipeline.tables import CampaignRow, RenderRow
from review_ui.pages.queue import numbers
from review_ui.tables import AccountRow
from tests.review_ui.conftest import PASSWORD

MakeRender = Callable[..., RenderRow]
MANY = PAGE_ROWS * 2 + 20


@pytest.fixture
def ids(make_render: MakeRender) -> list[str]:
    """More than two pages that wait for review; and some that do not."""
    first = make_render()
    like = {column.key: getattr(first, column.key) for column in RenderRow.__table__.columns}
    rows = [
        like | {"id": f"rnd_{n:04d}", "verdict": "review" if n % 7 == 0 else "pass"} for n in range(MANY - 1)
    ]
    stopped = [like | {"id": f"rnd_stopped_{n}", "state": "blocked"} for n in range(3)]
    with transaction() as session:
        session.execute(insert(RenderRow), rows + stopped)
    return [first.id, *(row["id"] for row in rows)]


@pytest.fixture
def web(client: TestClient, account: AccountRow, signed: Callable[[AccountRow], str]) -> TestClient:
    signed(account)
    return client


def shown(html: str) -> list[str]:
    return re.findall(r'href="/renders/([^"]+)"', html)


def link(html: str, rel: str) -> str | None:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', html)
    return unescape(found[1]) if found else None


def pages(web: TestClient, address: str | None) -> Iterator[str]:
    while address is not None:
        answer = web.get(address)
        assert answer.status_code == 200
        yield answer.text
        address = link(answer.text, "next")


@pytest.mark.parametrize(
    "address", ["/", "/?order=newest", "/?order=gravest", "/?campaign=cmp_1&order=gravest"]
)
def test_the_pages_of_a_view_show_every_render_once(web: TestClient, ids: list[str], address: str) -> None:
    found = list(pages(web, address))
    assert [len(shown(html)) for html in found] == [PAGE_ROWS, PAGE_ROWS, MANY - 2 * PAGE_ROWS]
    assert sorted(row for html in found for row in shown(html)) == sorted(ids)
    back = link(found[2], "prev")
    assert back is not None and shown(web.get(back).text) == shown(found[1])


def test_flagged_ones_come_first_where_the_gravest_are_asked_for(web: TestClient, ids: list[str]) -> None:
    text = web.get("/?order=gravest").text
    flagged = sum(1 for n in range(MANY - 1) if n % 7 == 0)
    assert text.count("look here") == flagged and "look here" not in text[text.index(">pass<") :]


def test_the_tabs_say_how_many_there_are_however_many_a_page_shows(web: TestClient, ids: list[str]) -> None:
    text = web.get("/?view=stopped").text
    numbers = dict(re.findall(r'>([\w ]+) <span class="count">([\d,]+)</span>', text))
    assert numbers == {
        "To review": str(MANY),
        "In the making": "0",
        "Approved": "0",
        "Released": "0",
        "Stopped": "3",
        "All": str(MANY + 3),
    }
    assert len(shown(text)) == 3


def test_one_campaign_alone(web: TestClient, ids: list[str], make_render: MakeRender) -> None:
    with transaction() as session:
        like = session.get_one(CampaignRow, "cmp_1")
        values = {column.key: getattr(like, column.key) for column in CampaignRow.__table__.columns}
        session.execute(insert(CampaignRow).values(values | {"id": "cmp_2", "name": "Another"}))
    one = make_render(campaign_id="cmp_2")
    text = web.get("/?campaign=cmp_2").text
    assert shown(text) == [one.id] and "Another" in text
    assert 'To review <span class="count">1<' in text
    listed = web.get("/campaigns").text
    assert f'href="/?view=review&amp;campaign=cmp_1">{MANY}<' in listed
    assert 'href="/?view=review&amp;campaign=cmp_2">1<' in listed
    assert f'To review <span class="count">{MANY}<' in web.get("/campaigns/cmp_1").text
    assert web.get("/?campaign=cmp_none").status_code == 404


@pytest.mark.parametrize(
    "address", ["/?cursor=nonsense", "/campaigns?cursor=nonsense", "/authorities?cursor=W10"]
)
def test_a_cursor_that_was_never_given_is_a_400_in_words(web: TestClient, brand: str, address: str) -> None:
    answer = web.get(address)
    assert answer.status_code == 422 and "This is no page of this list." in answer.text


def test_a_cursor_belongs_to_its_order(web: TestClient, ids: list[str]) -> None:
    onward = link(web.get("/").text, "next")
    assert onward is not None and web.get(f"{onward}&order=newest").status_code == 422


def test_a_page_that_has_emptied_says_so_and_leads_back(
    web: TestClient, ids: list[str], make_render: MakeRender
) -> None:
    last = list(pages(web, "/"))[1]
    onward = link(last, "next")
    with transaction() as session:
        session.query(RenderRow).filter(RenderRow.id.in_(set(ids) - set(shown(last)))).update(
            {"state": "blocked"}
        )
    assert onward is not None
    text = web.get(onward).text
    assert "Nothing more on this page" in text and "First page" in text
    back = link(text, "prev")
    assert back is not None and shown(web.get(back).text) == shown(last)


def test_a_render_is_found_by_its_id_and_by_its_request_key(
    web: TestClient, ids: list[str], make_render: MakeRender
) -> None:
    row = make_render(request_key="order 17 / Asha")
    for words in (row.id, f" {row.id} ", "order 17 / Asha"):
        answer = web.get("/find", params={"q": words})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/renders/{row.id}")
    missing = web.get("/find", params={"q": "order 18"})
    assert missing.status_code == 404 and "No render has this id or request key" in missing.text
    assert web.get("/find", params={"q": "a\0b"}).status_code == 422


def test_the_api_lists_page_by_page(client: TestClient, account: AccountRow, ids: list[str]) -> None:
    def ask(**params: Any) -> Any:
        return client.get("/api/v1/renders", params=params, auth=(account.email, PASSWORD))

    seen, cursor = [], ""
    while cursor is not None:
        document = ask(state=["in_review", "blocked"], campaign="cmp_1", limit=60, cursor=cursor).json()
        assert len(document["renders"]) <= 60 and document["total"] == MANY + 3
        seen += [one["render"] for one in document["renders"]]
        cursor = document["next"]
    assert len(seen) == len(set(seen)) == MANY + 3
    assert [one["state"] for one in ask(state="blocked").json()["renders"]] == ["blocked"] * 3
    assert ask(state="in_review", order="gravest", limit=1).json()["renders"][0]["verdict"] == "review"
    refused = ask(cursor="nonsense")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "bad_cursor")
    assert [
        ask(**wrong).status_code
        for wrong in ({"limit": 0}, {"limit": 201}, {"state": "gone"}, {"order": "x"})
    ] == [422] * 4
    assert ask(campaign="cmp_none").status_code == 404
    assert ask(order="gravest").status_code == 422


def test_the_api_says_nothing_about_a_recipient(
    client: TestClient, account: AccountRow, make_render: MakeRender
) -> None:
    make_render(fields={"first_name": "Asha"}, script="Hello Asha.", summary="It says Asha.")
    answer = client.get("/api/v1/renders", auth=(account.email, PASSWORD))
    assert answer.json()["total"] == 1 and "Asha" not in answer.text


def test_the_command_line_goes_on_where_a_page_ended(
    account: AccountRow, ids: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from greenroom.cli import main

    monkeypatch.setattr("greenroom.database.migrate", lambda: None)
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        assert main(["review", "list", "--limit", "50", "--cursor", cursor, "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        seen += [one["render"] for one in document["renders"]]
        cursor = document["next"]
    assert sorted(seen) == sorted(ids) and document["total"] == MANY
    assert main(["review", "list", "--cursor", "nonsense", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "bad_cursor"


def test_released_counts_what_is_released_now_and_each_state_is_in_one_view() -> None:
    counts = {state: 10**place for place, state in enumerate(State)}
    assert numbers(counts)["released"] == counts[State.RELEASED]
    assert numbers(counts)["approved"] == counts[State.APPROVED]
    apart = [number for name, number in numbers(counts).items() if name != "all"]
    assert sum(apart) == sum(counts.values()) == numbers(counts)["all"]

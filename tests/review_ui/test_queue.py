"""The queue in console, API and command line: pages that follow one another, and numbers that are true."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from html import escape, unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert

from audit.approvals import record
from audit.ledger import Event, append
from core.database import now, transaction
from core.settings import get_settings
from core.tables import BrandRow
from pipeline.annotations import Ask, rows_of
from pipeline.paging import PAGE_ROWS
from pipeline.states import State
from pipeline.tables import CampaignRow, RenderRow
from review_ui.memberships import join_brand, work_at
from review_ui.pages.queue import APART_WORDS, numbers
from review_ui.seals import seal
from review_ui.tables import AccountRow
from tests.kit import media
from tests.kit.workers import last_entry
from tests.review_ui.conftest import PASSWORD, SEALED

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
    return re.findall(r'href="/renders/([^"?]+)[^"]*"', html)


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
    assert (
        f'To review <span class="count" data-told="view-review">{MANY}<' in web.get("/campaigns/cmp_1").text
    )
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


# --- narrowed by what is in the address


def add_campaign(campaign_id: str, **changed: Any) -> str:
    with transaction() as session:
        like = session.get_one(CampaignRow, "cmp_1")
        values = {column.key: getattr(like, column.key) for column in CampaignRow.__table__.columns}
        session.execute(
            insert(CampaignRow).values(values | {"id": campaign_id, "name": campaign_id, **changed})
        )
    return campaign_id


@pytest.fixture
def apart(make_render: MakeRender) -> dict[str, str]:
    """A render of each of several campaigns, by what is particular about its campaign."""
    found = {"usual": make_render().id}
    for name, changed in {
        "risk": {"risk_class": "high"},
        "language": {"language": "hi"},
        "territory": {"territory": "us"},
    }.items():
        found[name] = make_render(campaign_id=add_campaign(f"cmp_{name}", **changed)).id
    return found


@pytest.mark.parametrize("order", ["oldest", "newest", "gravest"])
@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("risk=high", {"risk"}),
        ("language=hi", {"language"}),
        ("territory=us", {"territory"}),
        ("persona=per_1", {"usual", "risk", "language", "territory"}),
        ("persona=per_1&territory=in&language=en&risk=standard", {"usual"}),
        ("risk=high&language=hi", set()),
        ("risk=high&campaign=cmp_1", set()),
        ("persona=per_other", set()),
        ("hours=1", set()),
    ],
)
def test_the_list_is_narrowed_by_its_address(
    web: TestClient, apart: dict[str, str], address: str, names: set[str], order: str
) -> None:
    text = web.get(f"/?{address}&order={order}").text
    assert set(shown(text)) == {apart[name] for name in names}
    assert names or "Nothing fits." in text
    if "hours" not in address:  # nobody counts by age
        assert f'To review <span class="count">{len(names)}<' in text
    assert 'Released <span class="count">' not in text


def test_age_narrows_to_what_was_asked_for_before(web: TestClient, make_render: MakeRender) -> None:
    old = make_render(created_at=now() - timedelta(hours=30))
    young = make_render()
    assert shown(web.get("/?hours=24").text) == [old.id]
    assert shown(web.get("/?hours=168").text) == []
    assert shown(web.get("/?hours=25").text) == [old.id, young.id]  # no such choice
    assert "30 h ago" in web.get("/?hours=24").text


def test_a_narrowed_list_of_many_campaigns_has_pages_that_show_every_render_once(
    web: TestClient, make_render: MakeRender
) -> None:
    first = make_render()
    like = {column.key: getattr(first, column.key) for column in RenderRow.__table__.columns}
    campaigns = ["cmp_1", *(add_campaign(f"cmp_n{n}") for n in range(99))]
    rows = [
        like
        | {
            "id": f"rnd_{n:04d}",
            "campaign_id": campaigns[n % 100],
            "created_at": first.created_at + timedelta(seconds=n // 3),
        }
        for n in range(150)
    ]
    with transaction() as session:
        session.execute(insert(RenderRow), rows)
    found = [row for html in pages(web, "/?risk=standard") for row in shown(html)]
    assert found == [first.id, *(row["id"] for row in rows)] or sorted(found) == sorted(
        [first.id, *(row["id"] for row in rows)]
    )
    assert len(found) == len(set(found)) == 151
    moments = {row["id"]: row["created_at"] for row in rows} | {first.id: first.created_at}
    assert [moments[one] for one in found] == sorted(moments.values())


def test_a_filter_that_too_many_campaigns_fit_says_so(
    web: TestClient, make_render: MakeRender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.narrowing.MOST_RUNS", 2)
    for n in range(3):
        make_render(campaign_id=add_campaign(f"cmp_n{n}") if n else "cmp_1")
    answer = web.get("/?risk=standard")
    assert answer.status_code == 422 and "narrow it further" in answer.text
    assert web.get("/?risk=standard&campaign=cmp_1").status_code == 200


def test_what_is_narrowed_stays_in_every_address_and_can_be_taken_back(
    web: TestClient, apart: dict[str, str]
) -> None:
    text = unescape(web.get("/?risk=high&hours=24&order=newest").text)
    assert "view=review&order=gravest&risk=high&hours=24" in text  # another order
    assert "view=released&risk=high&hours=24" in text  # another view
    assert "show all" in text and 'href="/?view=review&order=newest&hours=24"' in text
    assert '<option value="high" selected>' in text


def test_the_next_one_is_of_what_was_chosen_and_every_address_on_the_way_keeps_it(
    web: TestClient, apart: dict[str, str], make_render: MakeRender
) -> None:
    second = make_render(campaign_id="cmp_risk").id
    chosen = "?order=newest&risk=high"

    def onward(text: str) -> str:
        """Where "next" leads from here."""
        address = re.search(r'action="(/review/next[^"]*)"', text)
        hidden = dict(re.findall(r'name="(csrf|at_brand|after)" value="([^"]*)"', text))
        assert address
        return web.post(unescape(address[1]), data=hidden).headers["location"]

    text = web.get(f"/{chosen}&view=review").text
    assert f'href="/renders/{second}{escape(chosen)}"' in text
    first = onward(text)
    assert first == f"/renders/{second}{chosen}"
    text = web.get(first).text
    for act in ("approve", "reject", "change", "hand-on", "notes"):
        assert f'ction="/renders/{second}/{act}{escape(chosen)}"' in text
    assert f'href="/{escape(chosen)}">The list that you chose<' in text
    assert onward(text) == f"/renders/{apart['risk']}{chosen}"
    token = re.search(r'name="csrf" value="([^"]*)"', text)
    assert token
    sent = web.post(
        f"/renders/{second}/reject{chosen}", data={"csrf": token[1], "asset": SEALED, "code": "lips"}
    )
    assert sent.headers["location"] == first
    assert (
        onward(web.get(first).text) == f"/renders/{apart['risk']}{chosen}"
    )  # after the decision, without script
    with transaction() as session:
        session.get_one(RenderRow, apart["risk"]).state = State.RECALLED
    assert onward(text) == f"/{chosen}"  # nothing more of it waits, though others do


def test_the_queue_says_whose_decision_a_video_waits_for(
    web: TestClient, account: AccountRow, make_render: MakeRender
) -> None:
    mine, decided, handed, free = (make_render(maker_id=who) for who in (account.id, "u", "u", "u"))
    with transaction() as session:
        row = session.get_one(RenderRow, decided.id)
        record(
            session, render_id=row.id, sealed_sha256=SEALED, essence="cd" * 32, reviewer_id=account.id,
            maker_id="u", verdict="approve", reason="", manner="seen", shown_sha256="0" * 64, brand_id="brd_1",
        )  # fmt: skip
        row = session.get_one(RenderRow, handed.id)
        rows = rows_of(row, "usr_ben", "handed_on", [Ask("other", "Is this a claim?")])
        append(session, Event.REVIEW_ESCALATED, row.id, {"reviewer_id": "usr_ben"}, rows=rows)
    text = web.get("/").text
    said = {one.id: re.search(rf"{one.id}[^$]*?</tr>", text) for one in (mine, decided, handed, free)}
    found = {name: match[0] for name, match in said.items() if match}
    assert "You asked for it, so someone else decides" in found[mine.id]
    assert "You have decided, another person has to" in found[decided.id]
    assert "Handed on to a senior reviewer" in found[handed.id]
    assert all(words not in found[free.id] for words in APART_WORDS.values())
    assert "Handed on" not in web.get("/?view=all").text


def test_strange_words_in_the_address_fit_nothing_and_break_nothing(
    web: TestClient, apart: dict[str, str]
) -> None:
    for words in (
        "risk=<script>",
        "territory=%F0%9F%8D%B5",
        "persona=' OR 1=1",
        "gate=nothing",
        "language=x" + "y" * 150,
    ):
        answer = web.get(f"/?{words}")
        assert answer.status_code == 200 and "<script>" not in answer.text.split("</head>")[1], words
        assert "Nothing fits." in answer.text
    assert web.get("/?hours=-1").status_code == web.get("/?hours=x").status_code == 200
    assert web.get("/?view=released&gate=label").status_code == 200
    assert web.get("/?risk=" + "x" * 201).status_code == web.get("/?risk=%00").status_code == 422


def test_only_what_changes_something_is_offered(web: TestClient, make_render: MakeRender) -> None:
    make_render()
    text = web.get("/").text
    assert 'name="risk"' not in text and 'name="territory"' not in text and 'name="hours"' in text
    make_render(campaign_id=add_campaign("cmp_2", risk_class="high", territory="us"))
    text = web.get("/").text
    assert 'name="risk"' in text and 'name="territory"' in text and 'name="language"' not in text


# --- risk, clock, who looks


def test_risk_and_age_stand_in_the_list_and_what_waits_too_long_is_late(
    web: TestClient, make_render: MakeRender
) -> None:
    add_campaign("cmp_high", risk_class="high")
    make_render(created_at=now() - timedelta(hours=5))
    assert ">late<" not in web.get("/").text
    make_render(created_at=now() - timedelta(hours=5), campaign_id="cmp_high")
    text = web.get("/").text
    assert text.count("</svg>late") == 1 and "</svg>high risk" in text and "5 h ago" in text
    make_render(created_at=now() - timedelta(hours=25), state="released" if False else "approved")
    assert "</svg>late" not in web.get("/?view=approved").text


def test_who_looks_at_what_is_said_to_reviewers_of_the_brand(
    web: TestClient, account: AccountRow, make_render: MakeRender, new_account: Any, signed: Any
) -> None:
    from pipeline.assignment import take

    render, other = make_render(), make_render()
    ben = new_account("ben")
    take(render.id, brand_id="brd_1", account_id=ben.id)
    take(other.id, brand_id="brd_1", account_id=account.id)
    assert web.get("/review/looking").json() == {render.id: "ben@brand.example", other.id: "You"}
    text = web.get("/").text
    assert "ben@brand.example is looking at it" in text and "You are looking at it" in text
    signed(new_account("olga", role="operator"))
    assert "is looking" not in web.get("/").text and web.get("/review/looking").status_code == 403


# --- pictures


def test_the_picture_of_a_video_goes_to_whom_the_video_goes(
    web: TestClient,
    account: AccountRow,
    make_render: MakeRender,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    from core.blobs import blobs

    clip = media.write_clip(tmp_path / "clip.mp4", 7)
    sealed = blobs().put_file(clip, "sealed").sha256
    render, made = make_render(sealed_sha256=sealed), make_render(sealed_sha256=None)
    answer = web.get(f"/renders/{render.id}/poster.jpg")
    assert answer.status_code == 200 and answer.content[:3] == b"\xff\xd8\xff"
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == (
        "image/jpeg",
        "private, no-store",
    )
    assert web.get(f"/renders/{made.id}/poster.jpg").status_code == 404
    text = web.get("/").text
    assert f'src="/renders/{render.id}/poster.jpg" alt=""' in text and f"{made.id}/poster" not in text
    axis = web.get(f"/renders/{render.id}/axis").json()
    assert (axis["first"], len(axis["steps"]), axis["steps"][0][1], len(axis["peaks"])) == (0, 1, 49, 600)
    assert axis["steps"][0][0] / axis["base"] == 1 / 25
    with transaction() as session:
        session.get_one(RenderRow, render.id).brand_id = "brd_1"
        session.execute(insert(BrandRow).values(id="brd_2", name="Another", rule_pack="x"))
        row = session.get_one(AccountRow, account.id)
        row.brand_id = "brd_2"
        seal(row)
    assert web.get(f"/renders/{render.id}/poster.jpg").status_code == 404
    assert web.get(f"/renders/{render.id}/axis").status_code == 404


def test_videos_are_veiled_where_an_administrator_says_so_and_else_as_the_installation_does(
    client: TestClient,
    new_account: Callable[..., AccountRow],
    signed: Callable[[AccountRow], str],
    make_render: MakeRender,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    render, admin = make_render(), new_account("adm", role="admin")
    own = {"csrf": signed(admin), "at_brand": "brd_1"}

    def is_veiled() -> bool:
        in_queue = "poster veiled" in client.get("/").text
        assert in_queue == (" covered>" in client.get(f"/renders/{render.id}").text)
        assert in_queue == bool(re.search(r'name="veiled"[^>]* checked', client.get("/brands").text))
        return in_queue

    assert not is_veiled()
    monkeypatch.setenv("GREENROOM_WEB_VEIL", "true")
    get_settings.cache_clear()
    assert is_veiled()
    assert client.post("/brands/veil", data=own).headers["location"] == "/brands?saved=1"
    assert not is_veiled()
    assert client.post("/brands/veil", data=own | {"veiled": "yes"}).status_code == 303
    assert is_veiled()
    assert client.post("/brands/veil", data=own | {"at_brand": "brd_2"}).status_code == 409 and is_veiled()
    assert last_entry("brd_1", Event.BRAND_CHANGED).facts["kind"] == "veil"
    with transaction() as session:
        append(session, Event.BRAND_CREATED, "brd_2", rows=[BrandRow(id="brd_2", name="Another")])
    monkeypatch.setenv("GREENROOM_WEB_VEIL", "false")
    get_settings.cache_clear()
    assert is_veiled()
    join_brand(admin.id, "brd_2")
    work_at(admin.id, "brd_2")
    assert not re.search(r'name="veiled"[^>]* checked', client.get("/brands").text)  # it is each brand's own

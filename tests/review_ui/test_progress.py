"""Live numbers: each event says everything, to whoever may see it, for as long as that is so, and to not too many."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient

from pipeline.states import State
from review_ui import live
from review_ui.app import make_app
from review_ui.progress import duration
from review_ui.sessions import sign_out
from tests.kit.world import World
from tests.review_ui.authenticator import ORIGIN
from tests.review_ui.test_again import email_of, enter


@pytest.fixture
def client(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(live, "EVERY", 0.01)
    monkeypatch.setattr(live, "LASTS", 0.0)
    live._kept.clear()
    with TestClient(make_app(), base_url=ORIGIN, follow_redirects=False) as client:
        yield client


def events(text: str) -> list[dict[str, object]]:
    return [
        json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")
    ]


def test_one_event_says_everything_and_the_next_comes_when_that_changed(
    client: TestClient, world: World, monkeypatch: pytest.MonkeyPatch
):
    row = world.render()
    enter(client, world.operator)
    looks: list[int] = []

    def look(campaign: object) -> dict[str, object]:
        looks.append(1)
        if len(looks) > 5:
            monkeypatch.setattr(live, "LASTS", 0.0)
        return {"seen": len(looks) > 3}

    monkeypatch.setattr("review_ui.pages.progress.look", look)
    monkeypatch.setattr("review_ui.pages.progress.shared", lambda _key, make: make())
    monkeypatch.setattr(live, "LASTS", 60.0)
    answer = client.get(f"/campaigns/{row.campaign_id}/progress")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.startswith("retry: ")
    assert events(answer.text) == [{"seen": False}, {"seen": True}]


def test_an_event_has_the_numbers_and_the_words_of_the_page(client: TestClient, world: World):
    row = world.render()
    world.to_review()
    enter(client, world.operator)
    (told,) = events(client.get(f"/campaigns/{row.campaign_id}/progress").text)
    assert (told["total"], told["done"], told["making"], told["stages"]) == (2, 1, 1, {"voice": 1})
    page = client.get(f"/campaigns/{row.campaign_id}").text
    for place, words in told["words"].items():
        assert f'data-told="{place}">{words}<' in page, place
    (email, auth) = (email_of(world.operator), "a made-up password of the kit")
    by_api = client.get(f"/api/v1/campaigns/{row.campaign_id}/progress", auth=(email, auth)).json()
    assert by_api == {name: value for name, value in told.items() if name != "words"}


def test_a_stream_ends_when_its_listener_has_signed_out(
    client: TestClient, world: World, monkeypatch: pytest.MonkeyPatch
):
    row = world.render()
    enter(client, world.operator)
    token = client.cookies["greenroom_session"]
    monkeypatch.setattr(live, "LASTS", 60.0)
    looked: Callable[..., dict[str, object]] = lambda _campaign: sign_out(token) or {"seen": 1}  # noqa: E731
    monkeypatch.setattr("review_ui.pages.progress.look", looked)
    assert events(client.get(f"/campaigns/{row.campaign_id}/progress").text) == [{"seen": 1}]


def test_another_brands_campaign_is_not_there(
    client: TestClient, world: World, monkeypatch: pytest.MonkeyPatch
):
    row = world.render()
    from pipeline.service import create_brand
    from review_ui.accounts import create_account

    other = create_account(
        brand_id=create_brand("Another").id,
        email="o@kit.example",
        role="admin",
        password="a made-up password of the kit",
    )
    enter(client, other.id)
    assert client.get(f"/campaigns/{row.campaign_id}/progress").status_code == 404


@pytest.mark.parametrize("bound", ["MOST", "MOST_OF_ONE"])
def test_listeners_are_bounded_and_none_is_left_behind(
    client: TestClient, world: World, monkeypatch: pytest.MonkeyPatch, bound: str
):
    row = world.render()
    enter(client, world.operator)
    where = f"/campaigns/{row.campaign_id}/progress"
    assert client.get(where).status_code == 200 and not live._listening
    monkeypatch.setattr(live, bound, 0)
    answer = client.get(where, headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
    assert "retry-after" in answer.headers
    assert client.get(f"/campaigns/{row.campaign_id}").status_code == 200, "the page itself goes on"


def test_what_many_look_at_is_looked_up_once(monkeypatch: pytest.MonkeyPatch):
    live._kept.clear()
    looks: list[int] = []
    look = lambda: {"n": looks.append(1) or len(looks)}  # noqa: E731
    assert [live.shared("a", look), live.shared("a", look), live.shared("b", look)] == [
        {"n": 1},
        {"n": 1},
        {"n": 2},
    ]
    monkeypatch.setattr(live, "EVERY", 0.0)
    assert live.shared("a", look) == {"n": 3}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "no time"),
        (5, "1 minute"),
        (89, "1 minute"),
        (100, "2 minutes"),
        (7_200, "2 hours"),
        (200_000, "2 days"),
    ],
)
def test_a_time_that_nobody_needs_exactly(seconds: float, words: str):
    assert duration(seconds) == words


def test_what_failed_is_said_beside_what_is_done(client: TestClient, world: World):
    from tests.pipeline.test_again import failed

    row = failed(world)
    enter(client, world.operator)
    assert "1 of 1 done, 1 of them stopped" in client.get(f"/campaigns/{row.campaign_id}").text
    assert world.now_is(row).state == State.FAILED

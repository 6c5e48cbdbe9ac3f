"""The pages and the API around sending: the suppression list, links as a file, tags, and webhooks."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from delivery.webhook_sending import send_due
from delivery.webhooks import list_webhooks
from pipeline import suppression
from review_ui.app import make_app
from tests.kit.workers import events_of
from tests.kit.world import PASSWORD, World
from tests.pipeline.test_suppression import ADDRESS, NAMING, WITH_ADDRESS
from tests.review_ui.authenticator import ORIGIN
from tests.review_ui.test_again import email_of, enter


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with TestClient(make_app(), base_url=ORIGIN, follow_redirects=False) as client:
        yield client


def on_list(w: World, *keys: str) -> list[bool]:
    return suppression.on_list(keys, brand_id=w.brand_id)


def test_keys_go_on_the_list_are_looked_for_and_come_off(client: TestClient, world: World):
    csrf = enter(client, world.operator)
    mine = {"csrf": csrf, "at_brand": world.brand_id}
    answer = client.post("/suppressions", data={**mine, "keys": f"{ADDRESS}\n\n+49 30 1234567\n"})
    assert "2 keys added" in answer.text and ADDRESS not in answer.text
    assert on_list(world, ADDRESS, "004930 1234567") == [True, True]
    answer = client.post("/suppressions/look", data={**mine, "keys": f"{ADDRESS}\nx@y.example"})
    assert "1 of 2 keys on the list" in answer.text
    answer = client.post("/suppressions/remove", data={**mine, "keys": ADDRESS.upper()})
    assert "1 key taken off" in answer.text and on_list(world, ADDRESS) == [False]


def test_a_key_that_is_none_comes_back_as_it_was_typed(client: TestClient, world: World):
    csrf = enter(client, world.operator)
    sent = {"csrf": csrf, "at_brand": world.brand_id, "keys": f"{ADDRESS}\nab"}
    answer = client.post("/suppressions", data=sent)
    assert answer.status_code == 422 and f"{ADDRESS}\nab" in answer.text
    assert on_list(world, ADDRESS) == [False], "none of them was added"


def test_a_form_of_another_brand_adds_nothing(client: TestClient, world: World):
    csrf = enter(client, world.operator)
    sent = {"csrf": csrf, "at_brand": "brd_other", "keys": ADDRESS}
    assert client.post("/suppressions", data=sent).status_code == 409
    assert on_list(world, ADDRESS) == [False]


def test_a_file_of_keys_is_added(client: TestClient, world: World):
    csrf = enter(client, world.operator)
    lines = "\n".join(["email", *(f"customer-{n}" for n in range(20_000))]).encode()
    answer = client.post(
        "/suppressions/import",
        data={"csrf": csrf, "at_brand": world.brand_id},
        files={"file": ("k.csv", lines)},
    )
    assert "20,000 keys added" in answer.text and "or more" in answer.text
    assert on_list(world, "customer-19999", "email") == [True, False]
    none = client.post("/suppressions/import", data={"csrf": csrf, "at_brand": world.brand_id})
    assert none.status_code == 422 and "no file was sent" in none.text.lower()


def test_a_campaigns_links_are_a_file_with_its_tags_and_the_ledger_knows(client: TestClient, world: World):
    out = world.released(fields=WITH_ADDRESS, campaign=world.campaign(fields=NAMING))
    csrf = enter(client, world.operator)
    where = f"/campaigns/{out.campaign_id}"
    assert client.post(f"{where}/tags", data={"csrf": csrf, "utm_source": "mail"}).status_code == 303
    answer = client.post(f"{where}/links.csv", data={"csrf": csrf})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert (
        answer.headers["cache-control"] == "no-store"
        and "attachment" in answer.headers["content-disposition"]
    )
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert row["recipient"] == ADDRESS and row["link"].startswith(f"{ORIGIN}/v/")
    assert row["link"].endswith("?utm_source=mail")
    shown = client.get(row["link"].removeprefix(ORIGIN))
    assert shown.status_code == 200 and "video.mp4" in shown.text
    assert "utm_source=mail" in client.get(f"/renders/{out.id}").text, (
        "the links of its own page have them too"
    )
    assert "delivery:links:exported" in events_of(out.campaign_id)
    by_api = client.post(f"/api/v1{where}/links", auth=(email_of(world.operator), PASSWORD))
    assert by_api.text == answer.text


@pytest.mark.parametrize("who", ["reviewer", "second_reviewer"])
def test_who_may_not_release_takes_no_list_and_tells_nobody(client: TestClient, world: World, who: str):
    out = world.released()
    csrf = enter(client, getattr(world, who))
    before = events_of(out.campaign_id)
    where = f"/campaigns/{out.campaign_id}"
    assert "links.csv" not in client.get(where).text
    for path in (f"{where}/links.csv", f"{where}/tags", "/webhooks", "/suppressions"):
        assert client.post(path, data={"csrf": csrf}).status_code == 403, path
    assert client.get("/webhooks").status_code == client.get("/suppressions").status_code == 403
    assert events_of(out.campaign_id) == before


def test_tags_that_are_refused_come_back(client: TestClient, world: World):
    campaign = world.campaign().id
    csrf = enter(client, world.operator)
    answer = client.post(f"/campaigns/{campaign}/tags", data={"csrf": csrf, "utm_term": "x" * 150})
    assert answer.status_code == 422 and f'value="{"x" * 150}"' in answer.text


def test_a_webhook_is_made_shows_its_secret_once_and_its_messages(client: TestClient, world: World):
    csrf = enter(client, world.operator)
    sent = {
        "csrf": csrf,
        "at_brand": world.brand_id,
        "address": "https://hook.example/in",
        "event": "render.failed",
    }
    made = client.post("/webhooks", data=sent)
    secret = made.text.partition("whsec_")[2][:44]
    assert made.status_code == 200 and len(secret) == 44
    (row,) = list_webhooks(world.brand_id)
    assert secret not in client.get("/webhooks").text
    changed = client.post(f"/webhooks/{row.id}/rotate", data={"csrf": csrf})
    assert "whsec_" in changed.text and secret not in changed.text
    assert client.post(f"/webhooks/{row.id}/test", data={"csrf": csrf}).status_code == 303
    assert "on its way" in client.get("/webhooks").text

    from concurrent.futures import ThreadPoolExecutor

    from core.outward import Answered

    with ThreadPoolExecutor(1) as pool:
        assert send_due(pool, lambda *_: Answered(204)) == 1
    page = client.get("/webhooks").text
    assert "taken" in page and "answered 204" in page
    message = page.partition("/webhooks/messages/")[2].partition("/again")[0]
    assert client.post(f"/webhooks/messages/{message}/again", data={"csrf": csrf}).status_code == 303
    assert client.post(f"/webhooks/{row.id}/end", data={"csrf": csrf}).status_code == 303
    page = client.get("/webhooks").text
    assert "ended by hand" in page and "Send a test" not in page


@pytest.mark.parametrize(
    "address", ["http://hook.example/", "https://169.254.169.254/latest", "javascript:alert(1)"]
)
def test_an_address_that_is_refused_comes_back(client: TestClient, world: World, address: str):
    csrf = enter(client, world.operator)
    sent = {"csrf": csrf, "at_brand": world.brand_id, "address": address, "event": "render.failed"}
    answer = client.post("/webhooks", data=sent)
    assert answer.status_code == 422 and f'value="{address}"' in answer.text
    assert list_webhooks(world.brand_id) == []


def test_the_api_does_what_the_pages_do(client: TestClient, world: World):
    mine = {"auth": (email_of(world.operator), PASSWORD)}
    keys = {"keys": [ADDRESS, ADDRESS]}
    assert client.post("/api/v1/suppressions", json=keys, **mine).json() == {"added": 1, "known": 1}
    assert client.post("/api/v1/suppressions/look", json=keys, **mine).json() == {"suppressed": [True, True]}
    assert client.post("/api/v1/suppressions/remove", json=keys, **mine).json() == {"removed": 1}
    assert client.post("/api/v1/suppressions", json={"keys": []}, **mine).status_code == 422
    campaign = world.campaign().id
    tags = client.post(f"/api/v1/campaigns/{campaign}/tags", json={"utm_source": "mail"}, **mine).json()
    assert tags["utm_source"] == "mail" and tags["utm_term"] == ""
    asked = {"address": "https://hook.example/in", "events": ["render.released"]}
    made = client.post("/api/v1/webhooks", json=asked, **mine).json()
    assert made["secret"].startswith("whsec_") and made["ended_why"] is None
    told = client.get("/api/v1/webhooks", **mine).json()["webhooks"]
    assert [one["webhook"] for one in told] == [made["webhook"]] and "secret" not in told[0]
    assert (
        client.post(f"/api/v1/webhooks/{made['webhook']}/rotate", **mine).json()["secret"] != made["secret"]
    )
    assert client.post(f"/api/v1/webhooks/{made['webhook']}/test", **mine).json() == {"done": True}
    (message,) = client.get("/api/v1/webhooks/messages", **mine).json()["messages"]
    assert (message["event"], message["state"]) == ("webhook.test", "waiting") and message["next_try"]
    again = client.post(f"/api/v1/webhooks/messages/{message['message']}/again", **mine)
    assert again.status_code == 409
    assert client.post(f"/api/v1/webhooks/{made['webhook']}/end", **mine).json() == {"done": True}
    bad = client.post("/api/v1/webhooks", json={"address": "https://127.0.0.1/", "events": []}, **mine)
    assert bad.status_code == 422

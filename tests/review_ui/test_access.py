"""What is said and measured of each web request, and who may read the web application's numbers."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from core import logs
from core.ids import new_id
from core.metrics import REGISTRY
from core.settings import get_settings
from review_ui.app import make_app
from review_ui.tables import AccountRow
from tests.kit.logs import logs_kept
from tests.review_ui.conftest import MakeRender


def requests(method: str, route: str, status: int) -> float:
    labels = {"method": method, "route": route, "status": str(status)}
    return REGISTRY.get_sample_value("greenroom_http_request_seconds_count", labels) or 0.0


@pytest.fixture
def lines(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    monkeypatch.setenv("GREENROOM_LOG", "INFO")
    get_settings.cache_clear()
    stream = io.StringIO()
    with logs_kept():
        logs.set_up("web", stream=stream)
        yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_request_is_one_line_with_the_route_and_never_the_path(client: TestClient, lines: Any):
    answer = client.get("/v/not-a-token?who=asha")
    (line,) = lines()
    assert (line["event"], line["method"], line["route"], line["status"]) == (
        "request",
        "GET",
        "/v/{token}",
        404,
    )
    assert line["request_id"] == answer.headers["x-request-id"] and line["seconds"] >= 0
    assert "not-a-token" not in str(line) and "asha" not in str(line)


def test_a_request_that_names_a_render_carries_its_id_and_the_brand_of_who_asks(
    client: TestClient, lines: Any, signed: Any, account: AccountRow, make_render: MakeRender
):
    signed(account)
    render = make_render()
    client.get(f"/renders/{render.id}")
    client.get("/renders/rnd_made-up")
    first, second = [line for line in lines() if line["event"] == "request"]
    assert (first["render_id"], first["brand_id"]) == (render.id, "brd_1")
    assert "render_id" not in second, "only what is an id of ours"


def test_a_clients_own_request_id_is_not_believed(client: TestClient, lines: Any):
    answer = client.get("/verify", headers={"x-request-id": "forged"})
    assert answer.headers["x-request-id"].startswith("req_") and lines()[0]["request_id"] != "forged"


def test_two_requests_share_nothing(client: TestClient, lines: Any, signed: Any, account: AccountRow):
    signed(account)
    client.get("/account")
    client.cookies.clear()
    client.get("/verify")
    first, second = lines()
    assert first["brand_id"] == "brd_1" and "brand_id" not in second
    assert first["request_id"] != second["request_id"]


def test_requests_are_measured_by_the_routes_template(client: TestClient):
    paths = {
        "/v/{token}": ("/v/a", "/v/b"),
        "unmatched": (f"/{new_id('x')}", "/wp-admin", "/v"),
        "/static": ("/static/a", "/static/b"),
    }
    for route, tried in paths.items():
        before = requests("GET", route, 404)
        for path in tried:
            client.get(path)
        assert requests("GET", route, 404) == before + len(tried), route


def test_an_unknown_method_is_one_value(client: TestClient):
    before = requests("other", "unmatched", 404)
    client.request("MADEUP", "/nowhere")
    assert requests("other", "unmatched", 404) == before + 1


def test_an_unhandled_error_is_a_line_of_its_own_without_its_words(
    home: Any, lines: Any, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("Asha")

    monkeypatch.setattr("review_ui.pages.verify.page", broken)
    before = requests("GET", "/verify", 500)
    with TestClient(make_app(), raise_server_exceptions=False) as client:
        logs_again = io.StringIO()
        logs.set_up("web", stream=logs_again)
        assert client.get("/verify").status_code == 500
    line = json.loads(logs_again.getvalue().splitlines()[0])
    assert (line["level"], line["status"]) == ("error", 500) and line["exception"].startswith(
        "RuntimeError at"
    )
    assert "Asha" not in logs_again.getvalue() and requests("GET", "/verify", 500) == before + 1


# Who may read the numbers

LOCAL, ELSEWHERE = ("127.0.0.1", 50_000), ("192.0.2.7", 50_000)
TOKEN = "a made-up token of the test"


def asked(client_at: tuple[str, int], **headers: str) -> int:
    with TestClient(make_app(), client=client_at) as client:
        return client.get("/metrics", headers=headers).status_code


@pytest.fixture
def setting(home: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def set_to(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"GREENROOM_{name}", value)
        get_settings.cache_clear()

    return set_to


def test_programs_on_this_machine_may_read_them(home: Any):
    with TestClient(make_app(), client=LOCAL) as client:
        answer = client.get("/metrics")
    assert answer.status_code == 200 and "greenroom_http_request_seconds" in answer.text
    assert (
        answer.headers["content-type"].startswith("text/plain")
        and answer.headers["cache-control"] == "no-store"
    )
    assert "greenroom_outbox_messages" not in answer.text, (
        "what lies in the database is offered by the relay alone"
    )


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "via", "x-real-ip"])
def test_whom_a_proxy_asks_for_may_not(home: Any, header: str):
    assert asked(LOCAL, **{header: "192.0.2.7"}) == 404


def test_elsewhere_there_is_nothing(home: Any):
    assert asked(ELSEWHERE) == 404 and asked(("testclient", 1)) == 404


def test_with_a_token_only_who_has_it_may(setting: Any):
    setting(METRICS_TOKEN=TOKEN)
    assert asked(ELSEWHERE, authorization=f"Bearer {TOKEN}") == 200
    assert asked(LOCAL) == 404
    for wrong in (f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer", TOKEN):
        assert asked(LOCAL, authorization=wrong) == 404, wrong


def test_in_production_a_token_is_asked_for(setting: Any):
    setting(ENVIRONMENT="production")
    assert asked(LOCAL) == 404
    setting(METRICS_TOKEN=TOKEN)
    assert asked(LOCAL, authorization=f"Bearer {TOKEN}") == 200

"""The web's walls: headers, sign-in, forms, and every route closed to strangers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from core.settings import get_settings
from review_ui.app import make_app
from review_ui.pages.signin import _local
from review_ui.rendering import _data

PUBLIC = {
    "/begin",
    "/invitation/{token}",
    "/sign-in",
    "/recover",
    "/verify",
    "/verify/said/{token}",
    "/api/v1/verify",
}
PUBLIC |= {f"/v/{{token}}{part}" for part in ("", "/video.mp4", "/poster.jpg", "/captions.vtt", "/report")}
PUBLIC |= {"/invitation/{token}/with-account"}  # under the same link, and a password
PUBLIC |= {"/docs", "/docs/documents"}
PUBLIC |= {"/metrics"}  # for this machine's programs: test_access.py


@pytest.fixture
def client(home: Path) -> Iterator[TestClient]:
    with TestClient(make_app(), base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield client


def routes() -> list[tuple[str, str]]:
    app = make_app()
    found = []
    for router in app.routes:
        for route in getattr(getattr(router, "original_router", None), "routes", [router]):
            if isinstance(route, APIRoute):
                found += [(method, route.path) for method in sorted(route.methods)]
    return found


def test_every_route_but_the_public_ones_is_closed_to_strangers(client: TestClient):
    closed = [(method, path) for method, path in routes() if path not in PUBLIC]
    assert len(closed) > 8
    for method, path in closed:
        answer = client.request(method, re.sub(r"\{\w+\}", "any_1", path))
        assert answer.status_code in (303, 401, 422), (method, path, answer.status_code)
        if answer.status_code == 303:
            assert answer.headers["location"].startswith("/sign-in")


def test_every_answer_carries_the_policy_that_allows_no_foreign_code(client: TestClient):
    for path in ("/verify", "/sign-in", "/nowhere", "/static/greenroom.css", "/api/openapi.json"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy
        assert "unsafe" not in policy


def test_no_page_carries_inline_script_or_style():
    folder = Path(__file__).parent.parent.parent / "review_ui/templates"
    for template in folder.glob("*.html"):
        text = template.read_text(encoding="utf-8")
        assert " style=" not in text and "<style" not in text and " onclick" not in text, template.name
        for script in text.split("<script")[1:]:
            opening = script.split(">")[0]
            assert "src=" in opening or "application/json" in opening, template.name


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "a"]
)
def test_after_signing_in_nobody_is_sent_elsewhere(target: str):
    assert _local(target) == "/"
    assert _local("/renders/rnd_1") == "/renders/rnd_1"


def test_data_blocks_cannot_be_ended_by_a_string():
    assert "<" not in str(_data({"message": "</script><script>alert(1)</script>"}))


def test_an_upload_over_the_limit_ends_early(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GREENROOM_WEB_UPLOAD_MAX_BYTES", "100000")
    get_settings.cache_clear()
    answer = client.post("/api/v1/verify", files={"file": ("big.mp4", b"x" * 200_000)})
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"


def test_no_file_is_a_clear_error(client: TestClient):
    page = client.post("/verify", files={})
    assert page.status_code == 422 and "no file was sent" in page.text.lower()


def test_the_api_describes_itself(client: TestClient):
    document = client.get("/api/openapi.json").json()
    paths = {"analyze_video", "verify", "renders", "campaigns/{campaign_id}/recipients", "events"}
    paths |= {"renders/{render_id}/again", "suppressions", "webhooks", "webhooks/messages"}
    assert {f"/api/v1/{path}" for path in paths} < set(document["paths"])
    analysis = document["components"]["schemas"]["Analysis"]["properties"]
    assert {"deepfake_score", "quality_gate", "reason_codes", "sync", "provenance"} <= set(analysis)

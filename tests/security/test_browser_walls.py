"""What a browser is told on every answer, and what it says of who sends a form: headers, cookies, redirects, hosts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient

from core.settings import get_settings
from greenroom.web import make_app
from review_ui.pages.signin import _local
from review_ui.security import COOKIE
from review_ui.tables import AccountRow
from tests.review_ui.authenticator import ORIGIN
from tests.review_ui.conftest import PASSWORD
from tests.security.routes import every_route, filled

ELSEWHERE = "evil.example"


@pytest.fixture
def https(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """As behind a proxy that ends TLS and says nothing about it."""
    monkeypatch.setenv("GREENROOM_WEB_ORIGIN", "https://greenroom.brand.example")
    get_settings.cache_clear()
    return client


@pytest.fixture
def broken(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A defect of ours: every page raises an error that quotes a secret."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("postgresql://greenroom:a-secret-password@db/")

    monkeypatch.setattr("review_ui.pages.signin.page", fail)
    with TestClient(make_app(), base_url="http://127.0.0.1", raise_server_exceptions=False) as other:
        yield other


def test_every_route_answers_under_the_same_walls(
    client: TestClient, account: AccountRow, signed: Callable[[AccountRow], str]
):
    """Pages, files, redirects and refusals, before and after signing in: no script of others, no frame, no guessing
    of types, and nothing is kept by a browser or a proxy."""
    for signed_in in (False, True):
        if signed_in:
            signed(account)
        for method, path in [*every_route(), ("GET", "/nowhere"), ("PUT", "/"), ("GET", "/api/openapi.json")]:
            answer = client.request(method, filled(path))
            headers = answer.headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy, path
            assert "unsafe" not in policy and "http" not in policy, path
            assert headers["x-content-type-options"] == "nosniff", path
            assert headers["referrer-policy"] == "no-referrer", path
            assert "no-store" in headers["cache-control"], path
            assert answer.status_code < 500 or path == "/ready", (method, path)
    assert "cache-control" not in client.get("/static/greenroom.css").headers


def test_a_defect_is_told_in_one_sentence_under_the_same_walls(broken: TestClient):
    for accept in ("text/html", "application/json"):
        answer = broken.get("/recover", headers={"accept": accept})
        assert answer.status_code == 500 and "something went wrong here" in answer.text.lower()
        assert (
            "secret" not in answer.text and "Traceback" not in answer.text and "postgres" not in answer.text
        )
        assert "default-src 'none'" in answer.headers["content-security-policy"]


def enter(client: TestClient, account: AccountRow, **headers: str) -> tuple[int, str]:
    form = {"email": account.email, "password": PASSWORD}
    answer = client.post("/sign-in", data=form, headers=headers)
    return answer.status_code, answer.headers.get("set-cookie", "")


def test_the_cookie_is_for_the_server_alone(client: TestClient, account: AccountRow):
    status, cookie = enter(client, account)
    assert status == 303 and cookie.startswith(f"{COOKIE}=")
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= attributes
    assert not any(part.startswith("domain") for part in attributes)


def test_the_cookie_is_for_https_alone_where_people_come_over_https(https: TestClient, account: AccountRow):
    """The request itself may be plain: a proxy ends TLS."""
    assert "; secure" in enter(https, account)[1].lower()
    assert https.get("/verify").headers["strict-transport-security"].startswith("max-age=")


def test_signing_in_makes_a_new_session_and_a_planted_one_opens_nothing(
    client: TestClient, account: AccountRow
):
    client.cookies.set(COOKIE, "planted-by-somebody-else")
    assert client.get("/").status_code == 303
    tokens = set()
    for _ in range(2):
        cookie = enter(client, account)[1]
        tokens.add(cookie.partition("=")[2].partition(";")[0])
    assert len(tokens) == 2 and "planted-by-somebody-else" not in tokens


@pytest.mark.parametrize(
    "said",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}],
)
def test_a_form_of_another_site_signs_nobody_in(
    client: TestClient, account: AccountRow, said: dict[str, str]
):
    """Else a stranger could have people work under the stranger's account."""
    assert enter(client, account, **said) == (403, "")


@pytest.mark.parametrize(
    "said",
    [
        {"sec-fetch-site": "same-origin", "origin": "null"},
        {"sec-fetch-site": "none"},
        {"origin": "null"},
        {"origin": ORIGIN},
        {},
    ],
)
def test_our_own_forms_and_programs_are_heard(client: TestClient, account: AccountRow, said: dict[str, str]):
    assert enter(client, account, **said)[0] == 303


def test_behind_a_proxy_our_own_origin_is_the_setting(https: TestClient, account: AccountRow):
    assert enter(https, account, origin="https://greenroom.brand.example")[0] == 303
    assert enter(https, account, origin="https://greenroom.brand.example.evil.example")[0] == 403


TARGETS = [
    "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example",
    "https:evil.example",
    "javascript:alert(1)", "data:text/html,x", "/\t/evil.example", "/\n/evil.example", "\r\n//evil.example",
    " //evil.example",
    "http:///evil.example", "/%0d%0aSet-Cookie:x", "evil.example", "", "//evil.example@/", "/\u2028/x",
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
def test_after_signing_in_nobody_is_sent_elsewhere(client: TestClient, account: AccountRow, target: str):
    form = {"email": account.email, "password": PASSWORD, "target": target}
    answer = client.post("/sign-in", data=form)
    place = answer.headers["location"]
    assert answer.status_code == 303 and re.fullmatch(r"/(?![/\\])[^\r\n\t]*", place), place
    shown = client.get("/sign-in", params={"next": target}).text
    assert f'name="target" value="{_local(target)}"' in shown or ELSEWHERE not in shown


def test_no_answer_repeats_the_host_that_was_asked(client: TestClient, account: AccountRow):
    """Not in a redirect, not in a page: a cache in between would give it to others."""
    for said in (ELSEWHERE, f"{ELSEWHERE}:99999", "[", "a b", f"x@{ELSEWHERE}", "<script>", f"{ELSEWHERE}/"):
        for _, path in every_route():
            for asked in (filled(path), filled(path) + "/", "/" + filled(path), "/static"):
                answer = client.get(asked, headers={"host": said, "x-forwarded-host": ELSEWHERE})
                whole = answer.text + str(answer.headers)
                assert ELSEWHERE not in whole, (said, asked)


def test_an_address_with_line_breaks_makes_no_header(client: TestClient):
    for path in (
        "/renders/a%0d%0aset-cookie:%20x=1",
        "/v/%0aset-cookie:x",
        "/%0d%0a%0d%0a<script>",
        "/sign-in%0d%0a",
    ):
        answer = client.get(path)
        assert "set-cookie" not in answer.headers and answer.status_code in (303, 404)
        assert "\n" not in answer.headers.get("location", "")


def test_no_route_redirects_by_itself():
    assert make_app().router.redirect_slashes is False

"""The first-run page: there while nobody has an account, for who holds the newest code, and never again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from audit.ledger import verify_ledger
from core.database import transaction
from core.errors import Conflict, Forbidden, GreenroomError
from core.tables import InstallationRow
from pipeline.brands import list_brands, organisation
from review_ui.accounts import list_accounts
from review_ui.beginning import begin, new_code
from review_ui.security import COOKIE
from tests.review_ui.conftest import PASSWORD

FORM = {
    "organisation": "Example Ltd", "brand": "Tea", "territory": "in", "email": "ann@brand.example",
    "password": PASSWORD, "again": PASSWORD, "development": "known",
}  # fmt: skip


@pytest.fixture
def code(home: Any) -> str:
    made = new_code()
    assert made is not None
    return made


def test_who_holds_the_code_begins_and_is_signed_in(client: TestClient, code: str):
    assert 'name="organisation"' in client.get("/begin", params={"code": code}).text
    answer = client.post("/begin", data=FORM | {"code": code})
    assert answer.status_code == 303 and COOKIE in answer.cookies
    (account,) = list_accounts()
    (brand,) = list_brands()
    named = organisation()
    assert (account.role, account.brand_id, account.email) == ("admin", brand.id, "ann@brand.example")
    assert named is not None and named.name == "Example Ltd" and brand.territory == "in"
    assert "You are set up" in client.get(answer.headers["location"]).text
    assert verify_ledger().good


def test_the_code_opens_once(client: TestClient, code: str):
    client.post("/begin", data=FORM | {"code": code})
    assert client.get("/begin", params={"code": code}).status_code == 404
    again = client.post("/begin", data=FORM | {"code": code, "email": "eve@brand.example"})
    assert again.status_code == 404 and len(list_accounts()) == 1
    assert new_code() is None


@pytest.mark.parametrize("wrong", ["", "x", "A" * 200, "used", "%00", "\u00e9"])
def test_nobody_begins_without_it(client: TestClient, code: str, wrong: str):
    assert 'name="organisation"' not in client.get("/begin", params={"code": wrong}).text
    assert client.post("/begin", data=FORM | {"code": wrong}).status_code == 403
    assert list_accounts() == []


def test_the_code_is_asked_for_where_the_account_is_made(code: str):
    """Whatever a page has asked before."""
    said = {"organisation": "Example", "brand": "Tea", "email": "eve@brand.example", "password": PASSWORD}
    with pytest.raises(Forbidden):
        begin(**said, code="another code")
    assert begin(**said, code=code).role == "admin"


def test_where_there_is_an_account_nobody_begins(code: str):
    """Not on the command line either, which needs no code."""
    said = {"organisation": "Example", "brand": "Tea", "password": PASSWORD}
    begin(**said, email="ann@brand.example", code=None)
    with pytest.raises(Conflict):
        begin(**said, email="eve@brand.example", code=None)
    assert len(list_accounts()) == 1


def test_before_a_code_was_printed_nothing_opens(client: TestClient, home: Any):
    for guess in ("", "used"):
        assert client.post("/begin", data=FORM | {"code": guess}).status_code == 403


def test_what_stands_in_the_database_is_no_code(client: TestClient, code: str):
    with transaction() as session:
        stored = session.get_one(InstallationRow, "first_code").value
    assert code not in stored
    assert client.post("/begin", data=FORM | {"code": stored}).status_code == 403


def test_guessing_is_bounded(client: TestClient, code: str):
    answers = [client.get("/begin", params={"code": f"guess-{number}"}).status_code for number in range(40)]
    assert answers[0] == 403 and answers[-1] == 429


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"password": "short", "again": "short"}, "12 to 200"),
        ({"again": "another long password"}, "two passwords differ"),
        ({"development": ""}, "proves nothing outside"),
        ({"territory": "India"}, "is no territory"),
        ({"email": "nobody"}, "no e-mail address"),
        ({"brand": "\u202egnp"}, "visible characters"),
        ({"organisation": ""}, "visible characters"),
    ],
)
def test_what_is_wrong_is_said_and_the_rest_is_kept(
    client: TestClient, code: str, change: dict[str, str], says: str
):
    answer = client.post("/begin", data=FORM | {"code": code} | change)
    assert answer.status_code == 422 and says in answer.text
    assert list_accounts() == [] and list_brands() == [] and organisation() is None
    kept = {"organisation", "brand", "territory", "email"} - set(change)
    assert all(f'value="{FORM[name]}"' in answer.text for name in kept)
    assert PASSWORD not in answer.text
    assert client.post("/begin", data=FORM | {"code": code}).status_code == 303


def test_of_two_who_begin_at_once_one_does(code: str):
    def one(number: int) -> str:
        try:
            return begin(
                organisation="Example", brand="Tea", email=f"p{number}@brand.example", password=PASSWORD, code=code
            ).id  # fmt: skip
        except GreenroomError as error:
            assert isinstance(error, Conflict | Forbidden)
            return ""

    with ThreadPoolExecutor(4) as pool:
        made = [found for found in pool.map(one, range(4)) if found]
    assert len(made) == 1 and [row.id for row in list_accounts()] == made


def test_the_sign_in_page_of_a_new_installation_leads_to_it(client: TestClient, home: Any):
    assert client.get("/sign-in").headers["location"] == "/begin"


def test_with_a_certificate_of_its_own_nothing_is_said_of_development(
    client: TestClient, code: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("review_ui.pages.begin.signs_for_real", lambda: True)
    text = client.get("/begin", params={"code": code}).text
    assert "your own certificate" in text and 'name="development"' not in text

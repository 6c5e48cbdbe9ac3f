"""The account page: every change needs a fresh proof, secrets are shown once, and each refusal is said on the page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta

import pyotp
import pytest
from fastapi.testclient import TestClient

from core.database import now, transaction
from core.settings import get_settings
from review_ui.factors import has_factor
from review_ui.factors.passkeys import list_passkeys
from review_ui.factors.recovery import codes_left
from review_ui.seals import seal
from review_ui.tables import AccountRow, SignInRow
from tests.review_ui.authenticator import ORIGIN, Authenticator
from tests.review_ui.conftest import PASSWORD
from tests.review_ui.test_passkeys import enrolled

Signed = Callable[[AccountRow], str]


def grow_old() -> None:
    """The proof of every session was more than ten minutes ago."""
    with transaction() as session:
        for row in session.query(SignInRow):
            row.fresh_until = now() - timedelta(seconds=1)
            seal(row)


CHANGES = [
    "/account/passkey/new",
    "/account/passkeys",
    "/account/passkeys/psk_1/remove",
    "/account/totp",
    "/account/totp/confirm",
    "/account/totp/remove",
    "/account/recovery-codes",
    "/account/password",
]
FIELDS = {
    "name": "x",
    "code": "000000",
    "password": "another long password",
    "again": "another long password",
}


@pytest.mark.parametrize("path", CHANGES)
def test_no_change_without_a_fresh_proof_nor_with_a_foreign_form(
    client: TestClient, account: AccountRow, signed: Signed, path: str
):
    csrf = signed(account)
    foreign = client.post(path, data={**FIELDS, "csrf": "of another session"})
    assert foreign.status_code == 403 and "out of date" in foreign.text
    grow_old()
    stale = client.post(path, data={**FIELDS, "csrf": csrf})
    assert stale.status_code == 403 and "confirm that it is you" in stale.text


def test_a_passkey_is_added_used_to_confirm_and_removed(
    client: TestClient, account: AccountRow, signed: Signed
):
    csrf, device = signed(account), Authenticator()
    options = client.post("/account/passkey/new", data={"csrf": csrf}).json()
    form = {"csrf": csrf, "name": "Office laptop", "passkey": device.create(options)}
    assert client.post("/account/passkeys", data=form).headers["location"] == "/account"
    page = client.get("/account")
    assert "Office laptop" in page.text and page.headers["cache-control"] == "private, no-store"

    csrf = signed(account)  # a new session of somebody who has a factor
    assert "Confirm that it is you" in client.get("/account").text
    alone = client.post("/account/confirm", data={"csrf": csrf, "password": PASSWORD})
    assert alone.status_code == 403 and "also has a passkey" in alone.text
    asked = {"csrf": csrf, "purpose": "confirm", "subject": account.id}
    answer = device.get(client.post("/account/passkey/begin", data=asked).json())
    wrong = client.post("/account/confirm", data={"csrf": csrf, "password": "wrong", "passkey": answer})
    assert wrong.status_code == 403 and "password is wrong" in wrong.text
    client.post("/account/confirm", data={"csrf": csrf, "password": PASSWORD, "passkey": answer})
    assert "Confirm that it is you" not in client.get("/account").text
    key = list_passkeys(account)[0]
    client.post(f"/account/passkeys/{key.id}/remove", data={"csrf": csrf})
    assert not has_factor(account)


def test_another_account_s_passkey_is_not_there_to_remove(
    client: TestClient, account: AccountRow, new_account: Callable[..., AccountRow], signed: Signed
):
    bob = new_account("bob")
    enrolled(bob)
    answer = client.post(
        f"/account/passkeys/{list_passkeys(bob)[0].id}/remove", data={"csrf": signed(account)}
    )
    assert answer.status_code == 404 and has_factor(bob)


def test_one_time_codes_and_recovery_codes_are_shown_once(
    client: TestClient, account: AccountRow, signed: Signed
):
    csrf = signed(account)
    shown = client.post("/account/totp", data={"csrf": csrf})
    secret = re.search(r'class="secret mono">([A-Z2-7]+)<', shown.text)
    assert secret and shown.headers["cache-control"] == "private, no-store"
    assert secret[1] not in client.get("/account").text
    wrong = client.post("/account/totp/confirm", data={"csrf": csrf, "code": "0"})
    assert wrong.status_code == 403 and "one-time code is wrong" in wrong.text
    client.post("/account/totp/confirm", data={"csrf": csrf, "code": pyotp.TOTP(secret[1]).now()})
    assert has_factor(account).totp
    codes = re.findall(
        r"<li>([A-Z0-9-]{19})</li>", client.post("/account/recovery-codes", data={"csrf": csrf}).text
    )
    assert len(codes) == 10 and codes[0] not in client.get("/account").text
    client.post("/account/totp/remove", data={"csrf": csrf})
    assert not has_factor(account)

    entered = client.post("/recover", data={"email": account.email, "password": PASSWORD, "code": codes[0]})
    assert entered.headers["location"] == "/account" and codes_left(account) == 9
    refused = client.post("/recover", data={"email": account.email, "password": PASSWORD, "code": codes[0]})
    assert refused.status_code == 403 and "recovery code is wrong" in refused.text


def test_the_password_is_typed_twice_and_changed(client: TestClient, account: AccountRow, signed: Signed):
    csrf = signed(account)
    differ = client.post(
        "/account/password", data={"csrf": csrf, "password": "a new long password", "again": "another"}
    )
    assert differ.status_code == 422 and "passwords differ" in differ.text
    form = {"csrf": csrf, "password": "a new long password", "again": "a new long password"}
    assert client.post("/account/password", data=form).status_code == 303
    assert client.get("/account").status_code == 200  # this sign-in stays
    entered = client.post("/sign-in", data={"email": account.email, "password": "a new long password"})
    assert entered.status_code == 303


def test_refusals_to_scripts_are_json(client: TestClient, account: AccountRow, signed: Signed):
    csrf = signed(account)
    asked = {"csrf": csrf, "purpose": "approve", "subject": "rnd_1:x:approved"}
    answer = client.post("/account/passkey/begin", data=asked, headers={"accept": "application/json"})
    assert answer.status_code == 409 and answer.json()["error"]["code"] == "no_passkey"
    client.cookies.clear()
    answer = client.post("/account/passkey/begin", data=asked, headers={"accept": "application/json"})
    assert answer.status_code == 401 and "www-authenticate" not in answer.headers


@pytest.mark.parametrize(
    ("host", "usable"),
    [
        ("localhost:8321", True),
        ("127.0.0.1:8321", False),
        ("[::1]:8321", False),
        ("brand.example", False),  # no https
        ("evil.example@localhost", False),
        ("", False),
    ],
)
def test_where_passkeys_cannot_work_the_page_says_so(
    client: TestClient, account: AccountRow, signed: Signed, host: str, usable: bool
):
    csrf = signed(account)
    headers = {"host": host, "cookie": f"greenroom_session={client.cookies['greenroom_session']}"}
    assert ("No passkey can be made" not in client.get("/account", headers=headers).text) is usable
    answer = client.post("/account/passkey/new", data={"csrf": csrf}, headers=headers)
    assert (answer.status_code == 200) is usable


def test_in_production_the_origin_is_a_setting_not_the_clients_word(
    client: TestClient, account: AccountRow, signed: Signed, monkeypatch: pytest.MonkeyPatch
):
    csrf = signed(account)
    monkeypatch.setenv("GREENROOM_ENVIRONMENT", "production")
    get_settings.cache_clear()
    refused = client.post("/account/passkey/new", data={"csrf": csrf}, headers={"accept": "application/json"})
    assert refused.status_code == 422 and refused.json()["error"]["where"] == "GREENROOM_WEB_ORIGIN"
    monkeypatch.setenv("GREENROOM_WEB_ORIGIN", "https://greenroom.brand.example/")
    get_settings.cache_clear()
    options = client.post("/account/passkey/new", data={"csrf": csrf}).json()
    assert options["rp"]["id"] == "greenroom.brand.example"
    for origin, status in ((ORIGIN, 403), ("https://greenroom.brand.example", 303)):
        options = client.post("/account/passkey/new", data={"csrf": csrf}).json()
        form = {"csrf": csrf, "name": "Laptop", "passkey": Authenticator().create(options, origin=origin)}
        assert client.post("/account/passkeys", data=form).status_code == status


def test_names_are_shown_as_text(client: TestClient, account: AccountRow, signed: Signed):
    csrf = signed(account)
    for name, status in (("<b>x</b>", 303), ("", 422), ("x" * 61, 422), ("a\x00b", 422)):
        options = client.post("/account/passkey/new", data={"csrf": csrf}).json()
        form = {"csrf": csrf, "name": name, "passkey": Authenticator().create(options)}
        assert client.post("/account/passkeys", data=form).status_code == status, json.dumps(name)
    assert "&lt;b&gt;x&lt;/b&gt;" in client.get("/account").text

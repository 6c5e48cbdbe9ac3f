"""API keys: what one opens, what ends it, what of it is kept, and the page on which people make them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from audit.ledger import Event, sequence_pending, verify_ledger
from audit.tables import LedgerEntryRow
from core.database import now, reading, transaction
from core.errors import Conflict, Forbidden, InputError, NotFound
from core.tables import BrandRow
from greenroom.cli import main
from review_ui import api_keys, changes, memberships
from review_ui.api_keys import KEY_RIGHTS, list_keys, make_key, revoke_key, state_of
from review_ui.rates import CALLS, WRONG_KEYS
from review_ui.seals import seal
from review_ui.tables import AccountRow, ApiKeyRow

NewAccount = Callable[..., AccountRow]


@pytest.fixture
def admin(new_account: NewAccount) -> AccountRow:
    return new_account("admin", role="admin")


def call(client: TestClient, token: str, path: str = "/api/v1/renders") -> Any:
    return client.get(path, headers={"authorization": f"Bearer {token}"})


def made(account: AccountRow, *rights: str, **more: Any) -> tuple[ApiKeyRow, str]:
    return make_key(account, name="nightly", rights=rights or ("view",), **more)


def entries(event: Event) -> list[LedgerEntryRow]:
    with reading() as session:
        return list(session.scalars(select(LedgerEntryRow).where(LedgerEntryRow.event == event.value)))


def test_a_key_opens_the_api_and_only_its_hmac_is_kept(client: TestClient, admin: AccountRow):
    row, token = made(admin)
    assert call(client, token).status_code == 200
    assert token.startswith("grk_") and len(token) > 40
    with reading() as session:
        kept = session.get_one(ApiKeyRow, row.id)
        assert token not in str([getattr(kept, column.name) for column in ApiKeyRow.__table__.columns])
        assert kept.last_used_on is not None and kept.last_used_on.hour == kept.last_used_on.minute == 0
    (entry,) = entries(Event.API_KEY_MADE)
    assert (
        entry.facts["rights"] == ["view"] and entry.facts["actor"] == admin.id and "nightly" not in entry.body
    )
    sequence_pending()
    assert verify_ledger().good, "the day of its use is no part of the record"


def revoked(row: ApiKeyRow, _admin: AccountRow) -> None:
    revoke_key(row.id, brand_id=row.brand_id, account_id=None, actor=None)


def over(row: ApiKeyRow, _admin: AccountRow) -> None:
    with transaction() as session:
        found = session.get_one(ApiKeyRow, row.id)
        found.expires_at = now() - timedelta(seconds=1)
        seal(found)


def prolonged_by_hand(row: ApiKeyRow, _admin: AccountRow) -> None:
    with transaction() as session:
        session.get_one(ApiKeyRow, row.id).expires_at = now() + timedelta(days=3650)


def widened_by_hand(row: ApiKeyRow, _admin: AccountRow) -> None:
    with transaction() as session:
        session.get_one(ApiKeyRow, row.id).rights = ["view", "release"]


def its_maker_is_disabled(_row: ApiKeyRow, admin: AccountRow) -> None:
    changes.disable(admin.id)


def its_maker_came_back(_row: ApiKeyRow, admin: AccountRow) -> None:
    changes.disable(admin.id)
    changes.enable(admin.id)


def its_maker_left_the_brand(row: ApiKeyRow, admin: AccountRow) -> None:
    with transaction() as session:
        session.add(BrandRow(id="brd_2", name="Another"))
    memberships.join_brand(admin.id, "brd_2")
    memberships.leave(admin.id, row.brand_id)


def its_maker_was_changed_by_hand(_row: ApiKeyRow, admin: AccountRow) -> None:
    with transaction() as session:
        session.get_one(AccountRow, admin.id).email = "other@brand.example"


ENDS = [
    revoked, over, prolonged_by_hand, widened_by_hand, its_maker_is_disabled, its_maker_came_back,
    its_maker_left_the_brand, its_maker_was_changed_by_hand,
]  # fmt: skip


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_a_key_that_is_over_is_answered_as_one_that_never_was(
    client: TestClient, admin: AccountRow, end: Callable[..., None]
):
    row, token = made(admin)
    assert call(client, token).status_code == 200
    end(row, admin)
    refused, never = call(client, token), call(client, "grk_never")
    assert refused.status_code == never.status_code == 401 and refused.json() == never.json()
    assert (
        refused.json()["error"]["code"] == "key_refused" and "Bearer" in refused.headers["www-authenticate"]
    )


@pytest.mark.parametrize(
    "wrong", ["", "x", "grk_", "grk_" + "x" * 4000, "grk_\u00e9".encode().decode("latin-1")]
)
def test_no_made_up_key_opens_anything(client: TestClient, admin: AccountRow, wrong: str):
    answer = client.get("/api/v1/renders", headers=[(b"authorization", b"Bearer " + wrong.encode("latin-1"))])
    assert answer.status_code == 401


def test_a_key_has_the_rights_that_were_chosen_and_that_its_maker_still_has(
    client: TestClient, admin: AccountRow
):
    _, narrow = made(admin, "view")
    _, wide = made(admin, *KEY_RIGHTS)
    recall = {"json": {"reason": "x"}}
    for token, status in ((narrow, 403), (wide, 404)):
        answer = client.post(
            "/api/v1/renders/rnd_1/recall", headers={"authorization": f"Bearer {token}"}, **recall
        )
        assert answer.status_code == status
    assert (
        "no right 'release'"
        in client.post(
            "/api/v1/renders/rnd_1/recall", headers={"authorization": f"Bearer {narrow}"}, **recall
        ).text
    )
    changes.set_role(admin.id, "reviewer")
    answer = client.post(
        "/api/v1/renders/rnd_1/recall", headers={"authorization": f"Bearer {wide}"}, **recall
    )
    assert answer.status_code == 403 and call(client, wide).status_code == 200
    changes.set_role(admin.id, "persona")
    assert call(client, wide).status_code == 403


def test_a_key_stays_at_its_brand_wherever_its_maker_works_now(client: TestClient, admin: AccountRow):
    _, token = made(admin)
    with transaction() as session:
        session.add(BrandRow(id="brd_2", name="Another"))
    memberships.join_brand(admin.id, "brd_2")
    memberships.work_at(admin.id, "brd_2")
    assert call(client, token).status_code == 200
    assert list_keys("brd_2") == []


def test_nobody_makes_a_key_beyond_what_they_have(new_account: NewAccount, monkeypatch: pytest.MonkeyPatch):
    reviewer = new_account("ann", role="reviewer")
    with pytest.raises(Forbidden):
        made(reviewer, "release")
    for wrong in (
        {"rights": ["approve"]},
        {"rights": []},
        {"days": 0},
        {"days": 367.0},
        {"name": " "},
        {"name": "x" * 61},
    ):
        with pytest.raises(InputError):
            make_key(reviewer, **{"name": "x", "rights": ["view"]} | wrong)
    changes.disable(reviewer.id)
    with pytest.raises(Forbidden):
        made(reviewer)
    other = new_account("bob", role="reviewer")
    monkeypatch.setattr(api_keys, "MOST_OPEN", 1)
    first, _ = made(other)
    with pytest.raises(Conflict):
        made(other)
    revoke_key(first.id, brand_id=other.brand_id, account_id=other.id, actor=other.id)
    made(other)


def test_one_revokes_ones_own_and_an_administrator_everybodys(new_account: NewAccount, admin: AccountRow):
    row, _ = made(admin)
    ann = new_account("ann")
    with pytest.raises(NotFound):
        revoke_key(row.id, brand_id=row.brand_id, account_id=ann.id, actor=ann.id)
    with pytest.raises(NotFound):
        revoke_key(row.id, brand_id="brd_2", account_id=None, actor=admin.id)
    for _ in range(2):  # again changes nothing
        assert (
            state_of(revoke_key(row.id, brand_id=row.brand_id, account_id=None, actor=admin.id)) == "revoked"
        )
    assert len(entries(Event.API_KEY_ENDED)) == 1


def test_calls_are_counted_by_key_and_wrong_ones_by_address(client: TestClient, admin: AccountRow):
    _, token = made(admin)
    answers = [call(client, "grk_wrong").status_code for _ in range(WRONG_KEYS.amount + 1)]
    assert answers == [401] * WRONG_KEYS.amount + [429]
    assert call(client, token).status_code == 200, "a right key is heard all the same"
    _, other = made(admin)
    for _ in range(CALLS.amount):
        from review_ui.rates import count_call

        count_call(list_keys(admin.brand_id)[0].id)
    assert call(client, other).status_code == 429 and call(client, token).status_code == 200


def test_no_key_is_in_a_log_or_an_answer(
    client: TestClient, admin: AccountRow, caplog: pytest.LogCaptureFixture
):
    _, token = made(admin)
    with caplog.at_level(logging.DEBUG):
        answers = [call(client, shown) for shown in (token, token + "x", "grk_" + token)]
    assert token not in caplog.text and not any(token in answer.text for answer in answers)


# The page


def test_a_key_is_made_on_the_page_shown_once_and_revoked(
    client: TestClient, admin: AccountRow, signed: Callable[[AccountRow], str]
):
    csrf = signed(admin)
    form = {
        "csrf": csrf,
        "name": "nightly",
        "right": ["view", "make"],
        "days": "30",
        "at_brand": admin.brand_id,
    }
    page = client.post("/keys", data=form)
    token = page.text.partition('<p class="secret mono" tabindex="0" autofocus>')[2].partition("<")[0]
    assert page.status_code == 200 and call(client, token).status_code == 200
    again = client.get("/keys").text
    assert token not in again and "nightly" in again
    (row,) = list_keys(admin.brand_id)
    assert row.rights == ["view", "make"]
    assert client.post(f"/keys/{row.id}/revoke", data={"csrf": csrf}).status_code == 303
    assert call(client, token).status_code == 401 and "revoked" in client.get("/keys").text


def test_a_new_key_needs_a_fresh_proof(
    client: TestClient, admin: AccountRow, signed: Callable[[AccountRow], str]
):
    from review_ui.tables import SignInRow

    csrf = signed(admin)
    with transaction() as session:
        row = session.scalars(select(SignInRow)).one()
        row.fresh_until = None
        seal(row)
    form = {"csrf": csrf, "name": "nightly", "right": "view", "at_brand": admin.brand_id}
    assert client.post("/keys", data=form).status_code == 403 and list_keys(admin.brand_id) == []
    assert "confirm it on your account page" in client.get("/keys").text


def test_who_administers_sees_the_brands_keys_and_others_their_own(
    client: TestClient, admin: AccountRow, new_account: NewAccount, signed: Callable[[AccountRow], str]
):
    ann = new_account("ann", role="operator")
    make_key(ann, name="anns-program", rights=["view"])
    make_key(admin, name="admins-program", rights=["view"])
    signed(ann)
    assert "admins-program" not in client.get("/keys").text
    signed(admin)
    shown = client.get("/keys").text
    assert "anns-program" in shown and "of ann@brand.example" in shown
    persona = new_account("per", role="persona")
    signed(persona)
    assert "no right that a program could have" in client.get("/keys").text


def test_a_key_by_a_verb(
    client: TestClient, admin: AccountRow, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("greenroom.database.migrate", lambda: None)

    def run(*words: str) -> Any:
        code = main(["key", *words, "--json"])
        return code, json.loads(capsys.readouterr().out)

    code, document = run("make", "nightly", "--right", "view", "--right", "release", "--as", admin.email)
    assert code == 0 and call(client, document["token"]).status_code == 200
    assert [one["state"] for one in run("list", "--as", admin.email)[1]] == ["open"]
    assert document["token"] not in str(run("list", "--as", admin.email))
    assert run("revoke", document["key"], "--as", admin.email)[1]["state"] == "revoked"
    assert call(client, document["token"]).status_code == 401
    assert run("make", "nightly", "--right", "approve", "--as", admin.email)[1]["error"]["where"] == "rights"

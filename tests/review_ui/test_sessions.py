"""Sessions: a row counts only if we made it; a fresh proof before an account changes; what is over goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from core.canonical import digest_bytes
from core.database import engine, now, reading, transaction
from core.settings import get_settings
from review_ui.app import make_app
from review_ui.seals import seal
from review_ui.sessions import (
    forget_expired,
    is_fresh,
    open_session,
    refresh,
    sign_in,
    sign_out,
    signed_in,
    stored,
)
from review_ui.tables import AccountRow, ChallengeRow, SignInRow
from tests.review_ui.conftest import PASSWORD
from tests.review_ui.test_passkeys import enrolled


def row_of(token: str) -> SignInRow:
    found = signed_in(token)
    assert found is not None
    return found[1]


def test_signing_in_opens_a_session_and_signing_out_ends_it(account: AccountRow):
    token, who = sign_in("ann@brand.example", PASSWORD)
    assert who.id == account.id and signed_in(token) is not None
    sign_out(token)
    assert signed_in(token) is None and signed_in("") is None
    sign_out("unknown")


def test_the_token_is_not_in_the_database_nor_its_plain_hash(account: AccountRow):
    token = open_session(account)
    with engine().connect() as raw:
        held = [str(value) for row in raw.exec_driver_sql("SELECT * FROM sign_ins") for value in row]
    assert not {token, digest_bytes(token.encode())} & set(held) and stored(token) in held


def forge(account: AccountRow, token_name: str, seal_text: str) -> None:
    with engine().connect() as raw:
        raw.exec_driver_sql(
            "INSERT INTO sign_ins (token_hmac, account_id, csrf, expires_at, created_at, seal) VALUES (?,?,?,?,?,?)",
            (
                token_name,
                account.id,
                "x" * 24,
                "2099-01-01 00:00:00.000000",
                "2026-01-01 00:00:00.000000",
                seal_text,
            ),
        )
        raw.commit()


def test_a_row_for_a_token_of_ones_own_cannot_be_made_in_the_database(account: AccountRow):
    token = "a token that somebody chose, long enough"
    forge(account, digest_bytes(token.encode()), "")
    assert signed_in(token) is None
    forge(account, stored(token), "0" * 64)  # even where the stored name leaked
    assert signed_in(token) is None


def test_another_installations_secret_makes_other_names(account: AccountRow, monkeypatch: pytest.MonkeyPatch):
    token = open_session(account)
    monkeypatch.setenv("GREENROOM_MASTER_SECRET", "another secret altogether")
    get_settings.cache_clear()
    assert signed_in(token) is None


@pytest.mark.parametrize("column", ["account_id", "expires_at", "csrf", "fresh_until"])
def test_a_session_that_somebody_changed_in_the_database_is_over(
    account: AccountRow, new_account: Callable[..., AccountRow], column: str
):
    mine = new_account("eve", role="operator")
    token = open_session(mine)
    later = now() + timedelta(days=999)
    value = {"account_id": account.id, "csrf": "known", "expires_at": later, "fresh_until": later}[column]
    with transaction() as session:
        session.execute(update(SignInRow).values({column: value}))
    assert signed_in(token) is None


def test_a_session_ends_by_itself(account: AccountRow):
    token = open_session(account)
    with transaction() as session:
        row = session.query(SignInRow).one()
        assert timedelta(hours=11.9) < row.expires_at - now() <= timedelta(hours=12)
        row.expires_at = now() - timedelta(seconds=1)
        seal(row)
    assert signed_in(token) is None


def test_what_is_over_is_deleted_a_bounded_number_at_a_time_and_the_rest_stays(account: AccountRow):
    keep = open_session(account)
    with transaction() as session:
        old = now() - timedelta(seconds=1)
        for number in range(7):
            session.add(
                SignInRow(token_hmac=f"{number:064d}", account_id=account.id, csrf="", expires_at=old)
            )
            session.add(ChallengeRow(binding=f"{number:064d}", account_id=account.id, expires_at=old))
    assert forget_expired(limit=5) == 10
    assert forget_expired(limit=5) == 4
    assert forget_expired() == 0 and signed_in(keep) is not None


def test_the_application_forgets_beside_its_requests(account: AccountRow, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("review_ui.app.FORGET_SECONDS", 0.02)
    with transaction() as session:
        old = now() - timedelta(seconds=1)
        session.add(SignInRow(token_hmac="0" * 64, account_id=account.id, csrf="", expires_at=old))
    with TestClient(make_app()):
        end = time.monotonic() + 5
        while time.monotonic() < end:
            with reading() as session:
                if session.query(SignInRow).count() == 0:
                    return
            time.sleep(0.02)
    raise AssertionError("the expired session is still there")


def test_nothing_to_forget_takes_no_write_lock(account: AccountRow):
    open_session(account)
    with engine().connect() as writer:
        writer.exec_driver_sql("UPDATE brands SET name = name")
        assert forget_expired() == 0


def test_a_session_is_fresh_for_ten_minutes_after_the_password(account: AccountRow):
    token = open_session(account)
    assert is_fresh(row_of(token))
    with transaction() as session:
        row = session.query(SignInRow).one()
        assert row.fresh_until is not None and row.fresh_until - now() <= timedelta(minutes=10)
        row.fresh_until = now() - timedelta(seconds=1)
        seal(row)
    assert not is_fresh(row_of(token))
    refresh(token)
    assert is_fresh(row_of(token))


def test_who_has_a_factor_shows_it_before_the_session_is_fresh(account: AccountRow):
    enrolled(account)
    assert not is_fresh(row_of(open_session(account)))


def test_reading_a_session_writes_nothing(account: AccountRow):
    token = open_session(account)
    with engine().connect() as writer, reading():
        writer.exec_driver_sql("UPDATE brands SET name = name")  # holds the write lock
        assert signed_in(token) is not None

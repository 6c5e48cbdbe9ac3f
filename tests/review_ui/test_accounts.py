"""Accounts: argon2id, a lock after failures, the same answer for every refusal, and rows that only we can write."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import event, update

from core.database import engine, now, reading, transaction
from core.errors import Conflict, Forbidden, InputError, IntegrityError
from review_ui.accounts import authenticate, create_account, find_account, require, standing_word
from review_ui.changes import disable, enable, set_password, set_role
from review_ui.rates import forget_all
from review_ui.roles import RIGHTS, check_role
from review_ui.sessions import sign_in, signed_in
from review_ui.tables import AccountRow
from tests.review_ui.conftest import PASSWORD
from tests.review_ui.ledger import changes_of

EMAIL = "ann@brand.example"


def fail(times: int) -> None:
    for _ in range(times):
        forget_all()
        with pytest.raises(Forbidden):
            authenticate(EMAIL, "wrong")


def test_the_password_is_kept_as_argon2id(account: AccountRow):
    assert account.password_hash.startswith("$argon2id$") and PASSWORD not in account.password_hash


def test_every_refusal_reads_the_same(account: AccountRow, new_account):
    fail(8)
    gone = new_account("gone")
    disable(gone.id)
    answers = set()
    for name, password in (
        (EMAIL, "wrong"),
        ("nobody@x", "wrong"),
        (EMAIL, PASSWORD),
        (gone.email, PASSWORD),
    ):
        with pytest.raises(Forbidden) as refused:
            sign_in(name, password)
        answers.add(str(refused.value))
    assert len(answers) == 1


def test_a_right_password_writes_nothing(account: AccountRow):
    statements: list[str] = []
    watch = lambda *given: statements.append(given[2])  # noqa: E731
    event.listen(engine(), "before_cursor_execute", watch)
    try:
        authenticate(EMAIL, PASSWORD)
    finally:
        event.remove(engine(), "before_cursor_execute", watch)
    assert statements and all(words.startswith(("PRAGMA", "BEGIN", "SELECT")) for words in statements)
    assert "BEGIN IMMEDIATE" not in statements


def test_hashing_happens_outside_any_transaction(account: AccountRow, monkeypatch: pytest.MonkeyPatch):
    """While each hash runs, another connection takes the write lock at once."""
    from review_ui import passwords

    hashes = []
    verify, make = passwords.hasher().verify, passwords.hasher().hash

    class Watching:
        def verify(self, *given: str) -> bool:
            self._free()
            return verify(*given)

        def hash(self, *given: str) -> str:
            self._free()
            return make(*given)

        def _free(self) -> None:
            with closing(sqlite3.connect(str(engine().url.database), timeout=0)) as raw:
                raw.execute("BEGIN IMMEDIATE")
            hashes.append(1)

    monkeypatch.setattr(passwords, "hasher", Watching)
    passwords._nobody.cache_clear()
    sign_in(EMAIL, PASSWORD)
    for name in (EMAIL, "nobody@brand.example"):
        with pytest.raises(Forbidden):
            sign_in(name, "wrong")
    create_account(brand_id="brd_1", email="b@brand.example", role="legal", password=PASSWORD)
    set_password(account.id, PASSWORD + "!")
    passwords._nobody.cache_clear()
    assert len(hashes) == 6  # the unknown name's is made once, too


def test_after_eight_failures_even_the_right_password_is_refused(account: AccountRow):
    fail(8)
    with pytest.raises(Forbidden):
        authenticate(EMAIL, PASSWORD)
    with transaction() as session:
        session.execute(update(AccountRow).values(locked_until=now() - timedelta(seconds=1)))
    authenticate(EMAIL, PASSWORD)


def test_failures_of_long_ago_are_forgotten(account: AccountRow):
    fail(7)
    with transaction() as session:
        session.execute(update(AccountRow).values(failed_at=now() - timedelta(minutes=16)))
    fail(7)
    authenticate(EMAIL, PASSWORD)


def test_signing_in_forgives_earlier_failures(account: AccountRow):
    for _ in range(2):
        fail(7)
        forget_all()
        sign_in(EMAIL, PASSWORD)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"role": "emperor"}, InputError),
        ({"password": "short"}, InputError),
        ({"password": "x" * 201}, InputError),
        ({"email": "no address"}, InputError),
        ({"brand_id": "brd_none"}, InputError),
        ({"email": "ANN@brand.example"}, Conflict),
    ],
)
def test_an_account_that_cannot_be_is_refused(
    account: AccountRow, change: dict[str, str], error: type[Exception]
):
    wanted = {"brand_id": "brd_1", "email": "bob@brand.example", "role": "legal", "password": PASSWORD}
    with pytest.raises(error):
        create_account(**{**wanted, **change})


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("role", "admin"),
        ("brand_id", "brd_2"),
        ("password_hash", "another account's"),
        ("email", "eve@brand.example"),
        ("disabled_at", None),
        ("id", "usr_other"),
    ],
)
def test_an_account_that_somebody_changed_in_the_database_opens_nothing(
    account: AccountRow, new_account, column: str, value: str | None
):
    other = new_account("eve", role="operator")
    if column == "disabled_at":
        disable(account.id)
    if column == "password_hash":
        value = other.password_hash
    with engine().connect() as raw:
        raw.exec_driver_sql(
            "INSERT INTO brands SELECT 'brd_2', name, rule_pack, territory, created_at FROM brands"
        )
        raw.exec_driver_sql(f"DELETE FROM accounts WHERE id = '{other.id}'")
        raw.exec_driver_sql(f"UPDATE accounts SET {column} = ?", (value,))
        raw.commit()
    with reading() as session:
        row = session.query(AccountRow).one()
    with pytest.raises(Forbidden):
        sign_in(row.email, PASSWORD)
    with pytest.raises(Forbidden):
        require(row, "view")
    assert standing_word(row) == "altered"
    for change in (lambda: set_role(row.id, row.role), lambda: enable(row.id), lambda: disable(row.id)):
        with pytest.raises(IntegrityError, match="not through Greenroom"):
            change()  # nothing of ours makes an altered row good


def test_an_account_that_somebody_wrote_into_the_database_opens_nothing(account: AccountRow):
    with engine().connect() as raw:
        raw.exec_driver_sql(
            "INSERT INTO accounts (id, brand_id, email, role, password_hash, salt, created_at, failures, seal) "
            "SELECT 'usr_eve', brand_id, 'eve@brand.example', 'admin', password_hash, salt, created_at, 0, seal "
            "FROM accounts"
        )
        raw.commit()
    with pytest.raises(Forbidden):
        sign_in("eve@brand.example", PASSWORD)


def test_somebody_who_left_is_out_at_once_and_comes_back_with_the_same_password(account: AccountRow):
    token, _ = sign_in(EMAIL, PASSWORD)
    gone = disable(account.id)
    assert signed_in(token) is None
    with pytest.raises(Forbidden):
        sign_in(EMAIL, PASSWORD)
    with pytest.raises(Forbidden, match="may not act"):
        require(gone, "review")
    enable(account.id)
    assert signed_in(token) is None  # the session of before stays ended
    sign_in(EMAIL, PASSWORD)
    assert changes_of(account.id) == ["disabled", "enabled"]


def test_another_role_holds_from_the_next_request_on(account: AccountRow):
    token, _ = sign_in(EMAIL, PASSWORD)
    set_role(account.id, "operator")
    found = signed_in(token)
    assert found is not None and found[0].role == "operator"
    with pytest.raises(InputError):
        set_role(account.id, "emperor")
    assert changes_of(account.id) == ["role_changed"]


def test_another_password_ends_the_other_sessions(account: AccountRow):
    from review_ui.sessions import stored

    mine, _ = sign_in(EMAIL, PASSWORD)
    other, _ = sign_in(EMAIL, PASSWORD)
    set_password(account.id, "a new long password", keep=stored(mine), actor=account.id)
    assert signed_in(mine) is not None and signed_in(other) is None
    with pytest.raises(Forbidden):
        sign_in(EMAIL, PASSWORD)
    sign_in(EMAIL, "a new long password")
    with pytest.raises(InputError):
        set_password(account.id, "short")
    assert changes_of(account.id) == ["password_changed"]


def test_a_password_that_changes_while_we_hash_opens_no_session(
    account: AccountRow, monkeypatch: pytest.MonkeyPatch
):
    from review_ui import sessions

    slow = sessions.authenticate

    def meanwhile(*given, **named):
        found = slow(*given, **named)
        set_password(account.id, "a new long password")
        return found

    monkeypatch.setattr(sessions, "authenticate", meanwhile)
    with pytest.raises(Forbidden):
        sign_in(EMAIL, PASSWORD)


def test_accounts_are_found_by_their_address_in_any_case(account: AccountRow):
    assert find_account(" ANN@brand.example ").id == account.id


@pytest.mark.parametrize(
    ("right", "roles"),
    [
        ("view", "operator reviewer senior_reviewer legal admin"),
        ("make", "operator admin"),
        ("review", "reviewer senior_reviewer admin"),
        ("release", "operator legal admin"),
        ("audit", "legal admin"),
        ("settle", "senior_reviewer admin"),
        ("administer", "admin"),
        ("appear", "persona"),
    ],
)
def test_who_may_do_what(right: str, roles: str):
    assert {role for role, rights in RIGHTS.items() if right in rights} == set(roles.split())


def test_an_unknown_role_may_nothing():
    with pytest.raises(Forbidden):
        check_role("operator", "review")
    with pytest.raises(Forbidden):
        check_role("unknown", "view")

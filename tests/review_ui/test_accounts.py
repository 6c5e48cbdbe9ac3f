"""Accounts: argon2id, a lock after failures, the same answer for a wrong password and an unknown name."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.database import reading, transaction
from core.errors import Conflict, Forbidden, InputError
from core.tables import BrandRow
from review_ui.accounts import create_account
from review_ui.sessions import sign_in, sign_out, signed_in
from review_ui.roles import RIGHTS, check_role
from review_ui.tables import AccountRow, SignInRow

PASSWORD = "a rather long password"


@pytest.fixture
def account(home: Path) -> AccountRow:
    with transaction() as session:
        session.add(BrandRow(id="brd_1", name="Brand"))
    return create_account(brand_id="brd_1", email="Ann@Brand.example", role="reviewer", password=PASSWORD)


def test_signing_in_opens_a_session_and_signing_out_ends_it(account: AccountRow):
    token, who = sign_in("ann@brand.example", PASSWORD)
    assert who.id == account.id and signed_in(token) is not None
    sign_out(token)
    assert signed_in(token) is None


def test_neither_password_nor_token_is_stored_in_clear(account: AccountRow):
    token, _ = sign_in("ann@brand.example", PASSWORD)
    with reading() as session:
        stored = session.get_one(AccountRow, account.id).password_hash
        tokens = [row.token_hmac for row in session.query(SignInRow)]
    assert stored.startswith("$argon2id$") and PASSWORD not in stored
    assert token not in tokens


def test_a_wrong_password_and_an_unknown_name_answer_the_same(account: AccountRow):
    answers = set()
    for name in ("ann@brand.example", "nobody@brand.example"):
        with pytest.raises(Forbidden) as refused:
            sign_in(name, "wrong")
        answers.add(str(refused.value))
    assert len(answers) == 1


def test_after_eight_failures_even_the_right_password_is_refused(account: AccountRow):
    for _ in range(8):
        with pytest.raises(Forbidden):
            sign_in("ann@brand.example", "wrong")
    with pytest.raises(Forbidden):
        sign_in("ann@brand.example", PASSWORD)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"role": "emperor"}, InputError),
        ({"password": "short"}, InputError),
        ({"email": "no address"}, InputError),
        ({"brand_id": "brd_none"}, InputError),
        ({"email": "ANN@brand.example"}, Conflict),
    ],
)
def test_an_account_that_cannot_be_is_refused(
    account: AccountRow, change: dict[str, str], error: type[Exception]
):
    wanted = {
        "brand_id": "brd_1",
        "email": "bob@brand.example",
        "role": "legal",
        "password": PASSWORD,
        **change,
    }
    with pytest.raises(error):
        create_account(**wanted)


def test_nobody_but_reviewers_and_admins_reviews():
    assert {role for role, rights in RIGHTS.items() if "review" in rights} == {"reviewer", "admin"}
    with pytest.raises(Forbidden):
        check_role("operator", "review")
    with pytest.raises(Forbidden):
        check_role("unknown", "view")

"""The ledger agrees with every way that an account may go, and names a row of it that somebody changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from sqlalchemy import text

from audit.ledger import sequence_pending, verify_ledger
from core.database import engine
from core.errors import Forbidden
from review_ui.changes import disable, enable, set_password, set_role
from review_ui.factors import begin, prove, totp
from review_ui.factors.passkeys import list_passkeys, remove
from review_ui.factors.recovery import drop_factors, make_codes, recover
from review_ui.sessions import open_session, refresh, sign_in, sign_out
from review_ui.tables import AccountRow
from tests.review_ui.authenticator import Authenticator
from tests.review_ui.conftest import PASSWORD
from tests.review_ui.test_passkeys import THIS, enrolled


def agrees() -> bool:
    sequence_pending()
    return verify_ledger().good


def enrol_a_passkey(account: AccountRow) -> None:
    enrolled(account)


def begin_codes(account: AccountRow) -> None:
    totp.begin_enrolment(account)


def begin_codes_twice(account: AccountRow) -> None:
    totp.begin_enrolment(account)
    totp.begin_enrolment(account)


def use_codes(account: AccountRow) -> None:
    secret, _ = totp.begin_enrolment(account)
    totp.confirm(account, pyotp.TOTP(secret).now())
    with pytest.raises(Forbidden):
        prove(account, purpose="approve", subject=THIS, totp="000000")
    totp.remove(account)


def use_a_passkey(account: AccountRow) -> None:
    device = enrolled(account)
    prove(account, purpose="approve", subject=THIS, passkey_json=device.get(begin(account, "approve", THIS)))
    remove(account, list_passkeys(account)[0].id)


def lose_a_device(account: AccountRow) -> None:
    enrolled(account)
    recover(account.email, PASSWORD, make_codes(account)[0])
    enrolled(account)
    drop_factors(account.id)


def come_and_go(account: AccountRow) -> None:
    token, _ = sign_in(account.email, PASSWORD)
    refresh(token)
    sign_out(token)
    with pytest.raises(Forbidden):
        sign_in(account.email, "wrong")
    open_session(account)


def change(account: AccountRow) -> None:
    set_role(account.id, "legal")
    set_password(account.id, "another long password")
    disable(account.id)
    enable(account.id)


@pytest.mark.parametrize(
    "way",
    [
        enrol_a_passkey,
        begin_codes,
        begin_codes_twice,
        use_codes,
        use_a_passkey,
        lose_a_device,
        come_and_go,
        change,
    ],
)
def test_the_ledger_agrees_after(account: AccountRow, way: Callable[[AccountRow], Any]):
    way(account)
    assert agrees()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE passkeys SET removed_at = NULL",
        "UPDATE passkeys SET name = 'another'",
        "DELETE FROM passkeys",
        "UPDATE accounts SET role = 'admin'",
        "UPDATE totp_secrets SET removed_at = NULL",
        "DELETE FROM totp_secrets",
    ],
)
def test_the_ledger_names_what_somebody_changed(account: AccountRow, statement: str):
    enrolled(account, Authenticator())
    use_codes(account)
    remove(account, list_passkeys(account)[0].id)
    assert agrees()
    with engine().begin() as raw:
        raw.execute(text(statement))
    assert not agrees()


def test_a_row_put_back_as_it_was_passes_its_seal_and_not_the_ledger(account: AccountRow):
    enrolled(account)
    with engine().connect() as raw:
        before = dict(raw.execute(text("SELECT * FROM passkeys")).mappings().one())
    remove(account, list_passkeys(account)[0].id)
    with engine().begin() as raw:
        raw.execute(text("UPDATE passkeys SET removed_at = :removed_at, seal = :seal"), before)
    assert list_passkeys(account), "the door cannot know"
    assert not agrees()

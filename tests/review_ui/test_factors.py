"""The second way and the way back: one-time codes, recovery codes, a lost device."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import update

from core.database import engine, now, reading, transaction
from core.errors import Conflict, Forbidden, NotFound
from review_ui.changes import disable
from review_ui.factors import decision_subject, has_factor, prove, recovery, totp
from review_ui.factors.recovery import codes_left, drop_factors, make_codes, recover
from review_ui.rates import forget_all
from review_ui.sessions import is_fresh, open_session, signed_in
from review_ui.tables import AccountRow, RecoveryCodeRow, TotpRow
from tests.review_ui.conftest import PASSWORD
from tests.review_ui.ledger import changes_of
from tests.review_ui.test_passkeys import enrolled, proof

THIS = decision_subject("rnd_1", "ab" * 32, "approved")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the time that codes are made and checked by."""
    offset = 0.0
    real = time.time

    def ahead(seconds: float) -> None:
        nonlocal offset
        offset += seconds

    monkeypatch.setattr("pyotp.totp.time.time", lambda: real() + offset)
    return ahead


@pytest.fixture
def app(account: AccountRow, clock: Callable[[float], None]) -> pyotp.TOTP:
    """Ann's authenticator app, confirmed; its first code is used."""
    secret, address = totp.begin_enrolment(account)
    assert "Greenroom" in address and secret in address
    app = pyotp.TOTP(secret)
    totp.confirm(account, app.now())
    clock(90)
    return app


def code(account: AccountRow, digits: str) -> str:
    return prove(account, purpose="approve", subject=THIS, totp=digits)


def test_a_code_of_now_proves_and_counts_once(account: AccountRow, app: pyotp.TOTP):
    digits = app.now()
    assert code(account, f"{digits[:3]} {digits[3:]}") == "totp"
    with pytest.raises(Forbidden, match="used already"):
        code(account, digits)


def test_the_code_that_confirmed_counts_no_more(account: AccountRow, clock: Callable[[float], None]):
    secret, _ = totp.begin_enrolment(account)
    digits = pyotp.TOTP(secret).now()
    totp.confirm(account, digits)
    with pytest.raises(Forbidden):
        code(account, digits)


def test_an_earlier_code_counts_no_more_after_a_later_one(
    account: AccountRow, app: pyotp.TOTP, clock: Callable[[float], None]
):
    earlier = app.now()
    clock(30)
    code(account, app.now())
    with pytest.raises(Forbidden):
        code(account, earlier)


def test_a_code_of_two_steps_ago_is_late(
    account: AccountRow, app: pyotp.TOTP, clock: Callable[[float], None]
):
    late = app.now()
    clock(61)
    with pytest.raises(Forbidden):
        code(account, late)


@pytest.mark.parametrize("digits", ["000000", "12345", "1234567", "abcdef", "१२३४५६", "-12345", "1e5000"])
def test_what_is_no_code_of_now_is_refused(account: AccountRow, app: pyotp.TOTP, digits: str):
    if digits == app.now():
        digits = "000001"
    with pytest.raises(Forbidden):
        code(account, digits)


def test_eight_wrong_codes_and_even_the_right_one_rests(account: AccountRow, app: pyotp.TOTP):
    for _ in range(8):
        forget_all()
        with pytest.raises(Forbidden):
            code(account, "wrong!")
    forget_all()
    with pytest.raises(Forbidden):
        code(account, app.now())
    with transaction() as session:
        session.execute(update(TotpRow).values(locked_until=now() - timedelta(seconds=1)))
    assert code(account, app.now()) == "totp"


def test_the_secret_is_encrypted_and_stays_with_its_account(
    account: AccountRow, app: pyotp.TOTP, new_account: Callable[..., AccountRow]
):
    bob = new_account("bob")
    with engine().connect() as raw:
        held = [str(value) for row in raw.exec_driver_sql("SELECT * FROM totp_secrets") for value in row]
        assert not [value for value in held if app.secret in value]
        raw.exec_driver_sql("UPDATE totp_secrets SET account_id = ?", (bob.id,))
        raw.commit()
    assert not has_factor(bob) and not has_factor(account)
    with pytest.raises(Forbidden, match="no one-time codes"):
        code(bob, app.now())


def test_a_secret_that_was_removed_cannot_be_put_back_in_the_database(account: AccountRow, app: pyotp.TOTP):
    totp.remove(account)
    with transaction() as session:
        session.execute(update(TotpRow).values(removed_at=None))
    with pytest.raises(Forbidden, match="no one-time codes"):
        code(account, app.now())


def test_an_unconfirmed_secret_proves_nothing(account: AccountRow, clock: Callable[[float], None]):
    secret, _ = totp.begin_enrolment(account)
    assert totp.waits(account) and not has_factor(account)
    with pytest.raises(Forbidden):
        code(account, pyotp.TOTP(secret).now())
    with pytest.raises(Forbidden):
        totp.confirm(account, "000000")
    totp.confirm(account, pyotp.TOTP(secret).now())
    assert not totp.waits(account) and has_factor(account).totp
    with pytest.raises(Conflict):
        totp.begin_enrolment(account)
    with pytest.raises(NotFound):
        totp.confirm(account, "000000")


def test_codes_of_somebody_who_left_prove_nothing(account: AccountRow, app: pyotp.TOTP):
    disable(account.id)
    with pytest.raises(Forbidden):
        code(account, app.now())


def test_ten_recovery_codes_are_kept_as_keyed_hashes(account: AccountRow, app: pyotp.TOTP):
    codes = make_codes(account)
    assert len(set(codes)) == 10 and codes_left(account) == 10
    with engine().connect() as raw:
        held = " ".join(
            str(value) for row in raw.exec_driver_sql("SELECT * FROM recovery_codes") for value in row
        )
    assert not [text for text in codes if text in held or text.replace("-", "") in held]


def test_a_lost_device_password_and_code_let_in_to_enrol_anew(account: AccountRow, app: pyotp.TOTP):
    device = enrolled(account)
    elsewhere = open_session(account)
    codes = make_codes(account)
    back = recover(account.email, PASSWORD, codes[3].lower().replace("-", " "))
    assert not has_factor(account) and signed_in(elsewhere) is None and codes_left(account) == 9
    with pytest.raises(Forbidden):
        code(account, app.now())
    found = signed_in(open_session(back))
    assert found is not None and is_fresh(found[1])
    new = enrolled(account, name="New phone")
    from review_ui.factors import begin

    assert proof(account, new.get(begin(account, "approve", THIS))) == "passkey"
    with pytest.raises(Forbidden, match="none of this account's"):
        proof(account, device.get(begin(account, "approve", THIS)))
    assert changes_of(account.id) == [
        "totp_begun",
        "totp_added",
        "passkey_added",
        "recovery_codes_made",
        "recovered",
        "passkey_added",
    ]


def test_a_recovery_code_works_once(account: AccountRow, app: pyotp.TOTP):
    codes = make_codes(account)
    recover(account.email, PASSWORD, codes[0])
    enrolled(account)
    with pytest.raises(Forbidden):
        recover(account.email, PASSWORD, codes[0])
    assert has_factor(account).passkey
    recover(account.email, PASSWORD, codes[1])


def test_new_codes_replace_the_old_ones(account: AccountRow, app: pyotp.TOTP):
    old = make_codes(account)
    make_codes(account)
    with pytest.raises(Forbidden):
        recover(account.email, PASSWORD, old[0])


def test_a_recovery_code_never_approves(account: AccountRow, app: pyotp.TOTP):
    for text in make_codes(account)[:3]:
        with pytest.raises(Forbidden):
            prove(account, purpose="approve", subject=THIS, totp=text)


def test_every_refused_recovery_reads_the_same_and_is_counted(
    account: AccountRow, app: pyotp.TOTP, new_account: Callable[..., AccountRow]
):
    good = make_codes(account)[0]
    bob = new_account("bob")
    answers = set()
    for email, password, text in (
        ("nobody@brand.example", PASSWORD, good),
        (account.email, "wrong", good),
        (account.email, PASSWORD, "AAAA-AAAA-AAAA-AAAA"),
        (bob.email, PASSWORD, good),
    ):
        with pytest.raises(Forbidden) as refused:
            recover(email, password, text)
        answers.add(str(refused.value))
    assert len(answers) == 1
    for _ in range(8):
        forget_all()
        with pytest.raises(Forbidden):
            recover(account.email, PASSWORD, "wrong")
    forget_all()
    with pytest.raises(Forbidden):
        recover(account.email, PASSWORD, good)


def test_a_code_that_somebody_wrote_into_the_database_is_none(account: AccountRow, app: pyotp.TOTP):
    from core.canonical import digest_bytes

    for name in (digest_bytes(b"AAAA-AAAA-AAAA-AAAA"), digest_bytes(b"AAAAAAAAAAAAAAAA"), "AAAAAAAAAAAAAAAA"):
        with transaction() as session:
            session.add(RecoveryCodeRow(code_hmac=name, account_id=account.id))
    with pytest.raises(Forbidden):
        recover(account.email, PASSWORD, "AAAA-AAAA-AAAA-AAAA")


def test_codes_need_something_to_recover_from(account: AccountRow):
    with pytest.raises(Conflict):
        make_codes(account)


def test_an_admin_helps_where_the_codes_are_lost_too(account: AccountRow, app: pyotp.TOTP):
    make_codes(account)
    token = open_session(account)
    drop_factors(account.id)
    assert not has_factor(account) and codes_left(account) == 0 and signed_in(token) is None
    assert changes_of(account.id)[-1] == "factors_removed"


def test_the_ledger_says_that_and_never_what(account: AccountRow, app: pyotp.TOTP):
    from audit.tables import LedgerEntryRow

    codes = recovery.make_codes(account)
    with reading() as session:
        words = " ".join(entry.body for entry in session.query(LedgerEntryRow))
    assert app.secret not in words and account.email not in words
    assert not [text for text in codes if text in words]

"""Passkeys: what an assertion is bound to, and everything that is not one."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update

from core.database import now, reading, transaction
from core.errors import Conflict, Forbidden, InputError
from core.settings import get_settings
from review_ui.changes import disable
from review_ui.factors import begin, decision_subject, has_factor, prove
from review_ui.factors.passkeys import begin_enrolment, enrol, list_passkeys, remove
from review_ui.rates import TooManyTries
from review_ui.tables import AccountRow, ChallengeRow, PasskeyRow
from tests.review_ui.authenticator import ORIGIN, Authenticator

THIS = decision_subject("rnd_1", "ab" * 32, "approved")


def enrolled(account: AccountRow, device: Authenticator | None = None, name: str = "Laptop") -> Authenticator:
    device = device or Authenticator()
    answer = device.create(begin_enrolment(account, ORIGIN))
    enrol(account, name=name, origin=ORIGIN, answer=answer)
    return device


@pytest.fixture
def device(account: AccountRow) -> Authenticator:
    return enrolled(account)


def proof(account: AccountRow, answer: str, purpose: str = "approve", subject: str = THIS) -> str:
    return prove(account, purpose=purpose, subject=subject, passkey_json=answer)


def test_a_passkey_proves_the_decision_that_it_was_asked_for(account: AccountRow, device: Authenticator):
    assert proof(account, device.get(begin(account, "approve", THIS), user=account.id)) == "passkey"
    assert has_factor(account).passkey
    assert list_passkeys(account)[0].sign_count == 1


def test_nothing_sent_is_no_proof_and_no_error(account: AccountRow, device: Authenticator):
    assert prove(account, purpose="approve", subject=THIS) == "none"
    assert prove(account, purpose="approve", subject=THIS, passkey_json="  ", totp=" ") == "none"


@pytest.mark.parametrize(
    "other",
    [
        decision_subject("rnd_2", "ab" * 32, "approved"),
        decision_subject("rnd_1", "cd" * 32, "approved"),
        decision_subject("rnd_1", "ab" * 32, "rejected"),
    ],
    ids=["another render", "other bytes", "another verdict"],
)
def test_an_answer_for_another_decision_proves_nothing(
    account: AccountRow, device: Authenticator, other: str
):
    with pytest.raises(Forbidden, match="another question"):
        proof(account, device.get(begin(account, "approve", other)))


def test_an_answer_for_another_purpose_proves_nothing(account: AccountRow, device: Authenticator):
    with pytest.raises(Forbidden, match="another question"):
        proof(account, device.get(begin(account, "confirm", THIS)))


def test_an_answer_of_another_account_proves_nothing(
    account: AccountRow, device: Authenticator, new_account: Callable[..., AccountRow]
):
    bob = new_account("bob")
    bobs = enrolled(bob)
    with pytest.raises(Forbidden, match="another question"):
        proof(account, bobs.get(begin(bob, "approve", THIS)))
    with pytest.raises(Forbidden, match="none of this account's"):
        proof(account, bobs.get(begin(account, "approve", THIS)))
    with pytest.raises(Forbidden, match="made for another account"):
        proof(account, device.get(begin(account, "approve", THIS), user=bob.id))


def test_an_answer_counts_once(account: AccountRow, device: Authenticator):
    answer = device.get(begin(account, "approve", THIS))
    proof(account, answer)
    with pytest.raises(Forbidden, match="answered before"):
        proof(account, answer)


def test_an_answer_that_does_not_hold_has_used_its_challenge(account: AccountRow, device: Authenticator):
    options = begin(account, "approve", THIS)
    with pytest.raises(Forbidden, match="does not hold"):
        proof(account, device.get(options, origin="https://evil.example"))
    with pytest.raises(Forbidden, match="answered before"):
        proof(account, device.get(options))


def test_a_challenge_lives_five_minutes(account: AccountRow, device: Authenticator):
    options = begin(account, "approve", THIS)
    with reading() as session:
        left = session.query(ChallengeRow).one().expires_at - now()
    assert timedelta(minutes=4, seconds=50) < left <= timedelta(minutes=5)
    with transaction() as session:
        session.execute(update(ChallengeRow).values(expires_at=now() - timedelta(seconds=1)))
    with pytest.raises(Forbidden, match="older than five minutes"):
        proof(account, device.get(options))


def test_a_challenge_that_we_did_not_make_is_none(account: AccountRow, device: Authenticator):
    forged = {"challenge": "A" * 43, "rpId": "localhost"}
    with pytest.raises(Forbidden, match="another question"):
        proof(account, device.get(forged))


def test_a_device_that_asked_for_nothing_is_refused(account: AccountRow, device: Authenticator):
    device.verifies = False
    with pytest.raises(Forbidden, match="does not hold"):
        proof(account, device.get(begin(account, "approve", THIS)))
    careless = Authenticator(verifies=False)
    with pytest.raises(Forbidden, match="does not hold"):
        enrolled(account, careless)


def test_a_signature_of_another_key_is_refused(account: AccountRow, device: Authenticator):
    stranger = Authenticator(credential_id=device.credential_id)
    with pytest.raises(Forbidden, match="does not hold"):
        proof(account, stranger.get(begin(account, "approve", THIS)))


@pytest.mark.parametrize("count", [0, 4, 5])
def test_a_counter_that_went_back_is_a_copied_key(account: AccountRow, device: Authenticator, count: int):
    device.count = 4
    proof(account, device.get(begin(account, "approve", THIS)))
    device.count = count - 1
    with pytest.raises(Forbidden, match="may have been copied"):
        proof(account, device.get(begin(account, "approve", THIS)))


def test_devices_without_a_counter_work_every_time(account: AccountRow, device: Authenticator):
    for _ in range(2):
        device.count = -1
        assert proof(account, device.get(begin(account, "approve", THIS))) == "passkey"


def test_several_passkeys_each_by_its_name_and_removed_one_by_one(account: AccountRow, device: Authenticator):
    second = enrolled(account, name="Phone")
    assert [row.name for row in list_passkeys(account)] == ["Laptop", "Phone"]
    options = begin(account, "approve", THIS)
    assert len(options["allowCredentials"]) == 2 and options["userVerification"] == "required"
    assert proof(account, second.get(options)) == "passkey"
    remove(account, list_passkeys(account)[1].id)
    with pytest.raises(Forbidden, match="none of this account's"):
        proof(account, second.get(begin(account, "approve", THIS)))
    assert proof(account, device.get(begin(account, "approve", THIS))) == "passkey"


def test_a_passkey_is_enrolled_once(account: AccountRow, device: Authenticator):
    with pytest.raises(Conflict, match="known already"):
        enrolled(account, device)


def test_a_passkey_of_somebody_who_left_proves_nothing(account: AccountRow, device: Authenticator):
    options = begin(account, "approve", THIS)
    disable(account.id)
    with pytest.raises(Forbidden):
        proof(account, device.get(options))


def test_a_passkey_that_somebody_wrote_into_the_database_is_none(
    account: AccountRow, device: Authenticator, new_account: Callable[..., AccountRow]
):
    bob = new_account("bob")
    with transaction() as session:  # Bob gives himself Ann's reviewer's passkey, seal and all
        session.execute(update(PasskeyRow).values(account_id=bob.id))
    assert not has_factor(bob)
    with pytest.raises(Conflict):
        begin(bob, "approve", THIS)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("GREENROOM_WEB_ORIGIN", "https://brand.example"), ("GREENROOM_ENVIRONMENT", "production")],
)
def test_a_passkey_of_another_address_counts_no_more_when_the_address_is_set(
    account: AccountRow, device: Authenticator, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
):
    options = begin(account, "approve", THIS)
    monkeypatch.setenv(variable, value)
    get_settings.cache_clear()
    with pytest.raises(Forbidden, match="another address"):
        proof(account, device.get(options))
    with pytest.raises(Conflict):
        begin(account, "approve", THIS)


@pytest.mark.parametrize(
    "answer", ["nonsense", "[]", "{}", "[" * 16_000, '"' + "x" * 20_000 + '"', '{"id": 1}', "\x00", "null"]
)
def test_an_answer_that_cannot_be_read_is_said_to_be_so(
    account: AccountRow, device: Authenticator, answer: str
):
    with pytest.raises(InputError, match="cannot be read"):
        proof(account, answer)


@pytest.mark.parametrize("part", ["clientDataJSON", "authenticatorData", "signature", "userHandle"])
@pytest.mark.parametrize("junk", ["", "AAAA", "oWFhgA", "!"])
def test_no_broken_part_gets_through(account: AccountRow, device: Authenticator, part: str, junk: str):
    answer = json.loads(device.get(begin(account, "approve", THIS)))
    answer["response"][part] = junk
    if part == "userHandle" and junk in ("", "!"):
        return  # reads as an absent one
    with pytest.raises((InputError, Forbidden)):
        proof(account, json.dumps(answer))


def test_open_questions_are_bounded(account: AccountRow, device: Authenticator):
    for _ in range(20):
        begin(account, "approve", THIS)
    with pytest.raises(Conflict, match="too many"):
        begin(account, "approve", THIS)


def test_what_is_asked_for_is_a_known_purpose(account: AccountRow, device: Authenticator):
    for purpose, subject in (("release", THIS), ("approve", ""), ("approve", "x" * 301)):
        with pytest.raises(InputError):
            begin(account, purpose, subject)


def test_answers_are_counted_and_end_in_a_wait(account: AccountRow, device: Authenticator):
    stranger = Authenticator(credential_id=device.credential_id)
    with pytest.raises(TooManyTries):
        for _ in range(12):
            with pytest.raises(Forbidden):
                proof(account, stranger.get(begin(account, "approve", THIS)))

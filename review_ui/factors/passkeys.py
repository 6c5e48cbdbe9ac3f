"""Passkeys (WebAuthn): enrol, list, remove, and check an assertion. The person is verified by the device, always."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import select, update
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import (
    bytes_to_base64url,
    options_to_json_dict,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from core.database import now, reading, transaction
from core.errors import Conflict, Forbidden, InputError, NotFound
from core.ids import new_id
from policy.characters import hides_something
from review_ui.accounts import record_change, standing
from review_ui.factors.challenges import LIFE, issue, use_up
from review_ui.factors.held import passkeys_of
from review_ui.factors.site import counts_here, rp_id
from review_ui.rates import went_wrong
from review_ui.seals import seal
from review_ui.tables import AccountRow, PasskeyRow

log = logging.getLogger("greenroom.factors")

_MOST = 20  # of one account
_LONGEST_ANSWER = 16_384
_TIMEOUT_MS = int(LIFE.total_seconds() * 1000)
_VERIFIED = UserVerificationRequirement.REQUIRED


def list_passkeys(account: AccountRow) -> list[PasskeyRow]:
    """The account's passkeys, oldest first."""
    with reading() as session:
        return passkeys_of(session, account.id)


def begin_enrolment(account: AccountRow, origin: str) -> dict[str, Any]:
    """Options for ``navigator.credentials.create``."""
    present = list_passkeys(account)
    if len(present) >= _MOST:
        raise Conflict(f"an account has at most {_MOST} passkeys", next_step="remove one that is not used")
    options = generate_registration_options(
        rp_id=rp_id(origin),
        rp_name="Greenroom",
        user_id=account.id.encode(),
        user_name=account.email,
        challenge=issue(account.id, "enrol", origin),
        timeout=_TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=_VERIFIED
        ),
        exclude_credentials=_descriptors(present),
    )
    return dict(options_to_json_dict(options))


def enrol(account: AccountRow, *, name: str, origin: str, answer: str) -> PasskeyRow:
    """A new passkey from the browser's answer.

    Raises InputError for a name that says nothing or an answer that cannot be read, Forbidden for one that does not
    hold, Conflict for a passkey that is known already.
    """
    label = " ".join(name.split())
    if not 1 <= len(label) <= 60 or hides_something(label):
        raise InputError(
            "a passkey has a name of 1 to 60 characters", where="name", next_step="name the device"
        )
    credential, challenge = _read_registration(answer)
    use_up(challenge, account.id, "enrol", origin)
    verified = _verified_registration(credential, challenge, origin)
    row = PasskeyRow(
        id=new_id("psk"),
        account_id=account.id,
        name=label,
        credential_id=bytes_to_base64url(verified.credential_id),
        public_key=bytes_to_base64url(verified.credential_public_key),
        origin=origin,
        sign_count=verified.sign_count,
    )
    seal(row)
    with transaction() as session:
        who = standing(session, account.id)
        if session.scalar(select(PasskeyRow.id).where(PasskeyRow.credential_id == row.credential_id)):
            raise Conflict("this passkey is known already", next_step="use another device")
        session.add(row)
        record_change(session, who, "passkey_added", actor=who.id, rows=[row])
    return row


def remove(account: AccountRow, passkey_id: str) -> None:
    """The passkey counts no more; its row stays, for what was decided with it. Raises NotFound."""
    with transaction() as session:
        who = standing(session, account.id)
        row = next((row for row in passkeys_of(session, account.id) if row.id == passkey_id), None)
        if row is None:
            raise NotFound("there is no such passkey", where=passkey_id, next_step="reload the page")
        row.removed_at = now()
        seal(row)
        record_change(session, who, "passkey_removed", actor=who.id, rows=[row])


def begin_proof(account: AccountRow, purpose: str, subject: str, origin: str) -> dict[str, Any]:
    """Options for ``navigator.credentials.get``: any passkey that this account has made at this address."""
    present = list_passkeys(account)
    here = origin or (present[-1].origin if present else "")
    usable = [row for row in present if rp_id(row.origin) == rp_id(here) and counts_here(row.origin)]
    if not usable:
        raise Conflict(
            "this account has no passkey for this address",
            where=here,
            next_step="enrol one on your account page, or use a one-time code",
            code="no_passkey",
        )
    options = generate_authentication_options(
        rp_id=rp_id(here),
        challenge=issue(account.id, purpose, subject),
        timeout=_TIMEOUT_MS,
        allow_credentials=_descriptors(usable),
        user_verification=_VERIFIED,
    )
    return dict(options_to_json_dict(options))


def check_proof(account_id: str, purpose: str, subject: str, answer: str) -> None:
    """One of the account's passkeys signed the challenge of exactly this purpose and subject. Raises Forbidden."""
    credential, challenge = _read_assertion(answer)
    use_up(challenge, account_id, purpose, subject)
    with reading() as session:
        row = next(
            (row for row in passkeys_of(session, account_id) if row.credential_id == credential.id), None
        )
    if row is None:
        raise _refused(account_id, "this passkey is none of this account's")
    if not counts_here(row.origin):
        raise _refused(account_id, "this passkey was made at another address")
    verified = _verified_assertion(credential, challenge, row)
    # Our own check, so that the reason is told; authenticators without a counter say 0 always.
    if (verified.new_sign_count or row.sign_count) and verified.new_sign_count <= row.sign_count:
        log.warning("the counter of passkey %s went back: it may have been copied", row.id)
        raise _refused(account_id, "the passkey's counter went back, so it may have been copied")
    with transaction() as session:
        standing(session, account_id)  # the caller's row may be older than a `user disable`
        moved = session.execute(
            update(PasskeyRow)
            .where(
                PasskeyRow.id == row.id,
                PasskeyRow.sign_count == row.sign_count,
                PasskeyRow.removed_at.is_(None),
            )
            .values(sign_count=verified.new_sign_count, last_used_at=now())
        )
        count: int = moved.rowcount  # type: ignore[attr-defined]
    if count != 1:
        raise _refused(account_id, "the passkey was removed or used elsewhere at the same moment")


def _read_assertion(answer: str) -> tuple[AuthenticationCredential, bytes]:
    try:
        credential = parse_authentication_credential_json(_bounded(answer))
        return credential, parse_client_data_json(credential.response.client_data_json).challenge
    except Exception as error:  # foreign bytes: whatever the parsers raise means no
        raise _unreadable() from error


def _read_registration(answer: str) -> tuple[RegistrationCredential, bytes]:
    try:
        credential = parse_registration_credential_json(_bounded(answer))
        return credential, parse_client_data_json(credential.response.client_data_json).challenge
    except Exception as error:  # foreign bytes: whatever the parsers raise means no
        raise _unreadable() from error


def _verified_assertion(
    credential: AuthenticationCredential, challenge: bytes, row: PasskeyRow
) -> VerifiedAuthentication:
    handle = credential.response.user_handle
    try:
        verified = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=rp_id(row.origin),
            expected_origin=row.origin,
            credential_public_key=base64url_to_bytes(row.public_key),
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Exception as error:  # foreign bytes: whatever the parsers raise means no
        raise _refused(row.account_id, "the passkey's answer does not hold") from error
    if handle and handle != row.account_id.encode():
        raise _refused(row.account_id, "the passkey was made for another account")
    return verified


def _verified_registration(
    credential: RegistrationCredential, challenge: bytes, origin: str
) -> VerifiedRegistration:
    try:
        return verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=rp_id(origin),
            expected_origin=origin,
            require_user_verification=True,
        )
    except Exception as error:  # foreign bytes: whatever the parsers raise means no
        raise Forbidden(
            "the new passkey's answer does not hold",
            next_step="reload the page and try again; the device has to ask for a PIN, a face or a finger",
            code="passkey_refused",
        ) from error


def _bounded(answer: str) -> str:
    if len(answer) > _LONGEST_ANSWER:
        raise ValueError("too long")
    return answer


def _descriptors(rows: list[PasskeyRow]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(row.credential_id)) for row in rows]


def _unreadable() -> InputError:
    return InputError(
        "the passkey's answer cannot be read", where="passkey", next_step="reload the page and try again"
    )


def _refused(account_id: str, what: str) -> Forbidden:
    went_wrong("", f"factor {account_id}")
    return Forbidden(
        what, next_step="reload the page and try again, or use a one-time code", code="passkey_refused"
    )

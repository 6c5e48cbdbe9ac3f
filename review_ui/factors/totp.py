"""One-time codes (RFC 6238), the second way: six digits of an app, good for half a minute, each counted once.

A code is typed, so it can be given away; a passkey cannot. Where both are enrolled, pages ask for the passkey first.
"""

from __future__ import annotations

import pyotp
from pyotp.exceptions import OTPVerificationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.database import now, reading, transaction
from core.errors import Conflict, Forbidden, IntegrityError, NotFound
from core.ids import new_id
from review_ui.accounts import record_change, standing
from review_ui.factors.held import totp_of
from review_ui.locked import lock, unlock
from review_ui.rates import went_wrong
from review_ui.seals import intact, seal
from review_ui.strikes import forgive, resting, strike
from review_ui.tables import AccountRow, TotpRow

_SLACK = 1  # steps of 30 s before and after ours: a phone's clock is not exact


def begin_enrolment(account: AccountRow) -> tuple[str, str]:
    """A new secret and its ``otpauth:`` address, shown once; it counts after :func:`confirm`.

    Raises Conflict where codes are in use already.
    """
    secret = pyotp.random_base32()
    with transaction() as session:
        who = standing(session, account.id)
        if totp_of(session, account.id) is not None:
            raise Conflict("one-time codes are set up already", next_step="remove them first")
        before = _waiting(session, account.id)
        if before is not None:
            before.removed_at = now()
            seal(before)
        row = TotpRow(id=new_id("otp"), account_id=account.id)
        row.secret = _encrypted(row, secret)
        seal(row)
        record_change(
            session, who, "totp_begun", actor=who.id, rows=[row] if before is None else [before, row]
        )
    return secret, pyotp.TOTP(secret).provisioning_uri(name=who.email, issuer_name="Greenroom")


def confirm(account: AccountRow, code: str) -> None:
    """The first code fits: from now on they count. Raises Forbidden, NotFound when nothing waits for it."""
    with transaction() as session:
        who = standing(session, account.id)
        row = _waiting(session, account.id)
        if row is None or not intact(row):
            raise NotFound("no one-time codes wait to be confirmed", next_step="set them up again")
        step = None if resting(row, now()) else _step(row, code)
        if step is None and not resting(row, now()):
            strike(row, now())
        elif step is not None:
            row.confirmed_at, row.last_step = now(), step
            forgive(row)
            seal(row)
            record_change(session, who, "totp_added", actor=who.id, rows=[row])
    if step is None:
        raise _refused(account.id)


def waits(account: AccountRow) -> bool:
    """Whether a secret waits for its first code."""
    with reading() as session:
        return _waiting(session, account.id) is not None


def remove(account: AccountRow) -> None:
    """Codes count no more. Raises NotFound."""
    with transaction() as session:
        who = standing(session, account.id)
        row = totp_of(session, account.id)
        if row is None:
            raise NotFound("no one-time codes are set up", next_step="reload the page")
        row.removed_at = now()
        seal(row)
        record_change(session, who, "totp_removed", actor=who.id, rows=[row])


def check(account_id: str, code: str) -> None:
    """The code fits now and was not used before. Raises Forbidden; wrong ones are counted."""
    with transaction() as session:
        standing(session, account_id)  # the caller's row may be older than a `user disable`
        row = totp_of(session, account_id)
        if row is None:
            raise Forbidden(
                "this account has no one-time codes",
                next_step="use a passkey, or set codes up on your account page",
                code="no_totp",
            )
        session.refresh(row, with_for_update=True)
        step = None if resting(row, now()) else _step(row, code)
        right = step is not None and step > row.last_step
        if right:
            row.last_step = step or 0
            forgive(row)
        elif not resting(row, now()):
            strike(row, now())
    if not right:
        raise _refused(account_id)


def _waiting(session: Session, account_id: str) -> TotpRow | None:
    return session.scalar(
        select(TotpRow).where(
            TotpRow.account_id == account_id, TotpRow.confirmed_at.is_(None), TotpRow.removed_at.is_(None)
        )
    )


def _step(row: TotpRow, code: str) -> int | None:
    """The half minute that the code belongs to, or None."""
    digits = "".join(code.split())
    if len(digits) != 6 or not digits.isascii() or not digits.isdigit():
        return None
    try:
        return pyotp.TOTP(_decrypted(row)).verify_and_get_timecode(digits, valid_window=_SLACK)
    except OTPVerificationError:
        return None


def _encrypted(row: TotpRow, secret: str) -> str:
    return lock(secret, purpose="totp", place=_place(row))


def _decrypted(row: TotpRow) -> str:
    try:
        return unlock(row.secret, purpose="totp", place=_place(row))
    except IntegrityError as error:
        raise IntegrityError(
            "the secret of the one-time codes cannot be read",
            where=row.id,
            next_step="remove the one-time codes and set them up again",
        ) from error


def _place(row: TotpRow) -> str:
    """A secret moved to another account's row is no secret there."""
    return f"{row.id}:{row.account_id}"


def _refused(account_id: str) -> Forbidden:
    went_wrong("", f"factor {account_id}")
    return Forbidden(
        "the one-time code is wrong, or was used already",
        next_step="wait for the next code; after several wrong ones codes rest for 15 minutes",
        code="totp_refused",
    )

"""Recovery codes for a lost device: ten, one use each, shown once. They let a person in to enrol anew.

A recovery code never approves anything: :func:`review_ui.factors.prove` does not know it.
"""

from __future__ import annotations

import secrets

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core.database import now, reading, transaction
from core.errors import Conflict, Forbidden
from review_ui.accounts import (
    authenticate,
    count_wrong_answer,
    end_sign_ins,
    normal,
    own,
    record_change,
    standing,
)
from review_ui.factors.held import held
from review_ui.rates import went_wrong
from review_ui.seals import keyed, seal
from review_ui.tables import AccountRow, ChallengeRow, PasskeyRow, RecoveryCodeRow, TotpRow

COUNT = 10
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # no 0, 1, I or O: they are written down by hand
_GROUPS, _GROUP = 4, 4  # 80 random bits: no slow hash is needed to keep them


def make_codes(account: AccountRow) -> list[str]:
    """Ten new codes; the ones before count no more. Raises Conflict where there is no factor to recover from."""
    codes = [_code() for _ in range(COUNT)]
    with transaction() as session:
        who = standing(session, account.id)
        if not held(session, account.id):
            raise Conflict(
                "there is nothing to recover from", next_step="enrol a passkey or one-time codes first"
            )
        session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.account_id == account.id))
        session.add_all(
            RecoveryCodeRow(code_hmac=_stored(account.id, code), account_id=account.id) for code in codes
        )
        record_change(session, who, "recovery_codes_made", actor=who.id)
    return codes


def codes_left(account: AccountRow) -> int:
    with reading() as session:
        query = select(func.count()).select_from(RecoveryCodeRow)
        return session.scalar(query.where(RecoveryCodeRow.account_id == account.id)) or 0


def recover(email: str, password: str, code: str, *, address: str = "") -> AccountRow:
    """Password and recovery code: passkeys and one-time codes go, every session ends, the code is used up.

    Raises Forbidden with one text for every reason; TooManyTries.
    """
    try:
        account = authenticate(email, password, address=address)
    except Forbidden as refused:
        raise _refused() from refused
    with transaction() as session:
        who = standing(session, account.id)
        used = session.execute(
            delete(RecoveryCodeRow).where(
                RecoveryCodeRow.code_hmac == _stored(account.id, code),
                RecoveryCodeRow.account_id == account.id,
            )
        )
        right = used.rowcount == 1  # type: ignore[attr-defined]
        if right:
            dropped = _drop_factors(session, account.id)
            record_change(session, who, "recovered", actor=who.id, rows=dropped)
    if not right:
        went_wrong(address, normal(email))
        count_wrong_answer(account.id)
        raise _refused()
    return who


def drop_factors(account_id: str, *, actor: str | None = None) -> None:
    """An administrator's way where the codes are lost too: factors, codes and sessions go, the password stays."""
    with transaction() as session:
        who = own(session, account_id)
        dropped = _drop_factors(session, account_id)
        session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.account_id == account_id))
        record_change(session, who, "factors_removed", actor=actor, rows=dropped)


def _drop_factors(session: Session, account_id: str) -> list[PasskeyRow | TotpRow]:
    rows: list[PasskeyRow | TotpRow] = [
        *session.scalars(
            select(PasskeyRow).where(PasskeyRow.account_id == account_id, PasskeyRow.removed_at.is_(None))
        ),
        *session.scalars(
            select(TotpRow).where(TotpRow.account_id == account_id, TotpRow.removed_at.is_(None))
        ),
    ]
    for row in rows:
        row.removed_at = now()
        seal(row)  # removed counts for nothing, whoever wrote the row before
    session.execute(delete(ChallengeRow).where(ChallengeRow.account_id == account_id))
    end_sign_ins(session, account_id)
    return rows


def _code() -> str:
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def _stored(account_id: str, code: str) -> str:
    plain = "".join(letter for letter in code.upper() if letter.isalnum())
    return keyed("recovery", account_id, plain)


def _refused() -> Forbidden:
    return Forbidden(
        "the e-mail address, the password or the recovery code is wrong",
        next_step="try again; each code works once, and an admin can run `greenroom user forget-factors`",
        code="recovery_refused",
    )

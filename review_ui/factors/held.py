"""Which factors an account holds."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from review_ui.seals import intact
from review_ui.tables import PasskeyRow, TotpRow


@dataclass(frozen=True)
class Factors:
    """What an account can show beside its password. False when there is nothing."""

    passkey: bool = False
    totp: bool = False

    def __bool__(self) -> bool:
        return self.passkey or self.totp


def held(session: Session, account_id: str) -> Factors:
    """The factors that count now."""
    return Factors(bool(passkeys_of(session, account_id)), totp_of(session, account_id) is not None)


def passkeys_of(session: Session, account_id: str) -> list[PasskeyRow]:
    """Passkeys that were not removed, oldest first; rows that we did not write do not count."""
    rows = session.scalars(
        select(PasskeyRow)
        .where(PasskeyRow.account_id == account_id, PasskeyRow.removed_at.is_(None))
        .order_by(PasskeyRow.created_at)
    )
    return [row for row in rows if intact(row)]


def totp_of(session: Session, account_id: str) -> TotpRow | None:
    """The confirmed secret that was not removed."""
    rows = session.scalars(
        select(TotpRow).where(
            TotpRow.account_id == account_id, TotpRow.confirmed_at.is_not(None), TotpRow.removed_at.is_(None)
        )
    )
    return next((row for row in rows if intact(row)), None)

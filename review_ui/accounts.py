"""Accounts: made by an admin or the command line, passwords as argon2id, a lock after repeated failures.

Sign-in answers the same, in the same time, for a wrong password and for an unknown name.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select

from audit.ledger import Event, append
from core.canonical import digest_bytes
from core.database import now, reading, transaction
from core.errors import Conflict, Forbidden, InputError
from core.ids import new_id
from core.settings import get_settings
from core.tables import BrandRow
from review_ui.roles import RIGHTS, check_role
from review_ui.tables import AccountRow, SignInRow

SHORTEST_PASSWORD = 12
_FAILURES_BEFORE_LOCK = 8
_LOCK = timedelta(minutes=15)


@lru_cache(maxsize=1)
def _hasher() -> PasswordHasher:
    # In tests a light hash keeps sign-ins fast; everywhere else argon2-cffi's defaults (RFC 9106) hold.
    if get_settings().environment == "test":
        return PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    return PasswordHasher()


@lru_cache(maxsize=1)
def _nobody() -> str:
    """A hash that no password fits: an unknown name costs the same time as a wrong password."""
    return _hasher().hash(secrets.token_hex(32))


def create_account(*, brand_id: str, email: str, role: str, password: str) -> AccountRow:
    """A new account.

    Raises:
        InputError: an unknown role or brand, a short password, no e-mail address.
        Conflict: the address has an account already.
    """
    address = email.strip().lower()
    if role not in RIGHTS:
        raise InputError(f"there is no role '{role}'", next_step=f"choose one of {', '.join(RIGHTS)}")
    if len(password) < SHORTEST_PASSWORD or len(password) > 200:
        raise InputError(f"a password has {SHORTEST_PASSWORD} to 200 characters", next_step="choose another")
    if address.count("@") != 1 or len(address) > 254:
        raise InputError("this is no e-mail address", where="email", next_step="correct it")
    row = AccountRow(
        id=new_id("usr"),
        brand_id=brand_id,
        email=address,
        role=role,
        password_hash=_hasher().hash(password),
    )
    with transaction() as session:
        if session.get(BrandRow, brand_id) is None:
            raise InputError("there is no such brand", where=brand_id, next_step="check the id")
        if session.scalar(select(AccountRow).where(AccountRow.email == address)):
            raise Conflict("this address has an account already", where="email", next_step="sign in")
        append(session, Event.USER_CREATED, row.id, {"role": role, "brand_id": brand_id}, rows=[row])
    return row


def list_accounts() -> list[AccountRow]:
    """All accounts, oldest first."""
    with reading() as session:
        return list(session.scalars(select(AccountRow).order_by(AccountRow.created_at)))


def require(account: AccountRow, right: str) -> None:
    """Raises Forbidden unless the account's role has the right."""
    check_role(account.role, right)


def sign_in(email: str, password: str) -> tuple[str, AccountRow]:
    """A fresh session token (never stored in clear) and its account. Raises Forbidden, with one text for all."""
    refused = Forbidden(
        "the e-mail address or the password is wrong",
        next_step="try again; after several failures the account rests for 15 minutes",
        code="sign_in_refused",
    )
    with transaction() as session:
        account = session.scalar(select(AccountRow).where(AccountRow.email == email.strip().lower()[:254]))
        fits = _fits(account.password_hash if account else _nobody(), password[:200])
        locked = account is not None and account.locked_until is not None and account.locked_until > now()
        token = ""
        if account is not None and fits and not locked:
            account.failures, account.locked_until = 0, None
            token = secrets.token_urlsafe(32)
            session.add(
                SignInRow(
                    token_sha256=digest_bytes(token.encode()),
                    account_id=account.id,
                    csrf=secrets.token_urlsafe(24),
                    expires_at=now() + timedelta(hours=get_settings().web.session_hours),
                )
            )
        elif account is not None and not locked:
            account.failures += 1
            if account.failures >= _FAILURES_BEFORE_LOCK:
                account.failures, account.locked_until = 0, now() + _LOCK
    if account is None or not token:
        raise refused
    return token, account


def signed_in(token: str) -> tuple[AccountRow, SignInRow] | None:
    """The account behind a session token, or None when there is none or it is over."""
    with reading() as session:
        row = session.get(SignInRow, digest_bytes(token.encode()))
        account = session.get(AccountRow, row.account_id) if row and row.expires_at > now() else None
    return (account, row) if account is not None and row is not None else None


def sign_out(token: str) -> None:
    """End a session; an unknown token is no error."""
    with transaction() as session:
        row = session.get(SignInRow, digest_bytes(token.encode()))
        if row is not None:
            session.delete(row)


def _fits(stored: str, password: str) -> bool:
    try:
        return _hasher().verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False

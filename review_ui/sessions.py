"""Sessions of browsers: a random token in a cookie, its HMAC in the database.

A session is *fresh* for ten minutes after the person proved again who they are; passwords and factors are changed in
a fresh one only, so that a browser left open cannot be made into an account of one's own.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select

from core.database import now, reading, transaction
from core.settings import get_settings
from review_ui.accounts import authenticate, refusal, stands
from review_ui.api.tables import JobRow, KeptAnswerRow
from review_ui.factors.held import held
from review_ui.seals import intact, keyed, seal
from review_ui.strikes import forgive
from review_ui.tables import AccountRow, ChallengeRow, SignInRow

FRESH = timedelta(minutes=10)


def sign_in(email: str, password: str, *, address: str = "") -> tuple[str, AccountRow]:
    """A fresh session token (never stored) and its account. Raises as :func:`review_ui.accounts.authenticate`."""
    account = authenticate(email, password, address=address)
    return open_session(account), account


def open_session(account: AccountRow) -> str:
    """A session for somebody who has just proved who they are; its token. Raises Forbidden if they left meanwhile."""
    token = secrets.token_urlsafe(32)
    with transaction() as session:
        current = session.get(AccountRow, account.id, with_for_update=True)
        if current is None or not stands(current) or current.password_hash != account.password_hash:
            raise refusal()  # disabled, or the password changed, while we hashed
        forgive(current)
        row = SignInRow(
            token_hmac=stored(token),
            account_id=account.id,
            csrf=secrets.token_urlsafe(24),
            expires_at=now() + timedelta(hours=get_settings().web.session_hours),
            # Who has a factor shows it before anything about the account changes.
            fresh_until=None if held(session, account.id) else now() + FRESH,
        )
        seal(row)
        session.add(row)
    return token


def signed_in(token: str) -> tuple[AccountRow, SignInRow] | None:
    """The account behind a session token, or None when there is none, it is over, or it was not we who wrote it."""
    if not token:
        return None
    with reading() as session:
        row = session.get(SignInRow, stored(token))
        if row is None or row.expires_at <= now() or not intact(row):
            return None
        account = session.get(AccountRow, row.account_id)
    return (account, row) if account is not None and stands(account) else None


def refresh(token: str) -> None:
    """The person has proved again who they are."""
    with transaction() as session:
        row = session.get(SignInRow, stored(token))
        if row is not None and intact(row):
            row.fresh_until = now() + FRESH
            seal(row)


def is_fresh(row: SignInRow) -> bool:
    return row.fresh_until is not None and row.fresh_until > now()


def sign_out(token: str) -> None:
    """End a session; an unknown token is no error."""
    with transaction() as session:
        session.execute(delete(SignInRow).where(SignInRow.token_hmac == stored(token)))


def stored(token: str) -> str:
    """What the database holds of a token: without the master secret nobody can make it for a token of their own."""
    return keyed("sessions", token)


def forget_expired(limit: int = 500) -> int:
    """Delete what is over, a bounded number at a time: sign-ins, challenges, and what the API keeps for a day; how many
    went."""
    gone = 0
    tables: list[tuple[Any, Any]] = [
        (SignInRow, SignInRow.token_hmac),
        (ChallengeRow, ChallengeRow.binding),
        (KeptAnswerRow, KeptAnswerRow.id),
        (JobRow, JobRow.id),
    ]
    for table, key in tables:
        with reading() as session:
            over = list(session.scalars(select(key).where(table.expires_at <= now()).limit(limit)))
        if over:  # the write lock is taken only where there is something to write
            with transaction() as session:
                session.execute(delete(table).where(key.in_(over)))
        gone += len(over)
    return gone

"""Challenges of the server: random, for one account, purpose and subject, five minutes, one use."""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import delete, func, select

from core.database import now, transaction
from core.errors import Conflict, Forbidden
from review_ui.seals import keyed
from review_ui.tables import ChallengeRow

LIFE = timedelta(minutes=5)
_MOST = 20  # waiting at once, of one account


def issue(account_id: str, purpose: str, subject: str) -> bytes:
    """A new challenge of 32 random bytes. Raises Conflict when too many wait for an answer."""
    challenge = secrets.token_bytes(32)
    with transaction() as session:
        session.execute(
            delete(ChallengeRow).where(
                ChallengeRow.account_id == account_id, ChallengeRow.expires_at <= now()
            )
        )
        waiting = session.scalar(
            select(func.count()).select_from(ChallengeRow).where(ChallengeRow.account_id == account_id)
        )
        if (waiting or 0) >= _MOST:
            raise Conflict("too many passkey questions are open", next_step="wait five minutes and try again")
        session.add(
            ChallengeRow(
                binding=_binding(challenge, account_id, purpose, subject),
                account_id=account_id,
                expires_at=now() + LIFE,
            )
        )
    return challenge


def use_up(challenge: bytes, account_id: str, purpose: str, subject: str) -> None:
    """Take the challenge away; it was asked for exactly this. Raises Forbidden for any other, a used or an old one.

    Committed before the answer is looked at: an answer that does not hold has used its challenge all the same.
    """
    with transaction() as session:
        found = session.execute(
            delete(ChallengeRow).where(
                ChallengeRow.binding == _binding(challenge, account_id, purpose, subject),
                ChallengeRow.expires_at > now(),
            )
        )
        count: int = found.rowcount  # type: ignore[attr-defined]
    if count != 1:
        raise Forbidden(
            "the passkey answered another question, or this one was answered before or is older than five minutes",
            next_step="reload the page and use the passkey again",
            code="passkey_challenge",
        )


def _binding(challenge: bytes, account_id: str, purpose: str, subject: str) -> str:
    return keyed("challenges", challenge.hex(), account_id, purpose, subject)

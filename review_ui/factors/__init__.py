"""Factors: what proves, beside a password, that it is this person. A passkey, or a one-time code as the second way.

``begin`` makes the challenge that the browser hands to a passkey, ``prove`` says what the person has shown. A passkey's
answer is bound to one account, one purpose and one subject (for a decision: render, sealed bytes and verdict), holds
five minutes and counts once. A one-time code is bound to nothing but its half minute and counts once.
"""

from __future__ import annotations

from typing import Any, Literal

from core.database import reading
from core.errors import InputError
from review_ui.factors import passkeys, totp
from review_ui.factors.held import Factors, held
from review_ui.rates import try_once
from review_ui.tables import AccountRow

__all__ = ["Factors", "begin", "decision_subject", "has_factor", "prove"]

Proof = Literal["none", "passkey", "totp"]

# What a challenge may be asked for: a decision over a render, and a change of one's own account.
PURPOSES = frozenset({"approve", "confirm"})
_LONGEST_SUBJECT = 300


def decision_subject(render_id: str, sealed_sha256: str, verdict: str) -> str:
    """What an assertion for a decision is bound to: this render, these bytes, this verdict."""
    return f"{render_id}:{sealed_sha256}:{verdict}"


def has_factor(account: AccountRow) -> Factors:
    """What this account can show; False when it has enrolled nothing."""
    with reading() as session:
        return held(session, account.id)


def begin(account: AccountRow, purpose: str, subject: str, *, origin: str = "") -> dict[str, Any]:
    """Options for ``navigator.credentials.get``, with a challenge that is good for this purpose and subject alone.

    Args:
        origin: where the browser is (:func:`review_ui.factors.site.origin_of`); empty: where the newest passkey
            was made.

    Raises:
        InputError: an unknown purpose. Conflict: the account has no passkey for this address.
    """
    _check(purpose, subject)
    try_once("", f"factor {account.id}")
    return passkeys.begin_proof(account, purpose, subject, origin)


def prove(
    account: AccountRow, *, purpose: str, subject: str, passkey_json: str = "", totp: str = ""
) -> Proof:
    """Which factor was shown for exactly this; ``none`` when nothing was sent.

    Raises:
        Forbidden: what was sent does not hold, with the reason, or the account may not act any more.
        TooManyTries: asked too often.
    """
    _check(purpose, subject)
    passkey_json, totp = passkey_json.strip(), totp.strip()
    if not passkey_json and not totp:
        return "none"
    try_once("", f"factor {account.id}")
    if passkey_json:
        passkeys.check_proof(account.id, purpose, subject, passkey_json)
        return "passkey"
    _check_code(account.id, totp)
    return "totp"


def _check_code(account_id: str, code: str) -> None:
    totp.check(account_id, code)


def _check(purpose: str, subject: str) -> None:
    if purpose not in PURPOSES or not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
        raise InputError(
            "a factor is asked for a known purpose", where="purpose", next_step="reload the page"
        )

"""What may change about an account: role, password, standing. Each is on the ledger with the row that it made.

What an account decided before stays as it was: approvals name the account's id and carry their own signature.
"""

from __future__ import annotations

from core.database import now, transaction
from review_ui.accounts import end_sign_ins, known_role, own, record_change, standing
from review_ui.api_keys import end_keys
from review_ui.passwords import check_password, hash_password
from review_ui.tables import AccountRow


def set_role(account_id: str, role: str, *, actor: str | None = None) -> AccountRow:
    """Another role, from the next request on."""
    known_role(role)
    with transaction() as session:
        row = own(session, account_id)
        row.role = role
        record_change(session, row, "role_changed", actor=actor)
    return row


def set_password(account_id: str, password: str, *, keep: str = "", actor: str | None = None) -> AccountRow:
    """Another password; every session ends but the one whose stored token is ``keep``."""
    check_password(password)
    fresh_hash = hash_password(password)
    with transaction() as session:
        row = standing(session, account_id) if actor == account_id else own(session, account_id)
        row.password_hash = fresh_hash
        row.failures, row.locked_until = 0, None
        end_sign_ins(session, account_id, but=keep)
        record_change(session, row, "password_changed", actor=actor)
    return row


def disable(account_id: str, *, actor: str | None = None) -> AccountRow:
    """Somebody leaves: sessions and API keys end, sign-in and passkeys are refused. Their decisions stand."""
    with transaction() as session:
        row = own(session, account_id)
        row.disabled_at = row.disabled_at or now()
        end_sign_ins(session, account_id)
        end_keys(session, account_id, actor=actor)
        record_change(session, row, "disabled", actor=actor)
    return row


def enable(account_id: str, *, actor: str | None = None) -> AccountRow:
    """A disabled account may sign in again, with the password and the factors that it had."""
    with transaction() as session:
        row = own(session, account_id)
        row.disabled_at = None
        record_change(session, row, "enabled", actor=actor)
    return row

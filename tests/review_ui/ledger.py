"""What the ledger says about an account."""

from __future__ import annotations

from sqlalchemy import select

from audit.ledger import Event
from audit.tables import LedgerEntryRow
from core.database import reading


def changes_of(account_id: str) -> list[str]:
    """The kinds of change that the ledger knows of this account, in order."""
    with reading() as session:
        entries = session.scalars(
            select(LedgerEntryRow).where(
                LedgerEntryRow.event == Event.USER_CHANGED.value, LedgerEntryRow.subject == account_id
            )
        )
        return [entry.facts["kind"] for entry in sorted(entries, key=lambda entry: entry.created_at)]

"""People by the name that they sign in with, where ledger and approvals carry pseudonyms."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from core.database import reading
from review_ui.memberships import works_at
from review_ui.tables import AccountRow


def names_of(ids: Iterable[str], *, brand_id: str) -> dict[str, str]:
    """What to call each account that works at this brand or did; of anybody else the end of the id."""
    wanted = {each for each in ids if each}
    if not wanted:
        return {}
    with reading() as session:
        rows = session.execute(
            select(AccountRow.id, AccountRow.email).where(
                AccountRow.id.in_(wanted), works_at(brand_id, past=True)
            )
        ).all()
    known = {row.id: row.email for row in rows}
    return {each: known.get(each, each[-8:]) for each in wanted}

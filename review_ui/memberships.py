"""At which brands an account works. It works at one at a time: its row names that one, and every room asks the row.

An account without a membership works at its one brand. Rows are sealed: who can write the database alone lets nobody
into another brand.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from audit.ledger import Event, append
from core.database import reading, transaction
from core.errors import NotFound
from core.ids import new_id
from core.tables import BrandRow
from review_ui.accounts import own, record_change, standing, stands
from review_ui.roles import SENIOR
from review_ui.seals import intact, seal
from review_ui.tables import AccountRow, MembershipRow


def brands_of(account: AccountRow) -> list[BrandRow]:
    """The brands at which the account works, by name; the one of now is among them."""
    with reading() as session:
        ids = brand_ids_of(session, account)
        return list(session.scalars(select(BrandRow).where(BrandRow.id.in_(ids)).order_by(BrandRow.name)))


def brand_ids_of(session: Session, account: AccountRow) -> set[str]:
    """As :func:`brands_of`, ids alone; a row that somebody else wrote counts for nothing."""
    rows = session.scalars(select(MembershipRow).where(MembershipRow.account_id == account.id))
    return {account.brand_id, *(row.brand_id for row in rows if intact(row))}


def people_of(brand_id: str) -> list[AccountRow]:
    """Whoever works at this brand, now or at times, by address; the first five hundred."""
    members = select(MembershipRow.account_id).where(MembershipRow.brand_id == brand_id)
    there = or_(AccountRow.brand_id == brand_id, AccountRow.id.in_(members))
    with reading() as session:
        return list(session.scalars(select(AccountRow).where(there).order_by(AccountRow.email).limit(500)))


def seniors_of(brand_id: str) -> set[str]:
    """The accounts that may act and decide over what is handed on at this brand, now or when they work at it."""
    with reading() as session:
        rows = session.scalars(select(AccountRow).where(AccountRow.role.in_(SENIOR)))
        return {row.id for row in rows if stands(row) and brand_id in brand_ids_of(session, row)}


def persona_of(account: AccountRow) -> str | None:
    """The persona whose account this is, at the brand of now; None for everybody else."""
    with reading() as session:
        rows = session.scalars(
            select(MembershipRow).where(
                MembershipRow.account_id == account.id, MembershipRow.brand_id == account.brand_id
            )
        )
        return next((row.persona_id for row in rows if intact(row)), None)


def join(
    session: Session,
    account: AccountRow,
    brand_ids: Sequence[str],
    *,
    persona_id: str | None = None,
    actor: str | None,
) -> None:
    """Let an account work at these brands too, in the caller's transaction. A brand that it knows stays as it is."""
    known = set(session.scalars(select(MembershipRow.brand_id).where(MembershipRow.account_id == account.id)))
    rows = [
        MembershipRow(id=new_id("mbr"), account_id=account.id, brand_id=brand_id, persona_id=persona_id)
        for brand_id in dict.fromkeys([account.brand_id, *brand_ids])
        if brand_id not in known
    ]
    for row in rows:
        seal(row)
        facts = {"kind": "joined", "role": account.role, "brand_id": row.brand_id, "actor": actor}
        append(session, Event.USER_CHANGED, account.id, facts, rows=[row])


def join_brand(account_id: str, brand_id: str, *, actor: str | None = None) -> AccountRow:
    """As :func:`join`, in a transaction of its own. Raises NotFound for a brand that there is not."""
    with transaction() as session:
        account = own(session, account_id)
        if session.get(BrandRow, brand_id) is None:
            raise NotFound(
                "there is no such brand", where=brand_id, next_step="`greenroom brand list` shows them"
            )
        join(session, account, [brand_id], actor=actor)
    return account


def work_at(account_id: str, brand_id: str) -> AccountRow:
    """The account works at this brand from the next request on, in every window. Raises NotFound for any other."""
    with transaction() as session:
        account = standing(session, account_id)
        if brand_id not in brand_ids_of(session, account):
            raise NotFound("no such brand", where=brand_id, next_step="choose one of your brands")
        if account.brand_id != brand_id:
            # The way back: an account that never had a membership gets one at the brand that it leaves.
            join(session, account, [], actor=account.id)
            account.brand_id = brand_id
            record_change(session, account, "brand_changed", actor=account.id)
    return account

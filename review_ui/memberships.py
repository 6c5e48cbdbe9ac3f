"""At which brands an account works. It works at one at a time: its row names that one, and every room asks the row.

An account without a membership works at its one brand. A membership that ended stays, with the time. Rows are sealed:
who can write the database alone lets nobody into another brand.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from audit.ledger import Event, append
from core.database import now, reading, transaction
from core.errors import Conflict, NotFound
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
    return {account.brand_id, *(row.brand_id for row in rows if intact(row) and row.left_at is None)}


def people_of(brand_id: str) -> list[AccountRow]:
    """Whoever works at this brand, now or at times, by address; the first five hundred."""
    there = select(AccountRow).where(works_at(brand_id)).order_by(AccountRow.email)
    with reading() as session:
        return list(session.scalars(there.limit(500)))


def works_at(brand_id: str, *, past: bool = False) -> ColumnElement[bool]:
    """Of accounts, for a list to read: whoever works at this brand, now or at times; ``past``: or did once.

    It opens nothing, and looks at no seal.
    """
    members = select(MembershipRow.account_id).where(MembershipRow.brand_id == brand_id)
    members = members if past else members.where(MembershipRow.left_at.is_(None))
    return or_(AccountRow.brand_id == brand_id, AccountRow.id.in_(members))


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
        return next((row.persona_id for row in rows if intact(row) and row.left_at is None), None)


def persona_has_account(brand_id: str, persona_id: str) -> bool:
    """Whether somebody at the brand has the private page of this persona."""
    here = (MembershipRow.brand_id == brand_id, MembershipRow.persona_id == persona_id)
    with reading() as session:
        rows = session.scalars(select(MembershipRow).where(*here))
        return any(intact(row) and row.left_at is None for row in rows)


def join(
    session: Session,
    account: AccountRow,
    brand_ids: Sequence[str],
    *,
    persona_id: str | None = None,
    actor: str | None,
) -> None:
    """Let an account work at these brands too, in the caller's transaction.

    A brand where it works stays as it is; at one that it left it works again.
    """
    mine = select(MembershipRow).where(MembershipRow.account_id == account.id).with_for_update()
    known = {row.brand_id: row for row in session.scalars(mine)}
    for brand_id in dict.fromkeys([account.brand_id, *brand_ids]):
        row = known.get(brand_id)
        if row is None:
            row = MembershipRow(id=new_id("mbr"), account_id=account.id, brand_id=brand_id)
        elif row.left_at is None:
            continue
        row.persona_id, row.left_at = (persona_id if brand_id in brand_ids else None), None
        seal(row)  # whoever wrote a row that ended, it says now what we say
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


def leave(account_id: str, brand_id: str, *, actor: str | None = None) -> AccountRow:
    """The account works at this brand no more, from the next request on. What it decided there stands.

    Where it works there now, it goes on at another of its brands.

    Raises:
        NotFound: it does not work there.
        Conflict: it works nowhere else.
    """
    with transaction() as session:
        account = own(session, account_id)
        there = brand_ids_of(session, account)
        if brand_id not in there:
            raise NotFound(
                "this account does not work at that brand", where=brand_id, next_step="`greenroom user list`"
            )
        if there == {brand_id}:
            raise Conflict(
                "this account works at no other brand",
                where=account.email,
                next_step="disable it instead: `greenroom user disable`",
                code="only_brand",
            )
        join(session, account, [], actor=actor)  # one that had no membership gets the row that ends
        if account.brand_id == brand_id:
            account.brand_id = min(there - {brand_id})
            record_change(session, account, "brand_changed", actor=actor)
        membership = select(MembershipRow).where(
            MembershipRow.account_id == account.id, MembershipRow.brand_id == brand_id
        )
        row = session.scalars(membership).one()
        row.left_at = now()
        seal(row)
        facts = {"kind": "left", "role": account.role, "brand_id": brand_id, "actor": actor}
        append(session, Event.USER_CHANGED, account.id, facts, rows=[row])
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

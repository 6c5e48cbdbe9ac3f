"""Who looks at which video in review: a lease of a minute and a half, renewed while somebody is at its page.

A lease keeps two people from deciding over the same video at once. It is no right: the decision table asks the same
of whoever holds one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from audit.errors import AlreadyDecided, MakerMayNotApprove
from audit.tables import ApprovalRow
from core.database import add_once, reading, take_turn, transaction
from core.errors import Conflict, Forbidden
from pipeline.annotations import is_handed_on
from pipeline.leases import database_seconds
from pipeline.narrowing import EVERYTHING, Narrowing
from pipeline.ownership import owned
from pipeline.paging import Place, next_after
from pipeline.runs import Listing, Order
from pipeline.states import State
from pipeline.tables import AnnotationRow, RenderRow, ReviewLeaseRow

Apart = Literal["made", "decided", "handed_on"]

SECONDS = 90.0
FORGOTTEN_AT_ONCE = 5_000
_TRIES = 5  # how often the next one is looked for anew when somebody else was quicker


def take(render_id: str, *, brand_id: str, account_id: str, senior: bool = False) -> str:
    """Take or renew the lease on a render in review; the account that holds it now, which may be another's.

    Raises NotFound; Conflict where it is not in review; and as :func:`check_may_decide`: who may not decide over a
    video keeps it from nobody.
    """
    with transaction() as session:
        row = owned(session, RenderRow, render_id, brand_id)
        if row.state != State.IN_REVIEW:
            raise Conflict(
                f"this render is not in review: it is {row.state}",
                where=render_id,
                next_step="reload the page",
                code="not_in_review",
            )
        check_may_decide(session, row, account_id)
        check_handed_on(session, row, senior=senior)
        return account_id if _take(session, row, account_id) else holder(session, render_id) or account_id


def give_back(render_id: str, *, account_id: str) -> None:
    """As :func:`let_go`, in a transaction of its own."""
    with transaction() as session:
        let_go(session, render_id, account_id)


def let_go(session: Session, render_id: str, account_id: str) -> None:
    """Let go of a render; nothing happens where another holds it."""
    session.execute(
        delete(ReviewLeaseRow).where(
            ReviewLeaseRow.render_id == render_id, ReviewLeaseRow.account_id == account_id
        )
    )


def holder(session: Session, render_id: str) -> str | None:
    """Who looks at a render at this moment."""
    return session.scalar(
        select(ReviewLeaseRow.account_id).where(
            ReviewLeaseRow.render_id == render_id, ReviewLeaseRow.until > database_seconds(session)
        )
    )


def looked_at(brand_id: str, *, most: int = 200) -> dict[str, str]:
    """Who looks at what at this moment: the account of each render of the brand that somebody holds."""
    with reading() as session:
        held = select(ReviewLeaseRow.render_id, ReviewLeaseRow.account_id).where(
            ReviewLeaseRow.brand_id == brand_id, ReviewLeaseRow.until > database_seconds(session)
        )
        return {row.render_id: row.account_id for row in session.execute(held.limit(most))}


def forget_over() -> int:
    """Delete leases that are over, a bounded number at a time; how many went. The relay does so with each sweep."""
    with reading() as session:
        over = ReviewLeaseRow.until <= database_seconds(session)
        found = list(session.scalars(select(ReviewLeaseRow.render_id).where(over).limit(FORGOTTEN_AT_ONCE)))
    if not found:  # the write lock is taken only where there is something to write
        return 0
    with transaction() as session:
        still = and_(ReviewLeaseRow.render_id.in_(found), ReviewLeaseRow.until <= database_seconds(session))
        gone = session.scalars(delete(ReviewLeaseRow).where(still).returning(ReviewLeaseRow.render_id))
        return len(gone.all())


def check_free(session: Session, render_id: str, account_id: str) -> None:
    """Raises Conflict while somebody else looks at the render."""
    other = holder(session, render_id)
    if other is not None and other != account_id:
        raise Conflict(
            "somebody else is deciding over this video at this moment",
            where=render_id,
            next_step="take the next one, or come back in two minutes",
            code="held",
        )


def check_may_decide(session: Session, row: RenderRow, account_id: str) -> None:
    """Raises MakerMayNotApprove for who made the render, AlreadyDecided for who has decided over it."""
    if account_id == row.maker_id:
        raise MakerMayNotApprove(
            "you asked for this video, so someone else decides", where=row.id, next_step="take the next one"
        )
    if account_id in deciders(session, row):
        raise AlreadyDecided(
            "you have decided over this video already", where=row.id, next_step="take the next one"
        )


def check_handed_on(session: Session, row: RenderRow, *, senior: bool) -> None:
    """Raises Forbidden where a reviewer has handed the render on, and this is no senior one."""
    if not senior and is_handed_on(session, row.id):
        raise Forbidden(
            "a reviewer has handed this video on, and a senior reviewer decides over it",
            where=row.id,
            next_step="take the next one",
            code="handed_on",
        )


def deciders(session: Session, row: RenderRow) -> set[str]:
    """Who has decided over what is in review; how, and whether it counts, is not asked."""
    these = select(ApprovalRow.reviewer_id).where(
        ApprovalRow.render_id == row.id, ApprovalRow.sealed_sha256 == row.sealed_sha256
    )
    return set(session.scalars(these))


def set_apart(renders: Collection[RenderRow], account_id: str) -> dict[str, Apart]:
    """Which of some renders in review wait for somebody else than this account, or for a senior reviewer, and why."""
    ids = [row.id for row in renders]
    decided = select(ApprovalRow.render_id, ApprovalRow.sealed_sha256).where(
        ApprovalRow.render_id.in_(ids), ApprovalRow.reviewer_id == account_id
    )
    handed = select(AnnotationRow.render_id).where(
        AnnotationRow.render_id.in_(ids), AnnotationRow.kind == "handed_on"
    )
    with reading() as session:
        found: dict[str, Apart] = dict.fromkeys(session.scalars(handed), "handed_on")
        theirs = {(row.render_id, row.sealed_sha256) for row in session.execute(decided)}
    found |= {row.id: "decided" for row in renders if (row.id, row.sealed_sha256) in theirs}
    return found | {row.id: "made" for row in renders if row.maker_id == account_id}


def next_for(
    account_id: str,
    *,
    brand_id: str,
    after: str = "",
    without: Collection[str] = (),
    senior: bool = False,
    campaign_id: str = "",
    order: Order = "oldest",
    narrowing: Narrowing = EVERYTHING,
) -> str | None:
    """The next render of a list that this account may decide over, taken for it; None where nothing waits.

    From the place of ``after`` on and then from the start. Left out is what the account made, decided over or handed
    on, what somebody else looks at, and what waits for a senior reviewer unless this is one.

    Args:
        after: the render that the account was at.
        without: more that are not wanted: their decisions are on their way.
        campaign_id, order, narrowing: the list of those in review, as :func:`pipeline.lists.list_renders` takes them.

    Raises as :func:`pipeline.lists.list_renders`.
    """
    listing = Listing(brand_id, (State.IN_REVIEW,), campaign_id, order, narrowing)
    listing.check()
    with reading() as session:
        listing.campaign(session)
        place = _place(session, listing, after)
    for _ in range(_TRIES):
        with transaction() as session:
            free = _free_for(session, account_id, (after, *without), senior=senior)
            parts = listing.parts(listing.held(session), free)
            table = listing.keys or RenderRow
            found = next_after(session, table, parts, order=order, place=place) if place else None
            found = found or next_after(session, table, parts, order=order)
            if found is None:
                return None
            row = take_turn(session, RenderRow, found)
            if row is not None and row.state == State.IN_REVIEW and _take(session, row, account_id):
                return row.id
    return None


def _place(session: Session, listing: Listing, render_id: str) -> Place | None:
    """Where a render stands, or would stand, in a list of its brand."""
    row = session.get(RenderRow, render_id) if render_id else None
    if row is None or row.brand_id != listing.brand_id:
        return None
    return Place(listing.rank_of(row.verdict), row.created_at, row.id)


def _free_for(
    session: Session, account_id: str, without: Collection[str], *, senior: bool
) -> tuple[ColumnElement[bool], ...]:
    """Conditions on the renders that this account may decide over at this moment."""
    decided = exists().where(
        ApprovalRow.render_id == RenderRow.id,
        ApprovalRow.sealed_sha256 == RenderRow.sealed_sha256,
        ApprovalRow.reviewer_id == account_id,
    )
    taken = exists().where(
        ReviewLeaseRow.render_id == RenderRow.id,
        ReviewLeaseRow.account_id != account_id,
        ReviewLeaseRow.until > database_seconds(session),
    )
    handed_on = and_(AnnotationRow.render_id == RenderRow.id, AnnotationRow.kind == "handed_on")
    if senior:
        handed_on = and_(handed_on, AnnotationRow.author_id == account_id)
    return (
        RenderRow.maker_id != account_id,
        RenderRow.id.not_in(without),
        ~decided,
        ~taken,
        ~exists().where(handed_on),
    )


def _take(session: Session, row: RenderRow, account_id: str) -> bool:
    """Whether the lease is this account's now. The caller has its turn on the render."""
    until = database_seconds(session) + SECONDS
    lease = ReviewLeaseRow(render_id=row.id, brand_id=row.brand_id, account_id=account_id, until=until)
    if add_once(session, lease):
        return True
    free = or_(ReviewLeaseRow.account_id == account_id, ReviewLeaseRow.until <= until - SECONDS)
    taken = session.execute(
        update(ReviewLeaseRow)
        .where(ReviewLeaseRow.render_id == row.id, free)
        .values(account_id=account_id, until=until)
        .returning(ReviewLeaseRow.render_id)
    )
    return taken.scalar() is not None

"""Lists of a brand's renders, campaigns and personas, page by page, with the true number of what is in them.

Each page reads its own rows and no others, however long the list is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.database import reading
from pipeline.counts import Counts, counts_of_brand, counts_of_campaigns
from pipeline.narrowing import EVERYTHING, Narrowing
from pipeline.paging import PAGE_ROWS, Page, Part, page_of
from pipeline.runs import Listing, Order
from pipeline.states import State
from pipeline.tables import CampaignRow, PersonaRow, RenderRow


@dataclass(frozen=True)
class RenderList:
    """One page of renders at one moment.

    Attributes:
        counts: renders by state in all of the list's scope: the campaign where one was named, the brand otherwise.
        total: how many the whole list holds; None where nobody counts it.
        campaign: the one that was named.
    """

    page: Page[RenderRow]
    counts: Counts
    total: int | None
    campaign: CampaignRow | None = None


def list_renders(
    *,
    brand_id: str,
    states: Sequence[State] = (),
    campaign_id: str = "",
    order: Order = "oldest",
    cursor: str = "",
    limit: int = PAGE_ROWS,
    narrowing: Narrowing = EVERYTHING,
) -> RenderList:
    """A page of a brand's renders in some states (in any, where none is named).

    Args:
        order: see :class:`pipeline.runs.Listing`.

    Raises:
        NotFound: no such campaign of this brand.
        BadCursor: the cursor is none of this list's.
        InputError: an order that the list does not have, a gate of others than those in review, or a narrowing that
            too many campaigns fit.
    """
    wanted = tuple(dict.fromkeys(states)) or tuple(State)
    listing = Listing(brand_id, wanted, campaign_id, order, narrowing)
    listing.check()
    with reading() as session:
        campaign = listing.campaign(session)
        counts = _counts(session, brand_id, campaign_id)
        held = listing.held(session)
        total = sum(counts.get(state, 0) for state in wanted) if held is None else sum(held.values())
        page = page_of(
            session,
            RenderRow,
            listing.parts(held),
            order=order,
            cursor=cursor,
            limit=limit,
            keys=listing.keys,
        )
    return RenderList(page, counts, None if narrowing.uncounted else total, campaign)


def campaigns_of(rows: Iterable[RenderRow]) -> dict[str, CampaignRow]:
    """The campaigns of a page's renders, by id."""
    with reading() as session:
        wanted = select(CampaignRow).where(CampaignRow.id.in_({row.campaign_id for row in rows}))
        return {row.id: row for row in session.scalars(wanted)}


def _counts(session: Session, brand_id: str, campaign_id: str) -> Counts:
    if campaign_id:
        return counts_of_campaigns(session, [campaign_id])[campaign_id]
    return counts_of_brand(session, brand_id)


def find_render(words: str, *, brand_id: str) -> RenderRow | None:
    """The brand's render with this id, or the one that was asked for under this request key."""
    words = words.strip()
    with reading() as session:
        row = session.get(RenderRow, words)
        if row is None or row.brand_id != brand_id:
            row = session.scalar(
                select(RenderRow).where(RenderRow.brand_id == brand_id, RenderRow.request_key == words)
            )
    return row


@dataclass(frozen=True)
class CampaignList:
    """One page of campaigns, newest first, and the renders of each by state."""

    page: Page[CampaignRow]
    counts: dict[str, Counts]


def page_of_campaigns(*, brand_id: str, cursor: str = "", limit: int = PAGE_ROWS) -> CampaignList:
    """A page of a brand's campaigns. Raises :class:`pipeline.errors.BadCursor`."""
    with reading() as session:
        page = page_of(
            session,
            CampaignRow,
            [Part((CampaignRow.brand_id == brand_id,))],
            order="newest",
            cursor=cursor,
            limit=limit,
        )
        return CampaignList(page, counts_of_campaigns(session, [row.id for row in page.rows]))


def page_of_personas(
    session: Session, *, brand_id: str, cursor: str = "", limit: int = PAGE_ROWS
) -> Page[PersonaRow]:
    """A page of a brand's personas, oldest first, in the caller's snapshot.

    Raises :class:`pipeline.errors.BadCursor`.
    """
    mine = Part((PersonaRow.brand_id == brand_id,))
    return page_of(session, PersonaRow, [mine], order="oldest", cursor=cursor, limit=limit)


def campaigns_of_person(session: Session, persona_id: str, *, limit: int = PAGE_ROWS) -> list[CampaignRow]:
    """The newest campaigns of a persona, newest first. The caller has checked whose it is."""
    mine = select(CampaignRow).where(CampaignRow.persona_id == persona_id)
    return list(
        session.scalars(mine.order_by(CampaignRow.created_at.desc(), CampaignRow.id.desc()).limit(limit))
    )


def list_campaigns(*, brand_id: str) -> list[CampaignRow]:
    """Every campaign of a brand, newest first: for the command line, which prints them all."""
    with reading() as session:
        return list(
            session.scalars(
                select(CampaignRow)
                .where(CampaignRow.brand_id == brand_id)
                .order_by(CampaignRow.created_at.desc(), CampaignRow.id.desc())
            )
        )

"""Lists of a brand's renders, campaigns and personas, page by page, with the true number of what is in them.

Each page reads its own rows and no others, however long the list is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, literal_column, select
from sqlalchemy.orm import Session

from core.database import reading
from core.errors import InputError
from core.models import Verdict
from pipeline.counts import Counts, counts_of_brand, counts_of_campaigns
from pipeline.ownership import owned
from pipeline.paging import PAGE_ROWS, Page, Part, page_of
from pipeline.states import State
from pipeline.tables import CampaignRow, PersonaRow, RenderRow

Order = Literal["oldest", "newest", "gravest"]

GRAVEST: tuple[Verdict | None, ...] = (Verdict.BLOCK, Verdict.REVIEW, None, Verdict.PASS)
"""Verdicts as a reviewer wants them: what no gate has decided stands before what passed."""


@dataclass(frozen=True)
class RenderList:
    """One page of renders at one moment.

    Attributes:
        counts: renders by state in all of the list's scope: the campaign where one was named, the brand otherwise.
        total: how many the whole list holds.
        campaign: the one that was named.
    """

    page: Page[RenderRow]
    counts: Counts
    total: int
    campaign: CampaignRow | None = None


def list_renders(
    *,
    brand_id: str,
    states: Sequence[State] = (),
    campaign_id: str = "",
    order: Order = "oldest",
    cursor: str = "",
    limit: int = PAGE_ROWS,
) -> RenderList:
    """A page of a brand's renders in some states (in any, where none is named).

    Args:
        order: by when they were asked for; ``gravest``: the gravest verdict first, then the oldest. A verdict is
            settled in review, so that only the list of those in review has this order.

    Raises:
        NotFound: no such campaign of this brand.
        BadCursor: the cursor is none of this list's.
        InputError: an order that the list does not have.
    """
    wanted = tuple(dict.fromkeys(states)) or tuple(State)
    with reading() as session:
        campaign = owned(session, CampaignRow, campaign_id, brand_id) if campaign_id else None
        parts = _parts(brand_id, wanted, campaign_id, order)
        page = page_of(session, RenderRow, parts, order=order, cursor=cursor, limit=limit)
        counts = _counts(session, brand_id, campaign_id)
    return RenderList(page, counts, sum(counts.get(state, 0) for state in wanted), campaign)


def _parts(brand_id: str, states: Collection[State], campaign_id: str, order: Order) -> list[Part]:
    # One of the two: each has its index, and with both a planner may take the longer one.
    scope = RenderRow.campaign_id == campaign_id if campaign_id else RenderRow.brand_id == brand_id
    if order != "gravest":
        return [Part((scope, RenderRow.state == state)) for state in states]
    if tuple(states) != (State.IN_REVIEW,):
        raise InputError(
            "only what is in review can be listed by its verdict",
            where="order",
            next_step="list the state in_review, or order by oldest or newest",
        )
    in_review: ColumnElement[bool] = literal_column(
        "renders.state = 'in_review'"
    )  # word for word what the partial indexes hold
    return [
        Part(
            (scope, RenderRow.verdict == verdict if verdict else RenderRow.verdict.is_(None), in_review), rank
        )
        for rank, verdict in enumerate(GRAVEST)
    ]


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

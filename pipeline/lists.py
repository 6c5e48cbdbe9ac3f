"""Lists of a brand's renders, campaigns and personas, page by page, with the true number of what is in them.

Each page reads its own rows and no others, however long the list is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, exists, literal_column, select
from sqlalchemy.orm import Session

from core.database import reading
from core.errors import InputError
from core.models import Verdict
from pipeline.counts import Counts, counts_of_brand, counts_of_campaigns
from pipeline.narrowing import EVERYTHING, Narrowing, held
from pipeline.ownership import owned
from pipeline.paging import PAGE_ROWS, Page, Part, page_of
from pipeline.states import State
from pipeline.tables import CampaignRow, PersonaRow, RenderRow, ReviewFlagRow

Order = Literal["oldest", "newest", "gravest"]

GRAVEST: tuple[Verdict | None, ...] = (Verdict.BLOCK, Verdict.REVIEW, None, Verdict.PASS)
"""Verdicts as a reviewer wants them: what no gate has decided stands before what passed."""


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
        order: by when they were asked for; ``gravest``: the gravest verdict first, then the oldest. A verdict is
            settled in review, so that only the list of those in review has this order, and no list of one gate.

    Raises:
        NotFound: no such campaign of this brand.
        BadCursor: the cursor is none of this list's.
        InputError: an order that the list does not have, a gate of others than those in review, or a narrowing that
            too many campaigns fit.
    """
    wanted = tuple(dict.fromkeys(states)) or tuple(State)
    _check(wanted, order, narrowing)
    with reading() as session:
        campaign = owned(session, CampaignRow, campaign_id, brand_id) if campaign_id else None
        counts = _counts(session, brand_id, campaign_id)
        total = sum(counts.get(state, 0) for state in wanted)
        # Each run by one of the two: each has its index, and with both a planner may take the longer one.
        runs: Iterable[tuple[str, State]] = [(campaign_id, state) for state in wanted]
        if narrowing.by_campaign:
            numbers = held(session, brand_id, wanted, narrowing, campaign_id)
            runs, total = numbers, sum(numbers.values())
        parts = [part for run in runs for part in _parts(brand_id, *run, order, narrowing)]
        keys = ReviewFlagRow if narrowing.gate else None
        page = page_of(session, RenderRow, parts, order=order, cursor=cursor, limit=limit, keys=keys)
    return RenderList(page, counts, None if narrowing.uncounted else total, campaign)


def _check(states: Sequence[State], order: Order, narrowing: Narrowing) -> None:
    in_review = tuple(states) == (State.IN_REVIEW,)
    if order == "gravest" and not in_review:
        raise InputError(
            "only what is in review can be listed by its verdict",
            where="order",
            next_step="list the state in_review, or order by oldest or newest",
        )
    if narrowing.gate and (order == "gravest" or not in_review):
        raise InputError(
            "by a gate only what is in review can be listed, and by age alone",
            where="gate",
            next_step="list the state in_review, and order by oldest or newest",
        )


_IN_REVIEW: ColumnElement[bool] = literal_column("renders.state = 'in_review'")
"""Word for word what the partial indexes hold."""


def _parts(
    brand_id: str, campaign_id: str, state: State, order: Order, narrowing: Narrowing
) -> Iterable[Part]:
    """A run of the list: of one campaign, or of the whole brand where none is named."""
    table: type[RenderRow] | type[ReviewFlagRow] = ReviewFlagRow if narrowing.gate else RenderRow
    scope = table.campaign_id == campaign_id if campaign_id else table.brand_id == brand_id
    asked = narrowing.old_enough(table.created_at)
    if narrowing.gate:
        still = exists().where(RenderRow.id == ReviewFlagRow.id, RenderRow.state == State.IN_REVIEW)
        return [Part((scope, ReviewFlagRow.gate == narrowing.gate, still, *asked))]
    if order != "gravest":
        return [Part((scope, RenderRow.state == state, *asked))]
    return [
        Part(
            (
                scope,
                RenderRow.verdict == verdict if verdict else RenderRow.verdict.is_(None),
                _IN_REVIEW,
                *asked,
            ),
            rank,
        )
        for rank, verdict in enumerate(GRAVEST)
    ]


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

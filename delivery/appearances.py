"""What was made of one persona and where it went, for the person who appears: campaigns, videos, links as numbers.

Nothing of the people to whom the videos went is read here: no field, no script, no address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.database import now, reading
from delivery.tables import LinkRow
from pipeline.counts import Counts, counts_of_campaigns
from pipeline.final_cut import campaign_of_persona
from pipeline.lists import list_renders
from pipeline.paging import Page, Part, page_of
from pipeline.states import State
from pipeline.tables import CampaignRow, RenderRow

CAMPAIGNS_ON_A_PAGE = 20

OUT = (State.RELEASED, State.RECALLED)
"""The states of what went out, or was meant to and was taken back."""


@dataclass(frozen=True)
class Video:
    """One video that went out. ``links``: how many people can open now; ``taken_back``: why, in words, or ""."""

    id: str
    asked_at: datetime
    changed_at: datetime
    taken_back: str
    links: int


@dataclass(frozen=True)
class Appearances:
    """A page of campaigns, newest first, and the videos of each by state."""

    page: Page[CampaignRow]
    counts: dict[str, Counts]


def appearances_of(session: Session, persona_id: str, *, cursor: str = "") -> Appearances:
    """The campaigns in which a persona appears. Raises :class:`pipeline.errors.BadCursor`."""
    mine = Part((CampaignRow.persona_id == persona_id,))
    page = page_of(session, CampaignRow, [mine], order="newest", cursor=cursor, limit=CAMPAIGNS_ON_A_PAGE)
    return Appearances(page, counts_of_campaigns(session, [row.id for row in page.rows]))


def campaign_with(campaign_id: str, *, brand_id: str, persona_id: str) -> CampaignRow:
    """One campaign in which this persona appears. Raises NotFound for any other, as if it did not exist."""
    with reading() as session:
        return campaign_of_persona(session, campaign_id, brand_id=brand_id, persona_id=persona_id)


def videos_of(campaign: CampaignRow, *, cursor: str = "") -> tuple[Page[Video], int]:
    """A page of what went out of a campaign, newest first, and how many there are.

    Raises :class:`pipeline.errors.BadCursor`.
    """
    found = list_renders(
        brand_id=campaign.brand_id, campaign_id=campaign.id, states=OUT, order="newest", cursor=cursor
    )
    with reading() as session:
        links = _open_links(session, [row.id for row in found.page.rows])
    videos = [
        Video(row.id, row.created_at, row.changed_at, _taken_back(row), links.get(row.id, 0))
        for row in found.page.rows
    ]
    return Page(videos, found.page.next, found.page.previous), found.total or 0


def _taken_back(row: RenderRow) -> str:
    if row.state != State.RECALLED:
        return ""
    # The publisher's own words may name somebody: only who it was is told.
    return "when the authority ended" if (row.reason or {}).get("code") == "withdrawn" else "by its publisher"


def _open_links(session: Session, render_ids: Sequence[str]) -> dict[str, int]:
    open_ = (
        select(LinkRow.render_id, func.count().label("number"))
        .where(LinkRow.render_id.in_(render_ids), LinkRow.revoked_at.is_(None), LinkRow.expires_at > now())
        .group_by(LinkRow.render_id)
    )
    return {row.render_id: row.number for row in session.execute(open_)}

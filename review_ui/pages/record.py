"""The record's room: search over what the brand did, with its filters in the address, and timelines from the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from audit.holds import standing_on
from audit.looked import note_view
from audit.tables import ApprovalRow, HoldRow, LedgerEntryRow
from audit.words import actor_of, said
from core.database import reading
from core.errors import InputError, NotFound
from pipeline.counts import Counts, counts_of_campaigns
from pipeline.lists import campaigns_of_person
from pipeline.ownership import owned
from pipeline.same_person import newest_personas, same_person
from pipeline.search import KINDS, NAMES_AT_MOST, Asked, Kind, beside, search
from pipeline.tables import CampaignRow, PersonaRow, RenderRow
from pipeline.timeline import (
    Timeline,
    entries_about,
    files_of,
    locate,
    looks_at,
    subjects_of_person,
    videos_of_person,
)
from review_ui.accounts import require
from review_ui.people import names_of
from review_ui.rendering import page
from review_ui.security import Signed, Visitor

router = APIRouter()

Words = Annotated[
    str, Query(max_length=200, pattern=r"^[^\x00]*$")
]  # PostgreSQL has no text with a NUL in it

TITLES: dict[Kind, str] = {
    "people": "People",
    "consents": "Consents",
    "renders": "Videos",
    "decisions": "Decisions",
    "releases": "Releases",
    "recalls": "Recalls",
}


@router.get("/record")
def index(
    request: Request,
    visitor: Signed,
    *,
    kind: Words = "renders",
    facet: Words = "",
    campaign: Words = "",
    reviewer: Words = "",
    name: Words = "",
    since: Words = "",
    until: Words = "",
    cursor: str = "",
) -> Response:
    """One page of what is asked for; its address is its permalink."""
    require(visitor.account, "audit")
    known = next((each for each in KINDS if each == kind), None)
    if known is None:
        raise NotFound("there is no such list", next_step="choose one above the list")
    asked = Asked(
        known,
        facet=facet,
        campaign=campaign,
        reviewer=reviewer,
        name=name.strip(),
        since=day(since, "since"),
        until=day(until, "until"),
    )
    filters = {
        "facet": facet,
        "campaign": campaign,
        "reviewer": reviewer,
        "name": asked.name,
        "since": since,
        "until": until,
    }
    brand_id = visitor.account.brand_id
    with reading() as session:
        found = search(session, asked, brand_id=brand_id, cursor=cursor)
        named = beside(session, found.page.rows)
        narrowed = owned(session, CampaignRow, campaign, brand_id) if campaign else None
    looks(visitor, f"search_{known}", brand_id, filters)
    reviewers = [row.reviewer_id for row in found.page.rows if isinstance(row, ApprovalRow)]

    def address(**changed: str | None) -> str:
        """This page with something changed; whatever else changes, the list starts again."""
        words = {"kind": known, **filters, **changed}
        return f"/record?{urlencode({each: value for each, value in words.items() if value})}"

    return page(
        request,
        "record.html",
        visitor=visitor,
        titles=TITLES,
        asked=asked,
        found=found,
        named=named,
        narrowed=narrowed,
        names=names_of([*reviewers, reviewer], brand_id=brand_id),
        address=address,
        is_first=not cursor,
        filters=filters,
        names_at_most=NAMES_AT_MOST,
    )


@router.get("/record/find")
def find(visitor: Signed, q: Words = "") -> Response:
    """To the page of what an id, a digest or an order key names; else to the people of that name."""
    require(visitor.account, "audit")
    with reading() as session:
        place = locate(session, q, brand_id=visitor.account.brand_id)
    if place is None:
        return RedirectResponse(
            f"/record?{urlencode({'kind': 'people', 'name': q.strip()})}", status_code=303
        )
    return RedirectResponse(f"/record/{ROOMS[place.kind]}/{place.id}", status_code=303)


ROOMS = {  # where each kind of thing is looked at, under /record
    "person": "people",
    "campaign": "campaigns",
    "render": "renders",
    "authority": "authorities",
    "entry": "entries",
}


@dataclass(frozen=True)
class Seen:
    """What a timeline's page shows beside its entries."""

    kind: str  # as a hold names it
    subject: str
    title: str
    timeline: Timeline
    looks: list[LedgerEntryRow]
    holds: list[HoldRow]
    counts: Counts | None = None


@router.get("/record/people/{persona_id}")
def person(request: Request, visitor: Signed, persona_id: str) -> Response:
    require(visitor.account, "audit")
    with reading() as session:
        row = owned(session, PersonaRow, persona_id, visitor.account.brand_id)
        subjects = subjects_of_person(session, row)
        same = same_person(session, [row.id])
        counts = videos_of_person(session, row)
        seen = _seen(session, "person", row.id, row.name, subjects, counts=counts, over=same)
        kin = newest_personas(session, {*same} - {row.id})
        campaigns = campaigns_of_person(session, row.id)
    return _timeline(request, visitor, seen, persona=row, kin=kin, campaigns=campaigns, versions=subjects[1:])


@router.get("/record/campaigns/{campaign_id}")
def campaign_(request: Request, visitor: Signed, campaign_id: str) -> Response:
    require(visitor.account, "audit")
    with reading() as session:
        row = owned(session, CampaignRow, campaign_id, visitor.account.brand_id)
        counts = counts_of_campaigns(session, [row.id])[row.id]
        over = same_person(session, [row.persona_id])
        seen = _seen(session, "campaign", row.id, row.name, [row.id], counts=counts, over=over)
        appears = session.get(PersonaRow, row.persona_id)
    return _timeline(request, visitor, seen, campaign=row, appears=appears)


@router.get("/record/renders/{render_id}")
def render(request: Request, visitor: Signed, render_id: str) -> Response:
    require(visitor.account, "audit")
    with reading() as session:
        row = owned(session, RenderRow, render_id, visitor.account.brand_id)
        under = owned(session, CampaignRow, row.campaign_id, visitor.account.brand_id)
        over = [under.id, *same_person(session, [under.persona_id])]
        seen = _seen(session, "render", row.id, f"Video {row.id[-8:]}", [row.id], over=over)
        files = files_of(session, row.id)
        appears = session.get(PersonaRow, under.persona_id)
    return _timeline(request, visitor, seen, render=row, campaign=under, appears=appears, files=files)


@router.get("/record/looked")
def looked(request: Request, visitor: Signed) -> Response:
    """What was searched for and exported at this brand last, and by whom."""
    require(visitor.account, "audit")
    brand_id = visitor.account.brand_id
    with reading() as session:
        entries = looks_at(session, brand_id)
    return page(
        request,
        "record_looked.html",
        visitor=visitor,
        entries=entries,
        said=said,
        actor_of=actor_of,
        names=names_of([actor_of(entry.facts) for entry in entries], brand_id=brand_id),
    )


def looks(visitor: Visitor, kind: str, subject: str, filters: dict[str, str] | None = None) -> None:
    """Write down that this visitor looks at this, before it is shown."""
    account = visitor.account
    note_view(kind, subject, brand_id=account.brand_id, actor=account.id, filters=filters)


def day(text: str, where: str) -> date | None:
    """A day of an address, such as 2026-01-31; None for none. Raises InputError."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError("this is no day", where=where, next_step="write it as 2026-01-31") from error


def _seen(
    session: Session,
    kind: str,
    subject: str,
    title: str,
    subjects: list[str],
    *,
    counts: Counts | None = None,
    over: list[str] | None = None,
) -> Seen:
    """``over``: what else a hold on this may stand on."""
    return Seen(
        kind=kind,
        subject=subject,
        title=title,
        timeline=entries_about(session, subjects),
        looks=looks_at(session, subject),
        holds=standing_on(session, {subject, *(over or [])}),
        counts=counts,
    )


def _timeline(request: Request, visitor: Visitor, seen: Seen, **more: Any) -> Response:
    looks(visitor, f"timeline_{seen.kind}", seen.subject)
    entries = [*seen.timeline.entries, *seen.looks]
    usual: dict[str, Any] = {
        "persona": None,
        "campaign": None,
        "appears": None,
        "render": None,
        "files": [],
        "campaigns": [],
        "kin": [],
    }
    return page(
        request,
        "record_timeline.html",
        visitor=visitor,
        seen=seen,
        said=said,
        actor_of=actor_of,
        names=names_of(
            [*(actor_of(entry.facts) for entry in entries), *(row.actor for row in seen.holds)],
            brand_id=visitor.account.brand_id,
        ),
        **{**usual, "versions": [], **more},
    )

"""What happened, for programs that follow along."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from audit.events import Event
from pipeline.events import MOST, OF_CAMPAIGNS, Happened, events_of
from review_ui.api.caller import Viewer
from review_ui.api.documents import CLOSED, V1

router = APIRouter(prefix=V1, tags=["events"])


class EventItem(BaseModel):
    """One event: what happened to which campaign or render, and the reason's code where there is one."""

    id: str
    event: Event
    campaign: str | None
    render: str | None
    reason: str | None
    at: datetime


class EventList(BaseModel):
    """Events, oldest first. `next` is always there: keep it, and ask with it later. `more`: ask at once, there are more
    entries to look at, even where this page is empty."""

    events: list[EventItem]
    next: str
    more: bool


@router.get("/events", responses=CLOSED)
def events(
    caller: Viewer,
    cursor: Annotated[str, Query(max_length=60, description="`next` of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=MOST, description="Events of a page.")] = MOST,
) -> EventList:
    """What happened to the brand's campaigns and renders since the cursor. Each event comes once."""
    page = events_of(brand_id=caller.brand_id, cursor=cursor, limit=limit)
    return EventList(events=[_item(one) for one in page.events], next=page.next, more=page.more)


def _item(one: Happened) -> EventItem:
    about_campaign = one.event in OF_CAMPAIGNS
    return EventItem(
        id=one.id,
        event=one.event,
        campaign=one.subject if about_campaign else None,
        render=None if about_campaign else one.subject,
        reason=one.reason,
        at=one.at,
    )

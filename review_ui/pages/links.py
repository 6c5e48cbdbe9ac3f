"""A campaign's links: the tags that they carry, and the list of them as a file."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from core.errors import GreenroomError
from delivery.link_list import link_list
from delivery.tags import set_tags
from pipeline.service import get_campaign
from review_ui.accounts import require
from review_ui.pages.campaigns import show
from review_ui.rendering import site_of
from review_ui.security import Sent
from review_ui.serving import NO_STORE

router = APIRouter()

Tag = Annotated[str, Form(max_length=400)]


@router.post("/campaigns/{campaign_id}/tags")
def tags(
    request: Request,
    visitor: Sent,
    campaign_id: str,
    *,
    utm_source: Tag = "",
    utm_medium: Tag = "",
    utm_campaign: Tag = "",
    utm_term: Tag = "",
    utm_content: Tag = "",
) -> Response:
    """Tags that are refused come back as they were typed."""
    require(visitor.account, "release")
    typed = {
        "utm_source": utm_source,
        "utm_medium": utm_medium,
        "utm_campaign": utm_campaign,
        "utm_term": utm_term,
        "utm_content": utm_content,
    }
    row = get_campaign(campaign_id, brand_id=visitor.account.brand_id)
    try:
        set_tags(row.id, typed, brand_id=row.brand_id, actor_id=visitor.account.id)
    except GreenroomError as problem:
        return show(request, visitor, row, problem=problem, tags=typed)
    return RedirectResponse(f"/campaigns/{campaign_id}#links", status_code=303)


@router.post("/campaigns/{campaign_id}/links.csv")
def links(request: Request, visitor: Sent, campaign_id: str) -> Response:
    """The list, written while it is read."""
    require(visitor.account, "release")
    return as_file(campaign_id, visitor.account.brand_id, visitor.account.id, site_of(request))


def as_file(campaign_id: str, brand_id: str, actor_id: str, site: str) -> StreamingResponse:
    """The list of a campaign's links as a download."""
    rows = link_list(campaign_id, brand_id=brand_id, actor_id=actor_id, site=site)
    name = f'attachment; filename="links-{campaign_id}.csv"'
    return StreamingResponse(
        rows, media_type="text/csv; charset=utf-8", headers={**NO_STORE, "content-disposition": name}
    )

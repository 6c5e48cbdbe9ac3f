"""The operator's room: campaigns, what steers one, and a form that asks for one personalised video."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from core.database import reading
from core.errors import GreenroomError, InputError
from delivery.tags import NAMES, tags_of
from pipeline.causes import causes_of
from pipeline.course import course_of, courses_of
from pipeline.progress import progress_of
from pipeline.recipient_lists import lists_of
from pipeline.script_reading import asked_of
from pipeline.service import get_campaign, page_of_campaigns, request_render
from pipeline.steering import cancel, pause, resume
from pipeline.tables import CampaignRow, PersonaRow
from review_ui.accounts import require
from review_ui.fields import sent_fields, typed
from review_ui.memberships import persona_has_account
from review_ui.pages.queue import VIEWS, numbers
from review_ui.progress import look_of
from review_ui.rendering import page
from review_ui.security import Sent, Signed, Visitor

router = APIRouter()

LIST_STATES = {
    "checking": "being tried",
    "checked": "tried, not started",
    "entering": "being entered",
    "entered": "entered",
    "unusable": "cannot be used",
    "discarded": "discarded",
}

Reason = Annotated[str, Form(max_length=2000)]


@router.get("/campaigns")
def index(request: Request, visitor: Signed, cursor: str = "") -> Response:
    """One page of campaigns, newest first, with what has become of each one's renders."""
    require(visitor.account, "view")
    found = page_of_campaigns(brand_id=visitor.account.brand_id, cursor=cursor)
    with reading() as session:
        courses = courses_of(session, [row.id for row in found.page.rows])
    return page(
        request,
        "campaigns.html",
        visitor=visitor,
        found=found.page,
        courses=courses,
        numbers={campaign_id: numbers(counts) for campaign_id, counts in found.counts.items()},
        views={name: view.words for name, view in VIEWS.items()},
        address=lambda cursor="": f"/campaigns?cursor={cursor}" if cursor else "/campaigns",
        is_first=not cursor,
    )


@router.get("/campaigns/{campaign_id}")
def one(
    request: Request,
    visitor: Signed,
    campaign_id: str,
    retried: Annotated[int | None, Query(ge=0, le=1_000_000)] = None,
    left: Annotated[str, Query(max_length=3)] = "",
) -> Response:
    """``retried``, ``left``: what came of the last form that tried a cause again."""
    require(visitor.account, "view")
    row = get_campaign(campaign_id, brand_id=visitor.account.brand_id)
    return show(request, visitor, row, retried=retried, left=left == "yes")


def show(
    request: Request,
    visitor: Visitor,
    row: CampaignRow,
    values: dict[str, str] | None = None,
    problem: GreenroomError | None = None,
    *,
    retried: int | None = None,
    left: bool = False,
    tags: Mapping[str, str] | None = None,
) -> Response:
    """The page of one campaign. ``values``, ``tags``: what was typed into a form that is refused for ``problem``."""
    with reading() as session:
        persona = session.get_one(PersonaRow, row.persona_id)
        stopped = causes_of(session, row.id)
        found = progress_of(session, row)
        linked = tags_of(session, row.id) if tags is None else tags
        course = course_of(session, row.id)
        asked = asked_of(session, row)
    return page(
        request,
        "campaign.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        row=row,
        persona=persona,
        values=values or {},
        problem=problem,
        numbers=numbers(found.counts),
        progress=look_of(found),
        views={name: view.words for name, view in VIEWS.items()},
        course=course,
        asked=asked,
        has_page=asked is not None and persona_has_account(row.brand_id, asked.persona_id),
        lists=lists_of(row.id) if visitor.may("make") else [],
        list_states=LIST_STATES,
        stopped=stopped,
        retried=retried,
        left=left,
        tags=linked,
        tags_typed=tags is not None,
        tag_names=NAMES,
    )


@router.post("/campaigns/{campaign_id}/pause")
def pause_it(request: Request, visitor: Sent, campaign_id: str, reason: Reason = "") -> Response:
    return _steered(request, visitor, campaign_id, pause, reason)


@router.post("/campaigns/{campaign_id}/resume")
def resume_it(request: Request, visitor: Sent, campaign_id: str, reason: Reason = "") -> Response:
    return _steered(request, visitor, campaign_id, resume, reason)


@router.post("/campaigns/{campaign_id}/cancel")
def cancel_it(
    request: Request,
    visitor: Sent,
    campaign_id: str,
    reason: Reason = "",
    sure: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """For good; so it asks whether somebody is sure."""
    return _steered(request, visitor, campaign_id, cancel if sure == "yes" else _unsure, reason)


def _unsure(campaign_id: str, **_: str) -> None:
    raise InputError(
        "nothing was cancelled: nobody said that they are sure", where="sure", next_step="tick the box"
    )


def _steered(
    request: Request, visitor: Visitor, campaign_id: str, steer: Callable[..., None], reason: str
) -> Response:
    require(visitor.account, "make")
    row = get_campaign(campaign_id, brand_id=visitor.account.brand_id)
    try:
        steer(row.id, brand_id=row.brand_id, actor=visitor.account.id, reason=reason)
    except GreenroomError as problem:
        return show(request, visitor, row, problem=problem)
    return RedirectResponse(f"/campaigns/{row.id}", status_code=303)


@router.post("/campaigns/{campaign_id}/renders")
async def ask(request: Request, visitor: Signed, campaign_id: str) -> Response:
    """The fields of a form are the template's, so they are read here and checked by the campaign's schema."""
    require(visitor.account, "make")
    sent = await sent_fields(request, visitor)
    row = get_campaign(campaign_id, brand_id=visitor.account.brand_id)
    try:
        render = request_render(
            campaign_id, typed(row.field_schema, sent), brand_id=row.brand_id, maker_id=visitor.account.id
        )
    except GreenroomError as problem:
        return show(request, visitor, row, sent, problem)  # what was typed stays in the form
    return RedirectResponse(f"/renders/{render.id}", status_code=303)

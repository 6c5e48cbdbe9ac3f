"""Further tries of what stopped, how a campaign gets on, its tags, and its links as a file."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from core.database import reading
from delivery.tags import set_tags
from pipeline.again import make_again, retry_cause
from pipeline.causes import causes_of
from pipeline.progress import progress_of
from pipeline.service import get_campaign
from pipeline.states import State
from review_ui.api.caller import Viewer
from review_ui.api.documents import CHANGES, NAMED, V1, Asked
from review_ui.api.once import Made, Released, once
from review_ui.api.renders import RenderItem, item_of
from review_ui.pages.links import as_file
from review_ui.progress import document
from review_ui.rendering import site_of

router = APIRouter(prefix=V1, tags=["sending"])


class Again(Asked):
    """``fields`` of a made video, ``script`` of an import; what is left out stays as it was."""

    fields: dict[str, str | int | float] | None = Field(None, max_length=60)
    script: str | None = Field(None, max_length=15_000)


class CauseItem(BaseModel):
    """Renders that stopped in one state for one reason. ``more``: there are more than ``number``."""

    state: State
    cause: str
    number: int
    more: bool
    newest: list[str]


class Stopped(BaseModel):
    """What stopped in a campaign and was not made again."""

    causes: list[CauseItem]


class Cause(Asked):
    """One cause, or all of them where it is empty."""

    cause: str = Field("", max_length=60, pattern=r"^[\w.-]*$", description="As `stopped` names it.")


class RetriedCause(BaseModel):
    """``left``: some of the cause are left; call again for them."""

    retried: int
    left: bool


class Tags(Asked):
    """What is appended to the address of a link; empty: nothing."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"utm_source": "newsletter"}]})

    utm_source: str = Field("", max_length=100)
    utm_medium: str = Field("", max_length=100)
    utm_campaign: str = Field("", max_length=100)
    utm_term: str = Field("", max_length=100)
    utm_content: str = Field("", max_length=100)


class Progress(BaseModel):
    """How a campaign gets on. ``making`` are not done yet; ``stages`` says what they wait for or are in. ``ahead`` of
    them stand up to 50 of the brand's videos; ``seconds_left`` is null where it cannot be told."""

    counts: dict[State, int]
    total: int
    done: int
    making: int
    stages: dict[str, int]
    working: int
    ahead: int
    seconds_left: int | None


@router.post("/renders/{render_id}/again", response_model=RenderItem, responses=CHANGES)
async def again(call: Made, render_id: str, asked: Again | None = None) -> Response:
    """A new render in the place of one that failed, was blocked or was rejected. The same call again answers with the
    first new render."""
    who, changed = call.caller, asked or Again()

    def act() -> RenderItem:
        row = make_again(
            render_id,
            brand_id=who.brand_id,
            maker_id=who.maker_id,
            fields=changed.fields,
            script=changed.script,
        )
        return item_of(row)

    return await once(call, changed.model_dump(), lambda: run_in_threadpool(act))


@router.get("/campaigns/{campaign_id}/stopped", responses=NAMED)
def stopped(caller: Viewer, campaign_id: str) -> Stopped:
    """What stopped in a campaign and was not made again, by cause."""
    row = get_campaign(campaign_id, brand_id=caller.brand_id)
    with reading() as session:
        found = causes_of(session, row.id)
    items = [
        CauseItem(
            state=cause.state,
            cause=cause.code,
            number=cause.number,
            more=cause.more,
            newest=[one.id for one in cause.examples],
        )
        for cause in found
    ]
    return Stopped(causes=items)


@router.post("/campaigns/{campaign_id}/retry", response_model=RetriedCause, responses=CHANGES)
async def retry_failed(call: Made, campaign_id: str, asked: Cause | None = None) -> Response:
    """Another try for a campaign's renders that failed for one cause, the oldest first, at most 500 a call."""
    who, cause = call.caller, asked.cause if asked is not None else ""

    def act() -> RetriedCause:
        done = retry_cause(campaign_id, cause, brand_id=who.brand_id, actor_id=who.actor_id)
        return RetriedCause(retried=done.renders, left=done.left)

    return await once(call, cause, lambda: run_in_threadpool(act))


@router.post(
    "/campaigns/{campaign_id}/links",
    responses={**CHANGES, 200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    response_class=Response,
)
def links(request: Request, call: Released, campaign_id: str) -> Response:
    """A link for each released video of a campaign, as CSV: links that go on, new ones, or why there is none. Asked
    again it names the links that go on, and makes no second ones."""
    return as_file(campaign_id, call.caller.brand_id, call.caller.actor_id, site_of(request))


@router.post("/campaigns/{campaign_id}/tags", response_model=Tags, responses=CHANGES)
async def tag(call: Released, campaign_id: str, asked: Tags | None = None) -> Response:
    """The tags that are appended to the address of every link of a campaign; what is left out is taken away."""
    who, wanted = call.caller, asked.model_dump() if asked is not None else {}

    def act() -> Tags:
        return Tags(**set_tags(campaign_id, wanted, brand_id=who.brand_id, actor_id=who.actor_id))

    return await once(call, wanted, lambda: run_in_threadpool(act))


@router.get("/campaigns/{campaign_id}/progress", response_model=Progress, responses=NAMED)
def progress(caller: Viewer, campaign_id: str) -> dict[str, Any]:
    """How a campaign gets on at this moment."""
    row = get_campaign(campaign_id, brand_id=caller.brand_id)
    with reading() as session:
        return document(progress_of(session, row))

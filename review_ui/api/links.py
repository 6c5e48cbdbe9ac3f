"""Links to a released render: made, listed, taken back."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from delivery import links as of_renders
from delivery.links import LONGEST_HOURS
from delivery.tables import LinkRow
from review_ui.api.caller import Releaser
from review_ui.api.documents import CHANGES, NAMED, V1
from review_ui.api.once import Released, once
from review_ui.rendering import site_of

router = APIRouter(prefix=V1, tags=["links"])


class NewLink(BaseModel):
    """How long the link works, in hours; null: as this installation has it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"hours": 48}]})

    hours: float | None = Field(None, gt=0, le=LONGEST_HOURS)


class Link(BaseModel):
    """A link. Whoever has its address sees the video, for as long as the link works and the video may be served."""

    link: str
    render: str
    address: str
    expires_at: datetime
    revoked_at: datetime | None
    created_at: datetime


class Links(BaseModel):
    """The newest two hundred links of a render, newest first."""

    links: list[Link]


@router.get("/renders/{render_id}/links", responses=NAMED)
def links(request: Request, caller: Releaser, render_id: str) -> Links:
    """The links of a render, to whoever may release it: each opens the video."""
    found = of_renders.list_links(render_id, brand_id=caller.brand_id)
    return Links(links=[_document(row, site_of(request)) for row in found])


@router.post("/renders/{render_id}/links", status_code=201, response_model=Link, responses=CHANGES)
async def new_link(request: Request, call: Released, render_id: str, new: NewLink) -> Response:
    """A new link to a released render."""
    who = call.caller

    def act() -> Link:
        row = of_renders.new_link(render_id, brand_id=who.brand_id, made_by=who.actor_id, hours=new.hours)
        return _document(row, site_of(request))

    return await once(call, new.model_dump(), lambda: run_in_threadpool(act), status=201)


@router.post("/renders/{render_id}/links/{link_id}/revoke", response_model=Link, responses=CHANGES)
async def end_link(request: Request, call: Released, render_id: str, link_id: str) -> Response:
    """Take one link back; the render and its other links stay."""
    who = call.caller

    def act() -> Link:
        row = of_renders.revoke_link(
            link_id, brand_id=who.brand_id, actor_id=who.actor_id, render_id=render_id
        )
        return _document(row, site_of(request))

    return await once(call, None, lambda: run_in_threadpool(act))


def _document(row: LinkRow, site: str) -> Link:
    return Link(
        link=row.id,
        render=row.render_id,
        address=f"{site}/v/{of_renders.token_of(row)}",
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        created_at=row.created_at,
    )

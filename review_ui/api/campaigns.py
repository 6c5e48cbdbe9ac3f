"""Personas that a brand can use, its campaigns, and requests for videos: one by one or in batches."""

from __future__ import annotations

import hashlib
import io
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from core.database import reading
from core.errors import InputError
from pipeline.batch import submit
from pipeline.campaign_spec import CampaignSpec
from pipeline.counts import Counts, counts_of_campaigns
from pipeline.course import Course, course_of, courses_of
from pipeline.lists import page_of_personas
from pipeline.paging import MOST_ROWS, PAGE_ROWS
from pipeline.recipients import Format
from pipeline.service import create_campaign, get_campaign, page_of_campaigns, request_render
from pipeline.states import State
from pipeline.tables import CampaignRow
from review_ui.api.caller import Viewer
from review_ui.api.documents import CHANGES, CLOSED, NAMED, V1
from review_ui.api.once import Made, once
from review_ui.api.renders import RenderItem, item_of
from review_ui.bodies import BATCH_BYTES, TooLarge

router = APIRouter(prefix=V1, tags=["campaigns"])

BATCH_ROWS = 5_000  # of one call: it answers within a minute
FORMATS: dict[str, Format] = {
    "text/csv": "csv",
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
}

Cursor = Annotated[str, Query(max_length=200, description="`next` or `previous` of another page.")]
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows of a page.")]


class PersonaItem(BaseModel):
    """Who can appear in the brand's videos."""

    persona: str
    name: str
    authority: str
    created_at: datetime


class PersonaPage(BaseModel):
    """A page of personas, oldest first."""

    personas: list[PersonaItem]
    next: str | None
    previous: str | None


class NewCampaign(CampaignSpec):
    """A campaign's file, as JSON, and the persona that appears in it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "persona": "per_YOURS",
                    "name": "Spring tea",
                    "template": "Hello {{ first_name }}, your tea is ready.",
                    "fields": {
                        "type": "object",
                        "properties": {"first_name": {"type": "string", "format": "name"}},
                        "required": ["first_name"],
                    },
                    "topic": "food",
                    "territory": "in",
                }
            ]
        }
    )

    persona: str = Field(max_length=40, description="Who appears: `GET /api/v1/personas`.")


class Campaign(BaseModel):
    """A campaign, which is never edited, its course, and how many of its renders are in each state."""

    campaign: str
    name: str
    persona: str
    template: str
    fields: dict[str, Any] = Field(description="JSON Schema of the template's fields.")
    territory: str
    channel: str
    language: str
    topic: str
    risk_class: str
    rule_pack: str
    label_profile: str
    release_on_approval: bool
    created_at: datetime
    course: Course
    renders: dict[State, int]


class CampaignPage(BaseModel):
    """A page of campaigns, newest first."""

    campaigns: list[Campaign]
    next: str | None
    previous: str | None


class NewRender(BaseModel):
    """One personalised video: a value for each field of the campaign's schema."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"fields": {"first_name": "Asha"}}]}
    )

    fields: dict[str, str | int | float] = Field(max_length=60)
    supersedes: str | None = Field(None, max_length=40, description="The render that this one replaces.")


class BatchError(BaseModel):
    """Why one row was refused, or why the batch ended (then ``row`` is null)."""

    row: int | None = None
    code: str
    what: str
    where: str
    next: str


class Batch(BaseModel):
    """What came of a batch of recipients: each row is made, blocked, known or refused."""

    rows: int
    made: int
    blocked: int
    known: int
    refused: int
    errors: list[BatchError]
    stopped: BatchError | None


@router.get("/personas", responses=CLOSED)
def personas(caller: Viewer, cursor: Cursor = "", limit: Limit = PAGE_ROWS) -> PersonaPage:
    """The brand's personas, page by page."""
    with reading() as session:
        page = page_of_personas(session, brand_id=caller.brand_id, cursor=cursor, limit=limit)
    items = [
        PersonaItem(persona=row.id, name=row.name, authority=row.authority_id, created_at=row.created_at)
        for row in page.rows
    ]
    return PersonaPage(personas=items, next=page.next, previous=page.previous)


@router.get("/campaigns", responses=CLOSED)
def campaigns(caller: Viewer, cursor: Cursor = "", limit: Limit = PAGE_ROWS) -> CampaignPage:
    """The brand's campaigns, page by page."""
    found = page_of_campaigns(brand_id=caller.brand_id, cursor=cursor, limit=limit)
    with reading() as session:
        courses = courses_of(session, [row.id for row in found.page.rows])
    items = [
        _document(row, found.counts[row.id], courses.get(row.id, Course.RUNNING)) for row in found.page.rows
    ]
    return CampaignPage(campaigns=items, next=found.page.next, previous=found.page.previous)


@router.get("/campaigns/{campaign_id}", responses=NAMED)
def one_campaign(caller: Viewer, campaign_id: str) -> Campaign:
    """One campaign."""
    return shown(get_campaign(campaign_id, brand_id=caller.brand_id))


@router.post("/campaigns", status_code=201, response_model=Campaign, responses=CHANGES)
async def make_campaign(call: Made, new: NewCampaign) -> Response:
    """A new campaign. Nothing is made yet: recipients come next."""
    brand_id = call.caller.brand_id
    spec = CampaignSpec(**new.model_dump(exclude={"persona"}))

    def make() -> Campaign:
        return shown(create_campaign(brand_id=brand_id, persona_id=new.persona, spec=spec))

    return await once(call, new.model_dump(mode="json"), lambda: run_in_threadpool(make), status=201)


@router.post(
    "/campaigns/{campaign_id}/renders", status_code=201, response_model=RenderItem, responses=CHANGES
)
async def make_render(call: Made, campaign_id: str, new: NewRender) -> Response:
    """Ask for one video. The answer is `scripted`, or `blocked` with the reason's code: trust steps 1 to 3 are done."""
    who = call.caller

    def make() -> RenderItem:
        row = request_render(
            campaign_id,
            dict(new.fields),
            brand_id=who.brand_id,
            maker_id=who.maker_id,
            supersedes=new.supersedes,
        )
        return item_of(row)

    return await once(call, new.model_dump(mode="json"), lambda: run_in_threadpool(make), status=201)


@router.post(
    "/campaigns/{campaign_id}/recipients",
    response_model=Batch,
    responses=CHANGES,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": {"type": "string"}} for kind in FORMATS},
        }
    },
)
async def submit_recipients(
    request: Request,
    call: Made,
    campaign_id: str,
    key: Annotated[
        str, Query(description="The batch's own; the same rows again under it make nothing twice.")
    ] = "",
    first: Annotated[int, Query(ge=1, le=10_000_000, description="Number of the part's first row.")] = 1,
) -> Response:
    """One video for each row of a CSV or of JSON lines, at most 5,000 a call. A batch comes in parts: the same key, and
    in `first` the number of the part's first row. The same part again makes nothing twice."""
    who, form = call.caller, form_of(request)
    body = await _body(request)

    def make() -> Batch:
        report = submit(
            campaign_id,
            io.BytesIO(body),
            form,
            key=key,
            brand_id=who.brand_id,
            maker_id=who.maker_id,
            first=first,
        )
        return Batch.model_validate(report.as_dict())

    said = [form, key, first, hashlib.sha256(body).hexdigest()]
    return await once(call, said, lambda: run_in_threadpool(make))


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > BATCH_BYTES or body.count(b"\n") > BATCH_ROWS + 1:
            raise TooLarge(
                f"a part of a batch has at most {BATCH_ROWS:,} rows and {BATCH_BYTES / 1e6:g} MB",
                next_step="send it in parts, each with the number of its first row",
            )
    return bytes(body)


def form_of(request: Request) -> Format:
    """What a list of recipients is, by its ``Content-Type``. Raises InputError."""
    form = FORMATS.get(request.headers.get("content-type", "").partition(";")[0].strip().lower())
    if form is None:
        raise InputError(
            "recipients come as CSV or as JSON lines",
            where="content-type",
            next_step=f"send one of: {', '.join(FORMATS)}",
        )
    return form


def shown(row: CampaignRow) -> Campaign:
    """A campaign as it is told, with the numbers of this moment."""
    with reading() as session:
        return _document(row, counts_of_campaigns(session, [row.id])[row.id], course_of(session, row.id))


def _document(row: CampaignRow, counts: Counts, course: Course) -> Campaign:
    return Campaign(
        campaign=row.id,
        name=row.name,
        persona=row.persona_id,
        template=row.template,
        fields=row.field_schema,
        territory=row.territory,
        channel=row.channel,
        language=row.language,
        topic=row.topic,
        risk_class=row.risk_class,
        rule_pack=row.rule_pack,
        label_profile=row.label_profile,
        release_on_approval=row.release_on_approval,
        created_at=row.created_at,
        course=course,
        renders={State(state): number for state, number in counts.items()},
    )

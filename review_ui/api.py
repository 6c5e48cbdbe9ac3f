"""The public API, version 1. Documents are those of the command line; errors are one shape everywhere."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from core.errors import InputError
from pipeline.batch import submit
from pipeline.lists import Order
from pipeline.models import Analysis
from pipeline.paging import MOST_ROWS, PAGE_ROWS
from pipeline.recipients import Format
from pipeline.service import list_renders
from pipeline.states import State
from pipeline.tables import RenderRow
from review_ui.accounts import require
from review_ui.bodies import BATCH_BYTES, TooLarge
from review_ui.child import run_child
from review_ui.security import ApiAccount
from review_ui.uploads import Unreadable, kept

router = APIRouter(prefix="/api/v1", tags=["v1"])

BATCH_ROWS = 5_000  # of one call: it answers within a minute
FORMATS: dict[str, Format] = {
    "text/csv": "csv",
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
}


class ErrorBody(BaseModel):
    code: str
    what: str
    where: str
    next: str


class ErrorDocument(BaseModel):
    """Every error: what happened, where, what to do next."""

    error: ErrorBody


class Verification(BaseModel):
    """Is this file what it claims to be?"""

    verdict: str
    sentence: str
    trusted: bool
    release: str
    credential: dict[str, Any]
    watermark: dict[str, Any]
    system: dict[str, Any]
    problems: list[dict[str, Any]]


class RenderItem(BaseModel):
    """One render of a list: where it stands, and nothing about the recipient."""

    render: str
    campaign: str
    supersedes: str | None
    state: State
    verdict: str | None
    reason: str | None
    seconds: float | None
    sealed_sha256: str | None
    published_sha256: str | None
    created_at: datetime
    changed_at: datetime


class RenderPage(BaseModel):
    """A page of a list. ``total``: how many renders the whole list holds; cursors are null where nothing follows."""

    renders: list[RenderItem]
    total: int
    next: str | None
    previous: str | None


class Batch(BaseModel):
    """What came of a batch of recipients: each row is made, blocked, known or refused."""

    rows: int
    made: int
    blocked: int
    known: int
    refused: int
    errors: list[dict[str, Any]]
    stopped: dict[str, Any] | None


_ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"model": ErrorDocument} for code in (400, 408, 413, 422, 429, 500, 503)
}
CLOSED = _ERRORS | {code: {"model": ErrorDocument} for code in (401, 403)}
NAMED = CLOSED | {code: {"model": ErrorDocument} for code in (404, 409)}


@router.post("/analyze_video", response_model=Analysis, responses=CLOSED)
async def analyze_video(account: ApiAccount, file: UploadFile) -> dict[str, Any]:
    """Measure a video: quality, authenticity, lip sync, provenance. The upload is deleted after the answer."""
    require(account, "view")
    async with kept(file) as path:
        return await run_child("analyze", path)


@router.post("/verify", response_model=Verification, responses=_ERRORS)
async def verify_video(file: UploadFile) -> dict[str, Any]:
    """Check a video's credential, mark and release. Open to everyone; the upload is deleted after the answer.

    A file that cannot be read is answered as an error, as everywhere: 422, with the reason's code.
    """
    async with kept(file) as path:
        report = await run_child("verify", path)
    if report["verdict"] == "unreadable":
        raise Unreadable(report)
    return report


@router.get(
    "/renders",
    response_model=RenderPage,
    responses=NAMED,
)
def renders(
    account: ApiAccount,
    *,
    state: Annotated[list[State], Query(max_length=len(State))] = [],  # noqa: B006 - FastAPI copies it
    campaign: Annotated[str, Query(max_length=40, pattern=r"^\w*$")] = "",
    order: Order = "oldest",
    cursor: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = PAGE_ROWS,
) -> RenderPage:
    """The brand's renders, page by page: follow `next` and each that stays in the list comes once."""
    require(account, "view")
    found = list_renders(
        brand_id=account.brand_id,
        states=state,
        campaign_id=campaign,
        order=order,
        cursor=cursor,
        limit=limit,
    )
    items = [item_of(row) for row in found.page.rows]
    return RenderPage(renders=items, total=found.total, next=found.page.next, previous=found.page.previous)


def item_of(row: RenderRow) -> RenderItem:
    return RenderItem(
        render=row.id,
        campaign=row.campaign_id,
        supersedes=row.supersedes,
        state=State(row.state),
        verdict=row.verdict,
        reason=(row.reason or {}).get("code"),
        seconds=row.seconds,
        sealed_sha256=row.sealed_sha256,
        published_sha256=row.published_sha256,
        created_at=row.created_at,
        changed_at=row.changed_at,
    )


@router.post(
    "/campaigns/{campaign_id}/recipients",
    response_model=Batch,
    responses=NAMED,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": {"type": "string"}} for kind in FORMATS},
        }
    },
)
async def submit_recipients(
    request: Request,
    account: ApiAccount,
    campaign_id: str,
    key: str = "",
    first: int = Query(default=1, ge=1, le=10_000_000),
) -> dict[str, Any]:
    """One video for each row of a CSV or of JSON lines, at most 5,000 a call. A batch comes in parts: the same key, and
    in ``first`` the number of the part's first row. The same part again makes nothing twice."""
    require(account, "make")
    form = FORMATS.get(request.headers.get("content-type", "").partition(";")[0].strip().lower())
    if form is None:
        raise InputError(
            "recipients come as CSV or as JSON lines",
            where="content-type",
            next_step=f"send one of: {', '.join(FORMATS)}",
        )
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > BATCH_BYTES or body.count(b"\n") > BATCH_ROWS + 1:
            raise TooLarge(
                f"a part of a batch has at most {BATCH_ROWS:,} rows and {BATCH_BYTES / 1e6:g} MB",
                next_step="send it in parts, each with the number of its first row",
            )
    report = await run_in_threadpool(
        submit,
        campaign_id,
        io.BytesIO(body),
        form,
        key=key,
        brand_id=account.brand_id,
        maker_id=account.id,
        first=first,
    )
    return report.as_dict()

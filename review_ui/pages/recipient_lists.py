"""Lists of recipients: one is sent in and tried, its verdicts are looked at, and it is started."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, RedirectResponse, Response

from core.database import reading
from core.errors import GreenroomError, NotFound
from pipeline.course import course_of
from pipeline.recipient_lists import (
    discard,
    first_verdicts,
    get_list,
    receive,
    start,
    verdicts_path,
    videos_of,
)
from pipeline.recipients import Format
from pipeline.service import get_campaign
from pipeline.tables import RecipientListRow
from provenance.judgement import text
from review_ui.accounts import require
from review_ui.pages.campaigns import show
from review_ui.rendering import page
from review_ui.security import Sent, Signed, Visitor
from review_ui.uploads import kept

router = APIRouter(prefix="/campaigns/{campaign_id}/lists")

KIND_WORDS = {
    "ready": "would be made",
    "flagged": "would be made, and a reviewer is told",
    "blocked": "blocked by a rule or the authority",
    "refused": "cannot be used",
    "suppressed": "on the suppression list",
    "known": "entered before",
    "over": "past the authority's number of videos",
}


@router.post("")
async def send(request: Request, visitor: Sent, campaign_id: str, file: UploadFile | None = None) -> Response:
    """A list comes in, and its trial begins; or the campaign's page again, with what is wrong with the file."""
    require(visitor.account, "make")
    brand_id = visitor.account.brand_id
    campaign = await run_in_threadpool(get_campaign, campaign_id, brand_id=brand_id)
    name = text(file.filename if file is not None and file.filename else "")[:80]
    form: Format = "jsonl" if Path(name).suffix.lower() in (".jsonl", ".ndjson") else "csv"
    try:
        async with kept(file) as path:
            row = await run_in_threadpool(
                receive,
                path,
                campaign_id,
                brand_id=brand_id,
                maker_id=visitor.account.id,
                name=name,
                form=form,
            )
    except GreenroomError as problem:
        return await run_in_threadpool(show, request, visitor, campaign, problem=problem)
    return RedirectResponse(_place(row), status_code=303)


@router.get("/{list_id}")
def one(request: Request, visitor: Signed, campaign_id: str, list_id: str) -> Response:
    """How far a list is, what would become of its rows, and why."""
    require(visitor.account, "make")
    return _shown(request, visitor, campaign_id, list_id)


@router.get("/{list_id}/verdicts.csv")
def verdicts(visitor: Signed, campaign_id: str, list_id: str) -> Response:
    """What was said of every row. Raises NotFound once it is forgotten."""
    require(visitor.account, "make")
    row = _row(visitor, campaign_id, list_id)
    path = verdicts_path(row)
    return FileResponse(path, media_type="text/csv; charset=utf-8", filename=f"verdicts-{row.id}.csv")


@router.post("/{list_id}/start")
def begin(request: Request, visitor: Sent, campaign_id: str, list_id: str) -> Response:
    """Each row becomes a render; who presses this is their maker."""
    require(visitor.account, "make")
    row = _row(visitor, campaign_id, list_id)
    try:
        start(row.id, brand_id=row.brand_id, actor=visitor.account.id)
    except GreenroomError as problem:
        return _shown(request, visitor, campaign_id, list_id, problem)
    return RedirectResponse(_place(row), status_code=303)


@router.post("/{list_id}/discard")
def throw_away(request: Request, visitor: Sent, campaign_id: str, list_id: str) -> Response:
    require(visitor.account, "make")
    row = _row(visitor, campaign_id, list_id)
    try:
        discard(row.id, brand_id=row.brand_id)
    except GreenroomError as problem:
        return _shown(request, visitor, campaign_id, list_id, problem)
    return RedirectResponse(_place(row), status_code=303)


def _place(row: RecipientListRow) -> str:
    return f"/campaigns/{row.campaign_id}/lists/{row.id}"


def _row(visitor: Visitor, campaign_id: str, list_id: str) -> RecipientListRow:
    """The list, under the campaign that its address names. Raises NotFound."""
    row = get_list(list_id, brand_id=visitor.account.brand_id)
    if row.campaign_id != campaign_id:
        raise NotFound("no such list of this campaign", where=list_id, next_step="check the address")
    return row


def _shown(
    request: Request, visitor: Visitor, campaign_id: str, list_id: str, problem: GreenroomError | None = None
) -> Response:
    row = _row(visitor, campaign_id, list_id)
    with reading() as session:
        course = course_of(session, campaign_id)
    return page(
        request,
        "recipient_list.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        row=row,
        campaign=get_campaign(campaign_id, brand_id=row.brand_id),
        course=course,
        videos=videos_of(row),
        first=first_verdicts(row) if row.phase == "checked" else [],
        kinds=KIND_WORDS,
        problem=problem,
    )

"""The reviewer's room: the page of one render, where a person decides (trust step 11)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

from anyio import CapacityLimiter
from fastapi import APIRouter, Form, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response
from pydantic import BeforeValidator

from core.blobs import blobs
from core.database import now
from core.errors import GreenroomError, InputError
from delivery import links
from delivery.asked import release_or_ask
from delivery.recall import recall
from delivery.tags import landing, tags_of_render
from delivery.written import one_line_end
from pipeline import shown
from pipeline.annotations import CODES, MOST_WORDS, annotations_of
from pipeline.decision_table import Rule
from pipeline.service import get_render, retry
from pipeline.states import State
from pipeline.tables import AnnotationRow, RenderRow
from review_ui import factors
from review_ui.accounts import require
from review_ui.chosen import chosen_of
from review_ui.evidence import evidence_of
from review_ui.making import in_line
from review_ui.people import names_of
from review_ui.played import coverage, played_proxy, what_is_missing
from review_ui.rendering import page
from review_ui.roles import SENIOR
from review_ui.security import Sent, Signed, Visitor
from review_ui.tries import tries_of
from review_ui.veil import is_veiled

router = APIRouter()

Note = Annotated[str, BeforeValidator(one_line_end), Form(max_length=MOST_WORDS)]
"""What somebody typed. A browser counts a new line as one character against ``maxlength``, and sends two."""


@router.get("/renders/{render_id}")
def one(request: Request, visitor: Signed, render_id: str) -> Response:
    """The page of one render. Looking at it makes and changes nothing."""
    require(visitor.account, "view")
    return show(request, visitor, render_id)


def show(
    request: Request,
    visitor: Visitor,
    render_id: str,
    problem: GreenroomError | None = None,
    *,
    note: str = "",
    why: str = "",
    words: str = "",
    sent: Mapping[str, str] | None = None,
) -> Response:
    """``sent``: what was typed into the form for another try."""
    row = get_render(render_id, brand_id=visitor.account.brand_id)
    evidence = evidence_of(row, reader=visitor.account.id if visitor.may("review") else None)
    is_maker = row.maker_id == visitor.account.id
    decides = row.state == State.IN_REVIEW and visitor.may("review") and not is_maker
    only_by = _alone(visitor, row, evidence.rule)
    notes = annotations_of(row.id, only_by=only_by)
    writers = names_of((one.author_id for one in notes), brand_id=row.brand_id)
    handed_on = next((one for one in notes if one.kind == "handed_on"), None)
    decides = decides and (handed_on is None or is_senior(visitor))
    decides = decides and not evidence.approvals  # one's own: one decision each
    played = coverage(visitor.account.id, row.sealed_sha256 or "") if decides else []
    by_proxy = decides and played_proxy(visitor.account.id, row.sealed_sha256 or "") is not None
    listed = links.list_links(row.id, brand_id=row.brand_id) if visitor.may("release") else []
    tags = tags_of_render(row.id) if listed else {}
    return page(
        request,
        "render.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        row=row,
        evidence=evidence,
        links=[(link, landing(links.token_of(link), tags)) for link in listed],
        missing=what_is_missing(row.seconds, evidence.findings, played, proxy=by_proxy) if decides else None,
        holds=factors.has_factor(visitor.account) if decides else None,
        is_maker=is_maker,
        codes=CODES,
        notes=notes,
        marks=marks_of(notes, writers),
        alone=only_by is not None,
        handed_on=handed_on,
        writers=writers,
        problem=problem,
        note=note,
        why=why,
        words=words,
        covered=is_veiled(row.brand_id),
        kept=chosen_of(request).query,
        tries=tries_of(row, sent),
        now=now(),
    )


def marks_of(notes: Iterable[AnnotationRow], writers: dict[str, str]) -> list[dict[str, Any]]:
    """What the lanes and the picture show of what was written: whatever has seconds or a place."""
    return [
        {
            "t0": one.t0,
            "t1": one.t1,
            "region": one.region,
            "message": f"{writers.get(one.author_id, '')}: {one.words or CODES.get(one.code, '')}",
        }
        for one in notes
        if one.t0 is not None or one.region is not None
    ]


def _alone(visitor: Visitor, row: RenderRow, rule: Rule) -> str | None:
    """Whose notes alone this visitor sees: while two people have to decide, each sees their own."""
    blind = row.state == State.IN_REVIEW and rule.people > 1 and row.maker_id != visitor.account.id
    return visitor.account.id if blind and visitor.may("review") else None


def is_senior(visitor: Visitor) -> bool:
    """Whether this is somebody who decides over what reviewers hand on."""
    return visitor.account.role in SENIOR


@router.get("/renders/{render_id}/video")
def video(visitor: Signed, render_id: str) -> Response:
    """The file in review, to accounts of the brand only. Not a door: nothing else can fetch it."""
    require(visitor.account, "view")
    row = get_render(render_id, brand_id=visitor.account.brand_id)
    return FileResponse(
        blobs().get_file(shown.looked_at(row)),
        media_type="video/mp4",
        headers={"cache-control": "private, no-store"},
    )


_PICTURES, _AXES = CapacityLimiter(4), CapacityLimiter(4)
"""Threads in which they are made, or waited for."""


@router.get("/renders/{render_id}/poster.jpg")
async def poster(visitor: Signed, render_id: str) -> Response:
    """A small picture of that file, with its label, to whom the file goes. Raises Busy."""
    row = await run_in_threadpool(_viewed, visitor, render_id)
    return Response(await in_line(_PICTURES, lambda: shown.picture(row)), media_type="image/jpeg")


@router.get("/renders/{render_id}/axis")
async def axis(visitor: Signed, render_id: str) -> dict[str, Any]:
    """When each frame of that file is shown: ``first / base`` seconds, and then in ``steps`` of (ticks, how often).

    ``peaks``: how loud it is, 0 to 100, in equal parts of ``duration`` seconds. Raises Busy.
    """
    row = await run_in_threadpool(_viewed, visitor, render_id)
    found = await in_line(_AXES, lambda: shown.axis(row))
    return {
        "base": found.frames.base,
        "first": int(found.frames.ticks[0]),
        "steps": found.frames.runs(),
        "duration": found.duration,
        "peaks": found.peaks,
    }


def _viewed(visitor: Visitor, render_id: str) -> RenderRow:
    require(visitor.account, "view")
    return get_render(render_id, brand_id=visitor.account.brand_id)


def act_on(
    request: Request, visitor: Visitor, render_id: str, act: Callable[[], object], **typed: Any
) -> Response:
    """Do it and show the page; where it is refused the page says why, and keeps what was typed (a ``note`` of a
    decision, ``why`` of a recall, ``words`` on the video). A script is answered with the
    render's state, or with the error as JSON.
    """
    by_script = request.headers.get("accept") == "application/json"
    try:
        act()
    except GreenroomError as problem:
        if by_script:
            raise
        return show(request, visitor, render_id, problem, **typed)
    if by_script:
        return JSONResponse({"state": get_render(render_id, brand_id=visitor.account.brand_id).state})
    return RedirectResponse(f"/renders/{render_id}{chosen_of(request).query}", status_code=303)


@router.post("/renders/{render_id}/release")
def release_it(request: Request, visitor: Sent, render_id: str) -> Response:
    require(visitor.account, "release")
    who = visitor.account
    return act_on(
        request, visitor, render_id, lambda: release_or_ask(render_id, brand_id=who.brand_id, actor_id=who.id)
    )


@router.post("/renders/{render_id}/recall")
def recall_it(
    request: Request,
    visitor: Sent,
    render_id: str,
    why: Note = "",
    sure: Annotated[str, Form(max_length=3)] = "",
) -> Response:
    """For good, so that it is confirmed beside its reason."""
    require(visitor.account, "release")
    who = visitor.account

    def act() -> None:
        if sure != "yes":
            raise InputError(
                "a recall is for good and was not confirmed",
                where="sure",
                next_step="tick the box, then recall it",
            )
        recall(render_id, brand_id=who.brand_id, actor_id=who.id, reason=why)

    return act_on(request, visitor, render_id, act, why=why)


@router.post("/renders/{render_id}/links")
def make_link(request: Request, visitor: Sent, render_id: str) -> Response:
    require(visitor.account, "release")
    who = visitor.account
    return act_on(
        request,
        visitor,
        render_id,
        lambda: links.make_link(render_id, brand_id=who.brand_id, made_by=who.id),
    )


@router.post("/renders/{render_id}/links/{link_id}/revoke")
def revoke_link(request: Request, visitor: Sent, render_id: str, link_id: str) -> Response:
    require(visitor.account, "release")
    who = visitor.account
    return act_on(
        request,
        visitor,
        render_id,
        lambda: links.revoke_link(link_id, brand_id=who.brand_id, actor_id=who.id, render_id=render_id),
    )


@router.post("/renders/{render_id}/retry")
def retry_it(request: Request, visitor: Sent, render_id: str) -> Response:
    require(visitor.account, "make")
    return act_on(
        request,
        visitor,
        render_id,
        lambda: retry(render_id, brand_id=visitor.account.brand_id, actor_id=visitor.account.id),
    )

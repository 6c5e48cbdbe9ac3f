"""The reviewer's room: the page of one render, where a person decides (trust step 11)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response

from core.blobs import blobs
from core.database import now
from core.errors import GreenroomError, InputError, NotFound
from delivery import links
from delivery.asked import release_or_ask
from delivery.recall import recall
from delivery.tags import landing, tags_of_render
from pipeline.annotations import CODES, annotations_of
from pipeline.service import get_render, retry
from pipeline.states import State
from review_ui import factors
from review_ui.accounts import require
from review_ui.evidence import evidence_of
from review_ui.people import names_of
from review_ui.played import coverage, what_is_missing
from review_ui.rendering import page
from review_ui.roles import SENIOR
from review_ui.security import Sent, Signed, Visitor
from review_ui.tries import tries_of

router = APIRouter()

Note = Annotated[str, Form(max_length=2000)]


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
    sent: Mapping[str, str] | None = None,
) -> Response:
    """``sent``: what was typed into the form for another try."""
    row = get_render(render_id, brand_id=visitor.account.brand_id)
    evidence = evidence_of(row, reader=visitor.account.id if visitor.may("review") else None)
    is_maker = row.maker_id == visitor.account.id
    decides = row.state == State.IN_REVIEW and visitor.may("review") and not is_maker
    notes = annotations_of(row.id)
    handed_on = next((one for one in notes if one.kind == "handed_on"), None)
    decides = decides and (handed_on is None or is_senior(visitor))
    decides = decides and not evidence.approvals  # one's own: one decision each
    played = coverage(visitor.account.id, row.sealed_sha256 or "") if decides else []
    shown = links.list_links(row.id, brand_id=row.brand_id) if visitor.may("release") else []
    tags = tags_of_render(row.id) if shown else {}
    return page(
        request,
        "render.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        row=row,
        evidence=evidence,
        links=[(link, landing(links.token_of(link), tags)) for link in shown],
        missing=what_is_missing(row.seconds, evidence.findings, played) if decides else None,
        holds=factors.has_factor(visitor.account) if decides else None,
        is_maker=is_maker,
        codes=CODES,
        notes=notes,
        handed_on=handed_on,
        writers=names_of((one.author_id for one in notes), brand_id=row.brand_id),
        problem=problem,
        note=note,
        why=why,
        tries=tries_of(row, sent),
        now=now(),
    )


def is_senior(visitor: Visitor) -> bool:
    """Whether this is somebody who decides over what reviewers hand on."""
    return visitor.account.role in SENIOR


@router.get("/renders/{render_id}/video")
def video(visitor: Signed, render_id: str) -> Response:
    """The file in review, to accounts of the brand only. Not a door: nothing else can fetch it."""
    require(visitor.account, "view")
    row = get_render(render_id, brand_id=visitor.account.brand_id)
    digest = row.sealed_sha256 or row.examined_sha256
    if digest is None:
        raise NotFound("this render has no video yet", where=render_id, next_step="wait until it is encoded")
    return FileResponse(
        blobs().get_file(digest), media_type="video/mp4", headers={"cache-control": "private, no-store"}
    )


def act_on(
    request: Request, visitor: Visitor, render_id: str, act: Callable[[], object], **typed: str
) -> Response:
    """Do it and show the page; where it is refused the page says why, and keeps what was typed (a ``note``, or ``why``
    of a recall). A script is answered with the render's state, or with the error as JSON.
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
    return RedirectResponse(f"/renders/{render_id}", status_code=303)


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
        lambda: links.revoke_link(link_id, brand_id=who.brand_id, actor_id=who.id),
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

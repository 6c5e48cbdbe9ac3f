"""The reviewer's rooms: the queue, and the page of one render where a person decides (trust step 11)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from core.blobs import blobs
from core.errors import InputError, NotFound
from delivery.links import make_link
from delivery.recall import recall
from delivery.release import release
from pipeline import review
from pipeline.service import get_render, list_renders, retry
from pipeline.states import State
from review_ui.accounts import require
from review_ui.evidence import evidence_of
from review_ui.rendering import page
from review_ui.security import Sent, Signed

router = APIRouter()

VIEWS: dict[str, tuple[State, ...]] = {
    "review": (State.IN_REVIEW,),
    "working": (State.DRAFT, State.SCRIPTED, State.VOICED, State.ENCODED, State.EXAMINED, State.SEALED),
    "stopped": (State.BLOCKED, State.FAILED, State.REJECTED),
    "released": (State.APPROVED, State.RELEASED, State.RECALLED),
    "all": (),
}


@router.get("/")
def queue(request: Request, visitor: Signed, view: str = "review") -> Response:
    """Oldest first; flagged ones are marked by shape, colour and word."""
    require(visitor.account, "view")
    if view not in VIEWS:
        raise NotFound("there is no such view", next_step="choose one above the list")
    brand = visitor.account.brand_id
    counts = {name: len(list_renders(brand_id=brand, states=states)) for name, states in VIEWS.items()}
    rows = list_renders(brand_id=brand, states=VIEWS[view])
    return page(request, "queue.html", visitor=visitor, rows=rows, view=view, counts=counts)


@router.get("/renders/{render_id}")
def one(request: Request, visitor: Signed, render_id: str) -> Response:
    require(visitor.account, "view")
    row = get_render(render_id, brand_id=visitor.account.brand_id)
    link = None
    if row.state == State.RELEASED:
        link = f"/v/{make_link(row.id, brand_id=row.brand_id)}"
    return page(
        request,
        "render.html",
        visitor=visitor,
        row=row,
        evidence=evidence_of(row),
        link=link,
        is_maker=row.maker_id == visitor.account.id,
    )


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


@router.post("/renders/{render_id}/approve")
def approve(
    visitor: Sent,
    render_id: str,
    asset: Annotated[str, Form()],
    note: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    require(visitor.account, "review")
    review.approve(
        render_id,
        brand_id=visitor.account.brand_id,
        reviewer_id=visitor.account.id,
        sealed_sha256=asset,
        note=note,
    )
    return _back(render_id)


@router.post("/renders/{render_id}/reject")
def reject(
    visitor: Sent,
    render_id: str,
    asset: Annotated[str, Form()],
    note: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    require(visitor.account, "review")
    if not note.strip():
        raise InputError(
            "a rejection needs a reason",
            where="reason",
            next_step="go back, say in a sentence what is wrong, and reject again",
        )
    review.reject(
        render_id,
        brand_id=visitor.account.brand_id,
        reviewer_id=visitor.account.id,
        sealed_sha256=asset,
        reason=note,
    )
    return _back(render_id)


@router.post("/renders/{render_id}/release")
def release_it(visitor: Sent, render_id: str) -> Response:
    require(visitor.account, "release")
    release(render_id, brand_id=visitor.account.brand_id, actor_id=visitor.account.id)
    return _back(render_id)


@router.post("/renders/{render_id}/recall")
def recall_it(visitor: Sent, render_id: str, note: Annotated[str, Form(max_length=2000)] = "") -> Response:
    require(visitor.account, "release")
    recall(render_id, brand_id=visitor.account.brand_id, actor_id=visitor.account.id, reason=note)
    return _back(render_id)


@router.post("/renders/{render_id}/retry")
def retry_it(visitor: Sent, render_id: str) -> Response:
    require(visitor.account, "make")
    retry(render_id, brand_id=visitor.account.brand_id)
    return _back(render_id)


def _back(render_id: str) -> Response:
    return RedirectResponse(f"/renders/{render_id}", status_code=303)

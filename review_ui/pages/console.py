"""The reviewer's room: the page of one render, where a person decides (trust step 11)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from core.blobs import blobs
from core.database import now
from core.errors import GreenroomError, InputError, NotFound
from delivery import links
from delivery.asked import release_or_ask
from delivery.recall import recall
from pipeline import review
from pipeline.service import get_render, retry
from pipeline.states import State
from review_ui import factors
from review_ui.accounts import require
from review_ui.evidence import evidence_of
from review_ui.pages.player import ranges_of_form
from review_ui.played import coverage, report_with_decision, what_is_missing
from review_ui.rendering import page
from review_ui.security import Sent, Signed, Visitor

router = APIRouter()

Note = Annotated[str, Form(max_length=2000)]
Played = Annotated[str, Form(max_length=8000)]


@router.get("/renders/{render_id}")
def one(request: Request, visitor: Signed, render_id: str) -> Response:
    """The page of one render. Looking at it makes and changes nothing."""
    require(visitor.account, "view")
    return _show(request, visitor, render_id)


def _show(
    request: Request,
    visitor: Visitor,
    render_id: str,
    problem: GreenroomError | None = None,
    note: str = "",
) -> Response:
    row = get_render(render_id, brand_id=visitor.account.brand_id)
    evidence = evidence_of(row, reader=visitor.account.id if visitor.may("review") else None)
    is_maker = row.maker_id == visitor.account.id
    decides = row.state == State.IN_REVIEW and visitor.may("review") and not is_maker
    played = coverage(visitor.account.id, row.sealed_sha256 or "") if decides else []
    shown = links.list_links(row.id, brand_id=row.brand_id) if visitor.may("release") else []
    return page(
        request,
        "render.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        row=row,
        evidence=evidence,
        links=[(link, f"/v/{links.token_of(link)}") for link in shown],
        missing=what_is_missing(row.seconds, evidence.findings, played) if decides else None,
        holds=factors.has_factor(visitor.account) if decides else None,
        is_maker=is_maker,
        problem=problem,
        note=note,
        now=now(),
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


def _act(
    request: Request, visitor: Visitor, render_id: str, act: Callable[[], object], note: str = ""
) -> Response:
    """Do it and show the page; where it is refused the page says why, and keeps what was typed."""
    try:
        act()
    except GreenroomError as problem:
        return _show(request, visitor, render_id, problem, note)
    return RedirectResponse(f"/renders/{render_id}", status_code=303)


@router.post("/renders/{render_id}/approve")
def approve(
    *,
    request: Request,
    visitor: Sent,
    render_id: str,
    asset: Annotated[str, Form()],
    note: Note = "",
    played: Played = "",
    passkey: Annotated[str, Form(max_length=20_000)] = "",
    totp: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Whether it was seen follows from what the player reported; whether that is enough says ``pipeline.review``."""
    require(visitor.account, "review")
    account = visitor.account

    def act() -> None:
        report_with_decision(render_id, ranges_of_form(played), account=account)
        factor = factors.prove(
            account,
            purpose="approve",
            subject=factors.decision_subject(render_id, asset, "approve"),
            passkey_json=passkey,
            totp=totp,
        )
        review.approve(
            render_id,
            brand_id=account.brand_id,
            reviewer_id=account.id,
            sealed_sha256=asset,
            note=note,
            played=coverage(account.id, asset),
            factor=factor,
        )

    return _act(request, visitor, render_id, act, note)


@router.post("/renders/{render_id}/reject")
def reject(
    *,
    request: Request,
    visitor: Sent,
    render_id: str,
    asset: Annotated[str, Form()],
    note: Note = "",
    played: Played = "",
) -> Response:
    require(visitor.account, "review")
    account = visitor.account

    def act() -> None:
        if not note.strip():
            raise InputError(
                "a rejection needs a reason", where="reason", next_step="say in a sentence what is wrong"
            )
        report_with_decision(render_id, ranges_of_form(played), account=account)
        review.reject(
            render_id,
            brand_id=account.brand_id,
            reviewer_id=account.id,
            sealed_sha256=asset,
            reason=note,
            played=coverage(account.id, asset),
        )

    return _act(request, visitor, render_id, act, note)


@router.post("/renders/{render_id}/release")
def release_it(request: Request, visitor: Sent, render_id: str) -> Response:
    require(visitor.account, "release")
    who = visitor.account
    return _act(
        request, visitor, render_id, lambda: release_or_ask(render_id, brand_id=who.brand_id, actor_id=who.id)
    )


@router.post("/renders/{render_id}/recall")
def recall_it(request: Request, visitor: Sent, render_id: str, why: Note = "") -> Response:
    require(visitor.account, "release")
    who = visitor.account

    def act() -> None:
        recall(render_id, brand_id=who.brand_id, actor_id=who.id, reason=why)

    return _act(request, visitor, render_id, act)


@router.post("/renders/{render_id}/links")
def make_link(request: Request, visitor: Sent, render_id: str) -> Response:
    require(visitor.account, "release")
    who = visitor.account
    return _act(
        request,
        visitor,
        render_id,
        lambda: links.make_link(render_id, brand_id=who.brand_id, made_by=who.id),
    )


@router.post("/renders/{render_id}/links/{link_id}/revoke")
def revoke_link(request: Request, visitor: Sent, render_id: str, link_id: str) -> Response:
    require(visitor.account, "release")
    who = visitor.account
    return _act(
        request,
        visitor,
        render_id,
        lambda: links.revoke_link(link_id, brand_id=who.brand_id, actor_id=who.id),
    )


@router.post("/renders/{render_id}/retry")
def retry_it(request: Request, visitor: Sent, render_id: str) -> Response:
    require(visitor.account, "make")
    return _act(request, visitor, render_id, lambda: retry(render_id, brand_id=visitor.account.brand_id))

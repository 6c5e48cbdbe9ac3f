"""What a link leads to (trust step 13): a released video on its brand's page, poster, captions and a form for reports.

Everything under a link is asked for at the same door, and refused in the same words: nothing of it is kept by a cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from anyio import CapacityLimiter
from fastapi import APIRouter, Form, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from core.errors import GreenroomError, NotFound
from delivery.links import open_link, still_serves
from delivery.reports import HOURS, MOST_CONTACT, MOST_WORDS, checked, report
from delivery.watching import captions, kept_poster, poster, watched
from review_ui.making import in_line
from review_ui.rates import count_report, retry_headers
from review_ui.rendering import page, problem_answer, wants_json
from review_ui.security import address_of
from review_ui.serving import NO_STORE, GuardedFile

router = APIRouter()

# Why a link that was good leads nowhere now. Everything else is one answer.
TAKEN_BACK = {
    "link_withdrawn": "This video was withdrawn by the person who appears in it.",
    "link_recalled": "This video was recalled by its publisher.",
}
KINDS = {
    "not_me": "This shows me, and I did not agree to it",
    "wrong_label": "It is not marked as AI-generated, or marked wrongly",
    "other": "Something else is wrong",
}


_POSTERS = CapacityLimiter(4)
"""Threads in which posters are made, or waited for: their own, so that no other page and no recall waits for one."""


def _answered(request: Request, make: Callable[[], Response]) -> Response:
    """What a link answers, or why there is nothing: a page, or the one shape of errors for a program."""
    try:
        shown = make()
    except NotFound as gone:
        shown = _nothing(request, gone)
    shown.headers.update(NO_STORE)
    return shown


def _nothing(request: Request, gone: NotFound) -> Response:
    said = TAKEN_BACK.get(gone.code)
    gone.http_status = 410 if said else 404
    if wants_json(request):
        return problem_answer(gone)
    return page(request, "gone.html", status=gone.http_status, said=said)


@router.get("/v/{token}")
def watch(request: Request, token: str) -> Response:
    return _answered(
        request, lambda: page(request, "watch.html", token=token, video=watched(token), kinds=KINDS)
    )


@router.get("/v/{token}/video.mp4")
def video(request: Request, token: str) -> Response:
    """The published file, range requests included, for as long as it may be served."""
    return _answered(request, lambda: GuardedFile(open_link(token)[1], may_serve=lambda: still_serves(token)))


@router.get("/v/{token}/poster.jpg")
async def picture(request: Request, token: str) -> Response:
    """Raises Busy at once where so many are being made already."""
    try:
        made = await run_in_threadpool(kept_poster, token)
        if made is None:
            made = await in_line(_POSTERS, lambda: poster(token))
        shown = Response(made, media_type="image/jpeg")
    except NotFound as gone:
        shown = _nothing(request, gone)
    shown.headers.update(NO_STORE)
    return shown


@router.get("/v/{token}/captions.vtt")
def words(request: Request, token: str) -> Response:
    return _answered(request, lambda: Response(captions(token), media_type="text/vtt"))


@router.get("/v/{token}/report")
def ask(request: Request, token: str) -> Response:
    return _answered(request, lambda: _form(request, token))


@router.post("/v/{token}/report")
def tell(
    request: Request,
    token: str,
    kind: Annotated[str, Form()] = "",
    words: Annotated[str, Form()] = "",
    contact: Annotated[str, Form()] = "",
) -> Response:
    """Open a case. A form that is refused, for whatever reason, comes back with what was typed."""

    def opened() -> Response:
        shown = watched(token)
        try:
            checked(kind, words, contact)  # a slip of the hand is not counted
            count_report(address_of(request))
            due_at = report(token, kind, words=words, contact=contact)
        except NotFound:
            raise
        except GreenroomError as problem:
            if wants_json(request):
                raise
            said = {"kind": kind, "words": words, "contact": contact}
            return _form(request, token, problem=problem, said=said)
        hours = HOURS[kind]  # type: ignore[index]
        return page(request, "reported.html", token=token, video=shown, hours=hours, due_at=due_at)

    return _answered(request, opened)


def _form(
    request: Request, token: str, *, problem: GreenroomError | None = None, said: dict[str, str] | None = None
) -> Response:
    """The form, with what was typed where it could not be taken."""
    shown = page(
        request,
        "report.html",
        status=problem.http_status if problem is not None else 200,
        token=token,
        video=watched(token),
        kinds=KINDS,
        problem=problem,
        said=said or {"kind": "", "words": "", "contact": ""},
        most_words=MOST_WORDS,
        most_contact=MOST_CONTACT,
    )
    shown.headers.update(retry_headers(problem) if problem is not None else {})
    return shown

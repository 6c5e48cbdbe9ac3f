"""What anyone can open: the verifier, and the links to released videos (trust step 13)."""

from __future__ import annotations

from fastapi import APIRouter, Request, UploadFile
from fastapi.responses import Response

from core.errors import GreenroomError, NotFound
from delivery.links import open_link, still_serves
from review_ui.child import run_child
from review_ui.rendering import page
from review_ui.serving import NO_STORE, GuardedFile
from review_ui.uploads import kept

router = APIRouter()

# Why a link that was good leads nowhere now: what it says, and the status. Everything else is one answer.
TAKEN_BACK = {
    "link_withdrawn": "This video was withdrawn by the person who appears in it.",
    "link_recalled": "This video was recalled by its publisher.",
}


@router.get("/verify")
def ask(request: Request) -> Response:
    return page(request, "verify.html", report=None, problem=None)


@router.post("/verify")
async def answer(request: Request, file: UploadFile | None = None) -> Response:
    """The verdict in plain words; the upload is deleted with the answer."""
    try:
        async with kept(file) as path:
            report = await run_child("verify", path)
    except GreenroomError as problem:
        return page(request, "verify.html", status=problem.http_status, report=None, problem=problem)
    return page(request, "verify.html", report=report, problem=None)


@router.get("/v/{token}")
def watch(request: Request, token: str) -> Response:
    """The page around a released video. Neither it nor its refusal is kept by any cache."""
    try:
        render, _ = open_link(token)
    except NotFound as gone:
        said = TAKEN_BACK.get(gone.code)
        shown = page(request, "gone.html", status=410 if said else 404, said=said)
    else:
        shown = page(request, "watch.html", token=token, seconds=render.seconds)
    shown.headers.update(NO_STORE)
    return shown


@router.get("/v/{token}/video.mp4")
def video(token: str) -> Response:
    """The published file, range requests included, for as long as it may be served."""
    try:
        _, path = open_link(token)
    except NotFound as gone:
        status = 410 if gone.code in TAKEN_BACK else 404
        return Response("There is no video here.", status, NO_STORE, "text/plain")
    return GuardedFile(path, may_serve=lambda: still_serves(token))

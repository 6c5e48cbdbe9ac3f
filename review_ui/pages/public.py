"""What anyone can open: the verifier, and the links to released videos (trust step 13)."""

from __future__ import annotations

from fastapi import APIRouter, Request, UploadFile
from fastapi.responses import FileResponse, Response

from core.errors import GreenroomError
from delivery.links import open_link
from review_ui.child import run_child
from review_ui.rendering import page
from review_ui.uploads import kept

router = APIRouter()


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
    render, _ = open_link(token)
    return page(request, "watch.html", token=token, seconds=render.seconds)


@router.get("/v/{token}/video.mp4")
def video(token: str) -> Response:
    """The published file, range requests included; 404 the moment it is not released any more."""
    _, path = open_link(token)
    return FileResponse(path, media_type="video/mp4", headers={"cache-control": "private, max-age=60"})

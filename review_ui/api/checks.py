"""Checks of one file: what is measured in it, and whether it is what it claims to be. No file outlives its answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Header, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, RootModel

from core.canonical import digest_file
from core.errors import InputError
from pipeline.models import Analysis
from review_ui.api import jobs
from review_ui.api.documents import CLOSED, MEASURES, V1
from review_ui.api.measuring import Task, measure
from review_ui.api.once import Open, Posted, PostedByAnybody, Watched, once
from review_ui.api.verification import Verification
from review_ui.child import check_room
from review_ui.fetching import LONGEST_URL, checked
from review_ui.security import SignInNeeded
from review_ui.uploads import kept, room_for

router = APIRouter(prefix=V1, tags=["checks"])

VideoUrl = Annotated[
    str,
    Form(
        max_length=LONGEST_URL,
        description="Instead of a file: an https address that anybody can open. It is fetched once, from the public "
        "internet alone, without redirects.",
    ),
]
Prefer = Annotated[
    str,
    Header(
        max_length=200,
        description="`respond-async`: answer at once with 202 and a job, whose `at` has the answer later.",
    ),
]

_LATER: dict[int | str, dict[str, Any]] = {202: {"model": jobs.Job, "description": "A job: ask at its `at`."}}


@router.post("/analyze_video", response_model=Analysis, responses=CLOSED | MEASURES | _LATER)
async def analyze_video(
    call: Watched, file: UploadFile | None = None, video_url: VideoUrl = "", prefer: Prefer = ""
) -> Response:
    """Measure a video: quality, authenticity, lip sync, provenance. It is deleted after the answer."""
    return await _checked(
        call, "analyze", file=file, video_url=video_url, prefer=prefer,
        document=RootModel[Analysis].model_validate,
    )  # fmt: skip


@router.post(
    "/verify",
    response_model=Verification,
    responses=MEASURES | _LATER,
    openapi_extra={"security": [{}]},  # beside the ways to say who one is: none
)
async def verify_video(
    call: Open, file: UploadFile | None = None, video_url: VideoUrl = "", prefer: Prefer = ""
) -> Response:
    """Check a video's credential, mark and release. Open to everyone; a `video_url` and a job need a key.

    A file that cannot be read is answered as an error, as everywhere: 422, with the reason's code.
    """
    if video_url and call.caller is None:
        raise SignInNeeded("an address is fetched for callers with a key alone", next_step="send the file")
    return await _checked(
        call, "verify", file=file, video_url=video_url, prefer=prefer,
        document=Verification.model_validate,
    )  # fmt: skip


async def _checked(
    call: Posted | PostedByAnybody,
    task: Task,
    *,
    file: UploadFile | None,
    video_url: str,
    prefer: str,
    document: Callable[[Any], BaseModel],
) -> Response:
    """Both checks: the file or its address, the answer at once or a job."""
    if bool(video_url) == (file is not None and bool(file.filename)):
        raise InputError(
            "a check takes one video: a file, or an address" if video_url else "no file was sent",
            where="file",
            next_step="send `file` or `video_url`",
            code="no_file",
        )
    async with AsyncExitStack() as keeping:
        if video_url:
            path = keeping.enter_context(room_for(Path(checked(video_url).path).name))
        else:
            path = await keeping.enter_async_context(kept(file))
        said: dict[str, Any] = {"video_url": video_url}
        if call.key and not video_url:
            said = {"sha256": await run_in_threadpool(digest_file, path)}
        caller = call.caller
        if caller is None or not asks_for_a_job(prefer):

            async def at_once() -> BaseModel:
                return document(await measure(task, path, video_url))

            return await once(call, said, at_once)

        async def later() -> BaseModel:
            check_room(task)
            return await jobs.start(caller, task, path, video_url)

        answer = await once(call, said | {"prefer": "respond-async"}, later, status=202)
        answer.headers["preference-applied"] = "respond-async"
        answer.headers["retry-after"] = "2"
        return answer


def asks_for_a_job(prefer: str) -> bool:
    """Whether a ``Prefer`` header (RFC 7240) names ``respond-async``, among others or alone."""
    return any(part.partition(";")[0].strip().lower() == "respond-async" for part in prefer.split(","))

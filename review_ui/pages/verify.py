"""The public verifier: a file in, a verdict in words out; the file is deleted with the answer.

A browser with script is told what happens meanwhile, as JSON documents, one a line; one without waits for the page.
Both get the same words, from the same template, under the same statuses.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from core.errors import GreenroomError
from core.settings import get_settings
from provenance.judgement import text
from review_ui.answers import TITLES, answer_of
from review_ui.child import run_child, steps
from review_ui.rendering import fragment, page, site_of, wants_json
from review_ui.security import Visitor, seen
from review_ui.uploads import UNREADABLE, kept
from review_ui.verdict_links import read_shared, share

router = APIRouter()

LINES = "application/x-ndjson"


@router.get("/verify")
def ask(request: Request) -> Response:
    return _shown(request, seen(request))


@router.post("/verify")
async def answer(request: Request, file: UploadFile | None = None) -> Response:
    """The verdict in plain words."""
    name = text(file.filename if file is not None else "")[:80]
    async with AsyncExitStack() as keeping:
        try:
            path = await keeping.enter_async_context(kept(file))
            if request.headers.get("accept") == LINES:
                return _Told(request, path, name, keeping.pop_all())
            report = await run_child("show", path)
        except GreenroomError as problem:
            if wants_json(request):
                raise
            return _shown(request, await run_in_threadpool(seen, request), problem=problem)
    checked = await run_in_threadpool(_checked, request, report, name)
    return _shown(request, await run_in_threadpool(seen, request), checked=checked, status=_status(report))


@router.get("/verify/said/{token}")
def said(request: Request, token: str) -> Response:
    """A verdict that somebody passed on, as far as it holds now. Raises NotFound."""
    shared = read_shared(token)
    return page(request, "said.html", visitor=seen(request), shared=shared, title=TITLES[shared.verdict])


def _shown(
    request: Request,
    visitor: Visitor | None,
    *,
    checked: dict[str, Any] | None = None,
    problem: GreenroomError | None = None,
    status: int = 200,
) -> Response:
    return page(
        request,
        "verify.html",
        status=problem.http_status if problem is not None else status,
        visitor=visitor,
        checked=checked,
        problem=problem,
        most_bytes=get_settings().web.upload_max_bytes,
    )


class _Told(StreamingResponse):
    """The steps of a check as they happen, and at the end ``{"status", "html"}``: the answer as the page has it.

    The status of the stream itself says only that the upload arrived.
    """

    def __init__(self, request: Request, path: Path, name: str, keeping: AsyncExitStack) -> None:
        super().__init__(self._lines(request, path, name), media_type=LINES)
        self._keeping = keeping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._keeping:
            await super().__call__(scope, receive, send)

    async def _lines(self, request: Request, path: Path, name: str) -> AsyncIterator[str]:
        report: dict[str, Any] = {}
        try:
            async with aclosing(steps("show", path)) as told:
                async for report in told:
                    if "verdict" not in report:
                        yield f"{json.dumps(report)}\n"
        except GreenroomError as problem:
            html = fragment(request, "problem_box.html", problem=problem)
            yield f"{json.dumps({'status': problem.http_status, 'html': html})}\n"
            return
        checked = await run_in_threadpool(_checked, request, report, name)
        html = fragment(request, "answer.html", checked=checked)
        yield f"{json.dumps({'status': _status(report), 'html': html})}\n"


def _checked(request: Request, report: dict[str, Any], name: str) -> dict[str, Any]:
    """What the answer's template shows."""
    token = share(report, report["sha256"])
    return {
        "answer": answer_of(report),
        "name": name,
        "picture": report["picture"],
        "sha256": report["sha256"],
        "share": f"{site_of(request)}/verify/said/{token}" if token else "",
    }


def _status(report: dict[str, Any]) -> int:
    """A file that is no readable video is the same fault at every address that takes one."""
    return UNREADABLE if report["verdict"] == "unreadable" else 200

"""The web application: console, public verifier, delivery links, API. One factory, no state of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from core import logs
from core.errors import GreenroomError, InputError, NotFound
from core.metrics import serve
from delivery.collector import offer
from review_ui import api, api_sending, api_webhooks, metrics, uploads
from review_ui.access import Access
from review_ui.bodies import FORM_LIMITS, Bodies
from review_ui.heads import Heads
from review_ui.pages import (
    account,
    again,
    authorities,
    begin,
    brand_page,
    brands,
    campaigns,
    console,
    decisions,
    links,
    people,
    player,
    progress,
    public,
    queue,
    reports,
    signin,
    suppressions,
    verify,
    webhooks,
)
from review_ui.rates import retry_headers
from review_ui.refusals import back_to, render_of, who
from review_ui.rendering import page, problem_answer, wants_json
from review_ui.security import HEADERS, SignInNeeded, Walls
from review_ui.sessions import forget_expired

STATIC = Path(__file__).parent / "static"
FORGET_SECONDS = 600.0

log = logging.getLogger("greenroom.web")


def make_app() -> FastAPI:
    """The application. ``uvicorn review_ui.app:make_app --factory``."""
    app = FastAPI(
        title="Greenroom",
        version="1",
        summary="QA and provenance for synthetic video.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # the bundled viewers load scripts from elsewhere
        redoc_url=None,
        lifespan=_housekeeping,
        redirect_slashes=False,  # it would send people to whatever host they say that they asked
        form_limits=FORM_LIMITS,
    )
    # The last one added is the outermost.
    app.add_middleware(Heads)
    app.add_middleware(Bodies, answer=_on_error)
    app.add_middleware(Walls, answer=_on_error)
    app.add_middleware(Access)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.include_router(api.router)
    app.include_router(api_sending.router)
    app.include_router(api_webhooks.router)
    staff = (
        begin,
        signin,
        account,
        people,
        brands,
        queue,
        console,
        again,
        decisions,
        player,
        campaigns,
        progress,
        links,
        suppressions,
        webhooks,
        authorities,
    )
    for module in (*staff, reports, brand_page, verify, public, metrics):
        app.include_router(module.router, include_in_schema=False)
    app.add_exception_handler(GreenroomError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_crash)
    return app


@asynccontextmanager
async def _housekeeping(_app: FastAPI) -> AsyncIterator[None]:
    """While the application runs, sessions and challenges that are over are deleted beside the requests, and so are
    uploads that a killed process left behind."""
    logs.set_up("web")
    offer(database=False)
    serve("web")
    task = asyncio.create_task(_forget_now_and_then())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _forget_now_and_then() -> None:
    await run_in_threadpool(uploads.sweep)
    while True:
        await asyncio.sleep(FORGET_SECONDS)
        try:
            await run_in_threadpool(uploads.sweep)
            await run_in_threadpool(forget_expired)
        except Exception:  # the next round tries again; no request may suffer
            log.exception("what is over could not be deleted")


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, GreenroomError)
    headers = retry_headers(error)
    if wants_json(request):
        if request.url.path.startswith("/api/") and isinstance(error, SignInNeeded):
            headers["www-authenticate"] = "Basic"
        told = problem_answer(error)
        told.headers.update(headers)
        return told
    if isinstance(error, SignInNeeded):
        return RedirectResponse(f"/sign-in?next={back_to(request)}", status_code=303)
    answer = page(
        request,
        "problem.html",
        status=error.http_status,
        problem=error,
        visitor=await run_in_threadpool(who, request, error),
        render=None if isinstance(error, NotFound) else render_of(request),
    )
    answer.headers.update(headers)
    return answer


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = ", ".join(str(part["loc"][-1]) for part in error.errors()[:5])
    problem = InputError("the request is incomplete or wrong", where=fields, next_step="correct these fields")
    return await _on_error(request, problem)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    problem: GreenroomError = NotFound("there is nothing here", next_step="check the address")
    if error.status_code != 404:
        problem = InputError(str(error.detail), next_step="check the request")
        problem.http_status = error.status_code
    return await _on_error(request, problem)


async def _on_crash(request: Request, error: Exception) -> Response:
    """A defect of ours, in one sentence that tells nothing about it; the log has the rest."""
    problem = GreenroomError("something went wrong here", next_step="try again; the log names the place")
    answer = await _on_error(request, problem)
    answer.headers.update(HEADERS)  # this answer goes past every middleware
    return answer

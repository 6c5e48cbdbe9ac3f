"""The web application: console, public verifier, delivery links, API. One factory, no state of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from review_ui import metrics, uploads
from review_ui.access import Access
from review_ui.api import carrying
from review_ui.api.router import RESOURCES
from review_ui.bodies import FORM_LIMITS, Bodies
from review_ui.heads import Heads
from review_ui.pages import (
    account,
    again,
    appearances,
    authorities,
    begin,
    brand_page,
    brands,
    campaign_editor,
    campaigns,
    console,
    decisions,
    holds,
    imports,
    keys,
    links,
    notes,
    papers,
    people,
    personas,
    player,
    progress,
    proposals,
    proxy,
    public,
    queue,
    recipient_lists,
    record,
    reference,
    reports,
    scripts,
    signin,
    styleguide,
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
    # Routes are tried in this order, and there are two hundred: first what strangers open.
    for module in (public, verify):
        app.include_router(module.router, include_in_schema=False)
    for resource in RESOURCES:
        app.include_router(resource)
    staff = (
        begin,
        signin,
        account,
        keys,
        people,
        brands,
        queue,
        console,
        again,
        decisions,
        notes,
        player,
        campaign_editor,  # before the campaigns: /campaigns/new is no campaign's id
        proxy,
        campaigns,
        recipient_lists,
        imports,
        progress,
        links,
        suppressions,
        webhooks,
        authorities,
        proposals,
        personas,
        appearances,
        scripts,
    )
    legal = (record, holds, papers, reports)
    for module in (*staff, *legal, styleguide, brand_page, reference, metrics):
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
    beside = [asyncio.create_task(_forget_now_and_then()), asyncio.create_task(carrying.look())]
    yield
    for task in beside:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    await carrying.stop()


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
        if request.url.path.startswith("/api/") and error.http_status == 401:
            headers["www-authenticate"] = 'Bearer, Basic realm="Greenroom"'
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
    """What the frameworks refuse, in our words and under the status that the same fault has with us."""
    assert isinstance(error, HTTPException)
    problem: GreenroomError
    if error.status_code == 404:
        problem = NotFound("there is nothing here", next_step="check the address")
    elif error.status_code == 401:  # credentials that are none
        problem = SignInNeeded(
            "these credentials cannot be read", next_step="send an API key: /docs says how"
        )
    elif error.status_code == 405:
        problem = InputError(
            "this address does not do that", next_step="use another method: /docs says which", code="method"
        )
        problem.http_status = 405
    else:  # 400: a body that no parser can read
        problem = InputError(str(error.detail), next_step="check the request")
        problem.http_status = 422 if error.status_code == 400 else error.status_code
    answer = await _on_error(request, problem)
    if allowed := (error.headers or {}).get("Allow"):  # which a 405 has to say (RFC 9110 15.5.6)
        answer.headers["allow"] = allowed
    return answer


async def _on_crash(request: Request, error: Exception) -> Response:
    """A defect of ours, in one sentence that tells nothing about it; the log has the rest."""
    problem = GreenroomError("something went wrong here", next_step="try again; the log names the place")
    answer = await _on_error(request, problem)
    answer.headers.update(HEADERS)  # this answer goes past every middleware
    return answer

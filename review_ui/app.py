"""The web application: console, public verifier, delivery links, API. One factory, no state of its own."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from core.errors import GreenroomError, InputError, NotFound
from review_ui import api
from review_ui.pages import authorities, campaigns, console, player, public, signin
from review_ui.rendering import page
from review_ui.security import SignInNeeded, Walls

STATIC = Path(__file__).parent / "static"


def make_app() -> FastAPI:
    """The application. ``uvicorn review_ui.app:make_app --factory``."""
    app = FastAPI(
        title="Greenroom",
        version="1",
        summary="QA and provenance for synthetic video.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # the bundled viewers load scripts from elsewhere
        redoc_url=None,
    )
    app.add_middleware(Walls, answer=_on_error)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.include_router(api.router)
    for module in (signin, console, player, campaigns, authorities, public):
        app.include_router(module.router, include_in_schema=False)
    app.add_exception_handler(GreenroomError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    return app


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, GreenroomError)
    if request.url.path.startswith("/api/"):
        headers = {"www-authenticate": "Basic"} if isinstance(error, SignInNeeded) else None
        return JSONResponse({"error": error.as_dict()}, status_code=error.http_status, headers=headers)
    if isinstance(error, SignInNeeded):
        target = request.url.path if request.method == "GET" else "/"
        return RedirectResponse(f"/sign-in?next={target}", status_code=303)
    return page(request, "problem.html", status=error.http_status, problem=error)


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

"""The web process: uvicorn with the application and its health.

SIGTERM drains it: it accepts no further connection and finishes the requests that it has; what takes longer than
``GREENROOM_PIPELINE_DRAIN_SECONDS`` is cut off.
"""

from __future__ import annotations

import uvicorn
from fastapi import FastAPI

from core.settings import get_settings
from greenroom.schema import standing
from review_ui.app import make_app as make_pages
from review_ui.health import NotReady, health_routes


def make_app() -> FastAPI:
    """The application with ``/health`` and ``/ready``. ``uvicorn greenroom.web:make_app --factory``."""
    app = make_pages()
    app.include_router(health_routes(schema=_check_tables))
    return app


def _check_tables() -> None:
    if standing() in ("empty", "behind"):
        raise NotReady("database_behind")


def main() -> None:
    """Serve until SIGTERM."""
    settings = get_settings()
    uvicorn.run(
        "greenroom.web:make_app",
        factory=True,
        host=settings.web.host,
        port=settings.web.port,
        log_config=None,  # greenroom/observing.py
        access_log=False,  # review_ui/access.py
        server_header=False,
        timeout_graceful_shutdown=max(1, round(settings.pipeline.drain_seconds)),
    )

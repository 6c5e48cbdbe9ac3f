"""The web process: uvicorn with the application and its health.

SIGTERM drains it: it accepts no further connection and finishes the requests that it has; what takes longer than
``GREENROOM_PIPELINE_DRAIN_SECONDS`` is cut off.
"""

from __future__ import annotations

import errno
import socket

import uvicorn
from fastapi import FastAPI

from core.errors import GreenroomError
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


class AddressTaken(GreenroomError):
    """Another program listens there, or this machine has no such address."""

    code = "address_taken"


def check_free(host: str, port: int) -> None:
    """Raises :class:`AddressTaken` where the web process could not listen. Nothing is left open."""
    try:
        family, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.setsockopt(
                socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
            )  # as uvicorn does: no wait after an end
            tried.bind((place[0], port, *place[2:]))  # getaddrinfo cuts a port that there is not
    except (OSError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        raise AddressTaken(
            f"another program listens at {host}:{port}" if taken else f"it cannot listen at {host}:{port}",
            where="GREENROOM_WEB_HOST, GREENROOM_WEB_PORT",
            next_step="end that program (another `greenroom up`?), or set GREENROOM_WEB_PORT to a free port",
        ) from error


def main() -> None:
    """Serve until SIGTERM. Raises :class:`AddressTaken`."""
    settings = get_settings()
    check_free(settings.web.host, settings.web.port)
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

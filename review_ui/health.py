"""``/health`` and ``/ready``: what a load balancer and a supervisor ask the web process.

``/health``: the process answers; where it does not, only a restart helps. ``/ready``: it has what a request needs: the
database with tables that this code works on, the blob store, and the keys that this process uses. Codes only: whoever
may ask learns no name, no address and no secret.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from audit import keys
from core.blobs import blobs
from core.errors import GreenroomError
from core.secrets import derived_key
from core.settings import get_settings

log = logging.getLogger("greenroom.web")

KEPT_SECONDS = {"database": 1.0, "blobs": 5.0, "keys": 60.0}
"""A good answer holds this long, a bad one a second: whoever asks often makes nobody else be asked more often."""
_BAD_SECONDS = 1.0

_NO_BLOB = "0" * 64
_PROBE = b"greenroom: is this key usable?"  # no document: a decision is a JSON object
_NO_STORE = {"cache-control": "no-store"}


class NotReady(GreenroomError):
    """Something that a request needs is not there. ``code`` says what."""

    http_status = 503
    retryable = True

    def __init__(self, code: str) -> None:
        super().__init__("this process is not ready", code=code)


Check = Callable[[], object]
"""Returns, or raises NotReady with its own code; whatever else it raises counts under the check's name."""


def health_routes(schema: Check) -> APIRouter:
    """Both routes. ``schema`` asks the database and compares its tables with what the code needs."""
    readiness = Readiness({"database": schema, "blobs": _blobs, "keys": _keys})
    router = APIRouter(include_in_schema=False)

    @router.get("/health")
    def health() -> JSONResponse:
        return JSONResponse({"alive": True}, headers=_NO_STORE)

    @router.get("/ready")
    def ready() -> JSONResponse:
        codes = readiness.codes()
        answer: dict[str, Any] = {"ready": not codes, "codes": codes}
        return JSONResponse(answer, status_code=503 if codes else 200, headers=_NO_STORE)

    return router


class Readiness:
    """The checks by name, each asked by one thread at a time and at most once in a while (``KEPT_SECONDS``)."""

    def __init__(self, checks: dict[str, Check]) -> None:
        self._checks = checks
        self._lock = threading.Lock()
        self._answers: dict[str, tuple[float, str]] = {}  # until when, and the code

    def codes(self) -> list[str]:
        """Why this process is not ready; empty when it is."""
        with self._lock:
            return [code for name in self._checks if (code := self._answer(name))]

    def _answer(self, name: str) -> str:
        until, code = self._answers.get(name, (0.0, ""))
        if time.monotonic() >= until:
            code = _code(name, self._checks[name])
            kept = min(_BAD_SECONDS, KEPT_SECONDS[name]) if code else KEPT_SECONDS[name]
            self._answers[name] = (time.monotonic() + kept, code)
        return code


def _code(name: str, check: Check) -> str:
    try:
        check()
    except NotReady as error:
        return error.code
    except Exception as error:
        # The message may hold an address with a password: the kind of error is enough here.
        log.warning("not ready: %s (%s)", name, type(error).__name__)
        return f"{name}_away" if name != "keys" else "keys_unusable"
    return ""


def _blobs() -> None:
    # Nothing has that name: what counts is that the store says so.
    blobs().exists(_NO_BLOB, "sealed")


def _keys() -> None:
    """What the web signs and verifies with: links and sessions, decisions, and the public halves of the others."""
    derived_key("links")
    for name in keys.NAMES:
        keys.known_key_id(name)
    if keys.known_key_id(keys.APPROVALS) is not None:
        keys.sign(keys.APPROVALS, _PROBE)
    elif get_settings().environment == "production":
        raise NotReady("approvals_key_missing")

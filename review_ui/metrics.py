"""``/metrics`` of the web application: for programs on this machine, or whoever has the token. To others there is
nothing here.

In production a token is asked for: behind a proxy on this machine everybody seems to be on it.
"""

from __future__ import annotations

import ipaddress
import secrets

from fastapi import APIRouter, Request
from fastapi.responses import Response

from core.errors import NotFound
from core.metrics import CONTENT_TYPE, page
from core.settings import get_settings

router = APIRouter()

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """The numbers of this one process."""
    if not _may_read(request):
        raise NotFound("there is nothing here", next_step="check the address")
    return Response(page(), headers={"content-type": CONTENT_TYPE, "cache-control": "no-store"})


def _may_read(request: Request) -> bool:
    settings = get_settings()
    token = settings.metrics.token.get_secret_value().strip()
    if token:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and secrets.compare_digest(given.strip().encode(), token.encode())
    return settings.environment != "production" and _local(request)


def _local(request: Request) -> bool:
    if any(name in request.headers for name in _FORWARDED):
        return False  # a proxy asks for somebody else
    try:
        return ipaddress.ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        return False

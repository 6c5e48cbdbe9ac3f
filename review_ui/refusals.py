"""What an error page needs to lead on: who is signed in, and where they came from."""

from __future__ import annotations

import re
from urllib.parse import quote

from fastapi import Request

from core.errors import GreenroomError
from review_ui.security import Visitor, seen

_RENDER = re.compile(r"/renders/(rnd_\w{1,40})(?:/|\Z)", re.ASCII)


def who(request: Request, error: GreenroomError) -> Visitor | None:
    """Who is signed in: an error page signs nobody out. Not asked where it is we who fail, or where nobody came in."""
    return None if error.http_status >= 500 else seen(request)


def render_of(request: Request) -> str | None:
    """The id of the render that the address is about; None where it is about none."""
    found = _RENDER.match(request.url.path)
    return found[1] if found else None


def back_to(request: Request) -> str:
    """Where to go after signing in, for a query: the page that was asked for, or the one that the form was on."""
    if request.method == "GET":
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return quote(asked, safe="/")
    render = render_of(request)
    return f"/renders/{render}" if render else "/"

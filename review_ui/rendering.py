"""HTML from templates: autoescaped, with the few words and shapes that every page needs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from core.errors import GreenroomError
from core.settings import get_settings

_PROGRAMS = ("application/json", "application/x-ndjson")

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """One page. ``visitor`` is None unless the caller passes it."""
    return HTMLResponse(fragment(request, template, **values), status_code=status)


def fragment(request: Request, template: str, **values: Any) -> str:
    """The markup of a template alone: a part that a page's script puts in its place."""
    values.setdefault("visitor", None)
    return _TEMPLATES.get_template(template).render(
        request=request, demonstration=get_settings().environment != "production", **values
    )


def site_of(request: Request) -> str:
    """Where people open this installation, for a link that is passed on: as it is set up, else as this request came."""
    return get_settings().web.origin or str(request.base_url).rstrip("/")


def wants_json(request: Request) -> bool:
    """Whether a program asks, and not a person's browser: it gets errors in their one shape."""
    return request.url.path.startswith("/api/") or request.headers.get("accept") in _PROGRAMS


def problem_answer(error: GreenroomError) -> JSONResponse:
    """The one shape of errors."""
    return JSONResponse({"error": error.as_dict()}, status_code=error.http_status)


def _data(value: Any) -> Markup:
    """JSON for a data block. ``<`` is escaped, so that no string can end the block (a manifest can hold anything)."""
    text = json.dumps(value).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return Markup(text)  # noqa: S704 - escaped above


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"


def _spans(ranges: Sequence[tuple[float, float]]) -> str:
    """Stretches of seconds in words: 0.0 to 2.5 s, 4.0 to 5.0 s; the first eight."""
    shown = ", ".join(f"{t0:.1f} to {t1:.1f} s" for t0, t1 in ranges[:8])
    return f"{shown} and more" if len(ranges) > 8 else shown


def _words(value: str | None) -> str:
    """A code as words: ``lip_sync`` reads ``lip sync``."""
    return (value or "").replace("_", " ")


def _sentence(text: str) -> str:
    """Words of the house as one sentence: a capital first and a full stop, and nothing else is changed."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def _number(value: int) -> str:
    """A whole number with its thousands apart: 1,234,567."""
    return f"{value:,}"


def _ago(since: datetime, now: datetime) -> str:
    """How long ago, in the unit that a person would say: just now, 5 min ago, 3 h ago, 2 days ago."""
    minutes = max(0, int((now - since).total_seconds() // 60))
    if minutes < 1:
        return "just now"
    if minutes < 120:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days ago"


_TEMPLATES.filters.update(
    data=_data, seconds=_seconds, words=_words, sentence=_sentence, number=_number, ago=_ago, spans=_spans
)

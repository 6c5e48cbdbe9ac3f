"""Where the evidence player tells what it played. JSON in and out, for the page's own script alone."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from core.errors import InputError
from pipeline.findings import findings_of
from pipeline.seen import Range
from pipeline.service import get_render
from review_ui.accounts import require
from review_ui.played import MOST_RANGES, coverage, open_view, played_proxy, report, what_is_missing
from review_ui.security import Visitor, form_visitor, visitor

router = APIRouter()

MOST_BYTES = 8_000

Ranges = Annotated[list[Range], Field(max_length=MOST_RANGES)]


class _Report(BaseModel):
    """The newly played seconds."""

    ranges: Ranges


def script_visitor(request: Request) -> Visitor:
    """The visitor behind a request of the page's script, which carries the form's token in a header."""
    visitor(request)  # a stranger is asked to sign in before anything else is said
    return form_visitor(request, request.headers.get("x-csrf-token", ""))


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > MOST_BYTES:
            raise InputError("this report is too long", where="ranges", next_step="reload the page")
    return bytes(body)


FromScript = Annotated[Visitor, Depends(script_visitor)]


@router.post("/renders/{render_id}/views")
def open_one(visitor: FromScript, render_id: str, proxy: bool = False) -> dict[str, Any]:
    """A view to report on: the same one for the same account and the same sealed bytes.

    ``proxy``: the player plays the proxy, as the browser cannot play the file.
    """
    require(visitor.account, "review")
    view = open_view(render_id, account=visitor.account, by_proxy=proxy)
    return {"view": view, **_state(visitor, render_id)}


@router.post("/renders/{render_id}/views/{view_id}/played")
def played(
    visitor: FromScript, render_id: str, view_id: str, body: Annotated[bytes, Depends(_body)]
) -> dict[str, Any]:
    """Newly played seconds; the answer is what was counted so far, and what is missing for ``seen``."""
    require(visitor.account, "review")
    try:
        sent = _Report.model_validate_json(body).ranges
    except ValidationError as error:
        raise _no_report() from error
    report(render_id, view_id, sent, account=visitor.account)
    return _state(visitor, render_id)


def ranges_of_form(text: str) -> list[Range]:
    """The ranges that a decision's form carries: what the player had not told yet. Empty without script."""
    if not text:
        return []
    try:
        return TypeAdapter(Ranges).validate_json(text)
    except ValidationError as error:
        raise _no_report() from error


def _no_report() -> InputError:
    return InputError("this is no report of a player", where="ranges", next_step="reload the page")


def _state(visitor: Visitor, render_id: str) -> dict[str, Any]:
    row = get_render(render_id, brand_id=visitor.account.brand_id)
    who, sealed = visitor.account.id, row.sealed_sha256 or ""
    by_proxy = played_proxy(who, sealed) is not None
    return what_is_missing(row.seconds, findings_of(row), coverage(who, sealed), proxy=by_proxy).as_dict()

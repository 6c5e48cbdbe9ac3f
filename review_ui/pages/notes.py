"""Where a reviewer writes on a video: on all of it, some seconds, a place of the picture. It decides nothing."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from core.errors import InputError
from pipeline.annotations import Region, write_note
from review_ui.accounts import require
from review_ui.pages.console import Note, act_on
from review_ui.pages.decisions import seconds_of
from review_ui.security import Sent

router = APIRouter()

Typed = Annotated[str, Form(max_length=40)]


@router.post("/renders/{render_id}/notes")
def write(
    *,
    request: Request,
    visitor: Sent,
    render_id: str,
    words: Note = "",
    at: Typed = "",
    left: Typed = "",
    top: Typed = "",
    wide: Typed = "",
    high: Typed = "",
) -> Response:
    """A place is typed in percent of the picture: all four of its numbers, or none."""
    require(visitor.account, "review")
    who = visitor.account

    def act() -> None:
        t0, t1 = seconds_of(at) if at.strip() else (None, None)
        place = _place([left, top, wide, high])
        write_note(render_id, words, brand_id=who.brand_id, author_id=who.id, t0=t0, t1=t1, region=place)

    return act_on(request, visitor, render_id, act, words=words)


def _place(typed: list[str]) -> Region | None:
    if not any(one.strip() for one in typed):
        return None
    try:
        x, y, width, height = (float(one) / 100 for one in typed)
    except ValueError as error:
        raise InputError(
            "a place needs four numbers", where="place", next_step="mark it on the picture, or clear all four"
        ) from error
    return x, y, width, height

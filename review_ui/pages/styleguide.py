"""The tokens and elements that every page is made of, on one page: for whoever builds the next one."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import Response

from pipeline.states import State
from review_ui.rendering import page
from review_ui.security import Signed

router = APIRouter()

TOKENS = Path(__file__).parents[1] / "static" / "tokens.css"
COLOURS = {
    "ink": "text",
    "ink-quiet": "text that explains",
    "ground": "behind everything",
    "panel": "what stands on the ground",
    "raised": "buttons, what stands on a panel",
    "line": "borders and rules",
    "accent": "links, the one main action",
    "accent-ink": "text on the accent",
    "good": "passed, released",
    "warn": "a person has to look",
    "bad": "blocked, refused, for good",
    "idle": "not yet, for information",
}
ELEMENTS = {
    "evidence-player": "a video with its controls, boxes over the picture and lanes on one time axis",
    "decision-manner": "how a decision made now is recorded, as the player counts",
    "campaign-editor": "a campaign's text, with what the rules say of it while one types",
    "verify-form": "an upload to the verifier with its progress",
}


class Token(NamedTuple):
    """A custom property of ``tokens.css``. ``light``: its value there where it has another."""

    name: str
    dark: str
    light: str


@router.get("/styleguide")
def styleguide(request: Request, visitor: Signed) -> Response:
    return page(
        request,
        "styleguide.html",
        visitor=visitor,
        tokens=tokens(),
        colours=COLOURS,
        elements=ELEMENTS,
        states=[state.value for state in State],
        example={"what": "this was refused", "where": "where it happened", "next_step": "say what to do now"},
        address=lambda **_: "/styleguide",
    )


@lru_cache(maxsize=1)
def tokens() -> list[Token]:
    """Every token, in the order of the file."""
    dark, _, light = TOKENS.read_text(encoding="utf-8").partition("@media")
    other = dict(_declared(light))
    return [Token(name, value, other.get(name, "")) for name, value in _declared(dark)]


def _declared(css: str) -> list[tuple[str, str]]:
    return [(name, value.strip()) for name, value in re.findall(r"--([\w-]+):\s*([^;]+);", css)]

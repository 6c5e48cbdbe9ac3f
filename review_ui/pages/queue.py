"""The reviewer's queue: a brand's renders by what has become of them, page by page, and a way to find one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from core.errors import NotFound
from pipeline.counts import Counts
from pipeline.lists import Order
from pipeline.service import find_render, list_renders
from pipeline.states import State
from review_ui.accounts import require
from review_ui.rendering import page
from review_ui.security import Signed

router = APIRouter()


@dataclass(frozen=True)
class View:
    """A tab. ``orders``: those that it offers, the usual one first."""

    words: str
    states: tuple[State, ...]
    orders: tuple[Order, ...] = ("newest", "oldest")


VIEWS: dict[str, View] = {
    "review": View("To review", (State.IN_REVIEW,), ("oldest", "gravest", "newest")),
    "working": View(
        "In the making",
        (State.DRAFT, State.SCRIPTED, State.VOICED, State.ENCODED, State.EXAMINED, State.SEALED),
        ("oldest", "newest"),
    ),
    "approved": View("Approved", (State.APPROVED,), ("oldest", "newest")),
    "released": View("Released", (State.RELEASED,)),
    "stopped": View("Stopped", (State.BLOCKED, State.FAILED, State.REJECTED, State.RECALLED)),
    "all": View("All", tuple(State)),
}
ORDER_WORDS: dict[Order, str] = {
    "oldest": "Oldest first",
    "newest": "Newest first",
    "gravest": "Gravest first",
}

Words = Annotated[
    str, Query(max_length=200, pattern=r"^[^\x00]*$")
]  # PostgreSQL has no text with a NUL in it


@router.get("/")
def queue(
    request: Request,
    visitor: Signed,
    *,
    view: str = "review",
    campaign: Words = "",
    order: Words = "",
    cursor: str = "",
) -> Response:
    """One page of one view; flagged ones are marked by shape, colour and word."""
    require(visitor.account, "view")
    if view not in VIEWS:
        raise NotFound("there is no such view", next_step="choose one above the list")
    here = VIEWS[view]
    chosen = next((name for name in here.orders if name == order), here.orders[0])
    found = list_renders(
        brand_id=visitor.account.brand_id,
        states=here.states,
        campaign_id=campaign,
        order=chosen,
        cursor=cursor,
    )

    def address(**changed: str | None) -> str:
        """This page with something changed; whatever else changes, the list starts again."""
        words = {"view": view, "campaign": campaign, "order": order and chosen, **changed}
        return f"/?{urlencode({name: value for name, value in words.items() if value})}"

    return page(
        request,
        "queue.html",
        visitor=visitor,
        found=found,
        views={name: each.words for name, each in VIEWS.items()},
        view=view,
        numbers=numbers(found.counts),
        orders={name: ORDER_WORDS[name] for name in here.orders},
        order=chosen,
        address=address,
        is_first=not cursor,
    )


def numbers(counts: Counts) -> dict[str, int]:
    """How many renders each view holds."""
    return {name: sum(counts.get(state, 0) for state in view.states) for name, view in VIEWS.items()}


@router.get("/find")
def find(visitor: Signed, q: Words = "") -> Response:
    """To the page of the render that is meant."""
    require(visitor.account, "view")
    row = find_render(q, brand_id=visitor.account.brand_id)
    if row is None:
        raise NotFound(
            "no render has this id or request key",
            next_step="look for the whole id, such as rnd_01KAE8ZQ5W..., or for the key that it was asked for with",
        )
    return RedirectResponse(f"/renders/{row.id}", status_code=303)

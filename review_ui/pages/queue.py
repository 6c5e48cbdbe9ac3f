"""The reviewer's queue: a brand's renders by what has become of them, page by page, and a way to find one."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from core.database import now, reading
from core.errors import NotFound
from core.gates import load_gate_set
from pipeline.assignment import Apart, looked_at, set_apart
from pipeline.counts import Counts
from pipeline.decision_table import rule_for
from pipeline.flags import SCRIPT
from pipeline.lists import campaigns_of
from pipeline.narrowing import Choices, choices
from pipeline.runs import Order
from pipeline.service import find_render, list_renders
from pipeline.states import State
from review_ui.accounts import require
from review_ui.chosen import AGES, Chosen, chosen_of
from review_ui.measures import words_of
from review_ui.people import names_of
from review_ui.rendering import page
from review_ui.security import Signed, Visitor
from review_ui.veil import is_veiled

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

APART_WORDS: dict[Apart, str] = {
    "made": "You asked for it, so someone else decides",
    "decided": "You have decided, another person has to",
    "handed_on": "Handed on to a senior reviewer",
}
"""Why a video that waits is not one's own to decide over, or not anybody's."""

Words = Annotated[
    str, Query(max_length=200, pattern=r"^[^\x00]*$")
]  # PostgreSQL has no text with a NUL in it


@router.get("/")
def queue(
    request: Request,
    visitor: Signed,
    *,
    view: str = "review",
    cursor: str = "",
) -> Response:
    """One page of one view; the address holds all that it is narrowed to."""
    require(visitor.account, "view")
    if view not in VIEWS:
        raise NotFound("there is no such view", next_step="choose one above the list")
    brand_id, here = visitor.account.brand_id, VIEWS[view]
    in_review = here.states == (State.IN_REVIEW,)
    wanted = chosen_of(request) if in_review else replace(chosen_of(request), gate="")
    order = order_in(here, wanted)
    wanted = replace(wanted, order=wanted.order and order)
    narrowed = wanted.filters
    found = list_renders(
        brand_id=brand_id,
        states=here.states,
        campaign_id=wanted.campaign,
        order=order,
        cursor=cursor,
        narrowing=wanted.narrowing,
    )
    everything = not any(narrowed.values())
    with reading() as session:
        offered = choices(session, brand_id, here.states)

    def address(**changed: str | None) -> str:
        """This page with something changed; whatever else changes, the list starts again."""
        words = {"view": view, **asdict(wanted), **changed}
        return f"/?{urlencode({name: value for name, value in words.items() if value})}"

    return page(
        request,
        "queue.html",
        visitor=visitor,
        found=found,
        views={name: each.words for name, each in VIEWS.items()},
        view=view,
        numbers=numbers(found.counts) if everything else {view: found.total},
        orders={name: ORDER_WORDS[name] for name in orders_of(here, wanted)},
        order=order,
        address=address,
        is_first=not cursor,
        narrowed=narrowed,
        filters=filters(offered, narrowed, gates=in_review),
        campaigns=campaigns_of(found.page.rows),
        rule_for=rule_for,
        kept=wanted.query if in_review else "",
        looking=looking(visitor) if in_review else {},
        apart=set_apart(found.page.rows, visitor.account.id) if in_review and visitor.may("review") else {},
        apart_words=APART_WORDS,
        veiled=is_veiled(brand_id),
        now=now(),
    )


def orders_of(view: View, wanted: Chosen) -> list[Order]:
    """Those that the view offers for what was chosen, the usual one first."""
    return [name for name in view.orders if not (wanted.gate and name == "gravest")]


def order_in(view: View, wanted: Chosen) -> Order:
    """The one that was chosen, where the view offers it, or the usual one."""
    orders = orders_of(view, wanted)
    return next((name for name in orders if name == wanted.order), orders[0])


def numbers(counts: Counts) -> dict[str, int]:
    """How many renders each view holds."""
    return {name: sum(counts.get(state, 0) for state in view.states) for name, view in VIEWS.items()}


@dataclass(frozen=True)
class Filter:
    """One thing by which the list is narrowed. ``choices``: words by the value in the address."""

    words: str
    choices: dict[str, str]


def filters(offered: Choices, narrowed: dict[str, str], *, gates: bool) -> dict[str, Filter]:
    """Those that change something, by their name in the address; and those that are chosen."""
    flagged = {name: words_of(name).name for name in load_gate_set().gates} | {SCRIPT: "Rules of the script"}
    found = {
        "risk": Filter("Risk class", dict(zip(offered.risks, offered.risks, strict=True))),
        "gate": Filter("Flagged by", flagged if gates else {}),
        "persona": Filter("Persona", offered.personas),
        "language": Filter("Language", dict(zip(offered.languages, offered.languages, strict=True))),
        "territory": Filter("Territory", {name: name.upper() for name in offered.territories}),
        "hours": Filter("Asked for", {str(hours): f"more than {words} ago" for hours, words in AGES.items()}),
    }
    for name, value in narrowed.items():
        if value:
            found[name].choices.setdefault(value, value)
    return {name: one for name, one in found.items() if len(one.choices) > 1 or narrowed[name]}


@router.get("/review/looking")
def who_looks(visitor: Signed) -> dict[str, str]:
    """Who looks at which video of the brand at this moment: the name of each, by render."""
    require(visitor.account, "review")
    return looking(visitor)


def looking(visitor: Visitor) -> dict[str, str]:
    """As :func:`who_looks`; nothing for whoever decides over nothing."""
    if not visitor.may("review"):
        return {}
    brand_id = visitor.account.brand_id
    held = looked_at(brand_id)
    names = names_of(held.values(), brand_id=brand_id)
    return {render: "You" if who == visitor.account.id else names[who] for render, who in held.items()}


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

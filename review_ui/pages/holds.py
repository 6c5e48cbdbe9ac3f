"""Legal holds: what is kept as it is and not let out, placed and lifted by legal."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from audit.holds import KINDS, standing_on
from audit.tables import HoldRow
from core.database import reading
from core.errors import Conflict, GreenroomError, InputError, NotFound
from delivery.holds import MOST_AT_ONCE, MOST_WORDS, lift_hold, page_of_holds, place_hold, titles_of
from delivery.reach import HoldReach, reach_of
from review_ui.accounts import require
from review_ui.pages.record import ROOMS, Words, looks
from review_ui.people import names_of
from review_ui.rendering import page
from review_ui.security import Sent, Signed, Visitor

router = APIRouter()

Typed = Annotated[str, Form(max_length=3000)]


@router.get("/record/holds")
def index(
    request: Request,
    visitor: Signed,
    done: Annotated[str, Query(max_length=40, pattern=r"^\w*$")] = "",
    cursor: str = "",
) -> Response:
    """The brand's holds, newest first."""
    require(visitor.account, "audit")
    looks(visitor, "holds", visitor.account.brand_id)
    return _shown(request, visitor, cursor=cursor, done=done)


@router.get("/record/holds/new")
def new(request: Request, visitor: Signed, kind: Words = "", subject: Words = "") -> Response:
    """What a hold would reach, before it is placed; what is to be held is asked for where the address names nothing."""
    require(visitor.account, "audit")
    if not subject:
        return _asked(request, visitor, None, {"kind": kind})
    try:
        reach = reach_of(kind, subject, brand_id=visitor.account.brand_id)
    except (InputError, NotFound) as problem:
        return _asked(request, visitor, None, {"kind": kind, "subject": subject}, problem)
    looks(visitor, "hold_reach", reach.subject)
    return _asked(request, visitor, reach, {})


@router.post("/record/holds")
def put(
    request: Request,
    visitor: Sent,
    *,
    kind: Typed = "",
    subject: Typed = "",
    reason: Typed = "",
    also: Annotated[list[Typed], Form(max_length=MOST_AT_ONCE)] = [],  # noqa: B006 - read, and never changed
) -> Response:
    """What is refused comes back as it was typed."""
    require(visitor.account, "audit")
    account = visitor.account
    try:
        row = place_hold(
            kind, subject, brand_id=account.brand_id, actor_id=account.id, reason=reason, also=also
        )
    except (InputError, NotFound) as problem:
        typed = {"kind": kind, "subject": subject, "reason": reason, "also": also}
        reach = None
        with suppress(InputError, NotFound):
            reach = reach_of(kind, subject, brand_id=account.brand_id)
            looks(visitor, "hold_reach", reach.subject)
        return _asked(request, visitor, reach, typed, problem)
    return RedirectResponse(f"/record/holds?done={row.id}", status_code=303)


@router.post("/record/holds/{hold_id}/lift")
def take_off(request: Request, visitor: Sent, hold_id: str, reason: Typed = "") -> Response:
    require(visitor.account, "audit")
    account = visitor.account
    try:
        lift_hold(hold_id, brand_id=account.brand_id, actor_id=account.id, reason=reason)
    except (InputError, Conflict) as problem:
        return _shown(request, visitor, problem=problem, typed={"lift": hold_id, "why": reason})
    return RedirectResponse(f"/record/holds?done={hold_id}", status_code=303)


def _asked(
    request: Request,
    visitor: Visitor,
    reach: HoldReach | None,
    typed: dict[str, Any],
    problem: GreenroomError | None = None,
) -> Response:
    """The form that places a hold, under what it reaches where that is known."""
    standing: list[HoldRow] = []
    if reach is not None:
        with reading() as session:
            standing = standing_on(session, reach.held_by)
    return page(
        request,
        "record_hold.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        reach=reach,
        standing=standing,
        kinds=KINDS,
        rooms_of=ROOMS,
        problem=problem,
        typed={"kind": "", "subject": "", "reason": "", "also": [], **typed},
        most_words=MOST_WORDS,
    )


def _shown(
    request: Request,
    visitor: Visitor,
    *,
    cursor: str = "",
    done: str = "",
    problem: GreenroomError | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    brand_id = visitor.account.brand_id
    found, holds = page_of_holds(brand_id, cursor=cursor)
    with reading() as session:
        titles = titles_of(session, found.rows)
    people = [row.actor for hold in holds for row in (hold.placed, hold.lifted) if row is not None]
    return page(
        request,
        "record_holds.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        found=found,
        holds=holds,
        titles=titles,
        rooms_of=ROOMS,
        kinds=KINDS,
        done=done,
        problem=problem,
        typed=dict.fromkeys(("lift", "why"), "") | (typed or {}),
        names=names_of(people, brand_id=brand_id),
        most_words=MOST_WORDS,
        address=lambda cursor="": f"/record/holds?cursor={cursor}" if cursor else "/record/holds",
        is_first=not cursor,
    )

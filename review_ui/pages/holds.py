"""Legal holds: what is kept as it is and not let out, placed and lifted by legal."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from audit.holds import KINDS
from core.errors import Conflict, GreenroomError, InputError, NotFound
from delivery.holds import MOST_WORDS, lift_hold, page_of_holds, place_hold
from review_ui.accounts import require
from review_ui.pages.record import looks
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


@router.post("/record/holds")
def put(
    request: Request, visitor: Sent, kind: Typed = "", subject: Typed = "", reason: Typed = ""
) -> Response:
    """What is refused comes back as it was typed."""
    require(visitor.account, "audit")
    account = visitor.account
    try:
        row = place_hold(kind, subject, brand_id=account.brand_id, actor_id=account.id, reason=reason)
    except (InputError, NotFound) as problem:
        typed = {"kind": kind, "subject": subject, "reason": reason}
        return _shown(request, visitor, problem=problem, typed=typed)
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
    people = [row.actor for hold in holds for row in (hold.placed, hold.lifted) if row is not None]
    return page(
        request,
        "record_holds.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        found=found,
        holds=holds,
        kinds=KINDS,
        done=done,
        problem=problem,
        typed=dict.fromkeys(("kind", "subject", "reason", "lift", "why"), "") | (typed or {}),
        names=names_of(people, brand_id=brand_id),
        most_words=MOST_WORDS,
        address=lambda cursor="": f"/record/holds?cursor={cursor}" if cursor else "/record/holds",
        is_first=not cursor,
    )

"""The room of authorities: what allows each persona to be rendered, its suspension and withdrawal (trust step 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.authorities import authorities_of
from audit.models import Authority, AuthorityStatus, Effect
from audit.standing import AuthorityStanding
from audit.tables import AuthorityRow
from core.database import reading
from core.errors import Conflict, GreenroomError, InputError
from pipeline.lists import page_of_personas
from pipeline.tables import PersonaRow
from review_ui.accounts import require
from review_ui.authorities import (
    EFFECTS,
    Look,
    change,
    look,
    open_links,
    reached,
    reaches,
    standing_in_brand,
    would_follow,
)
from review_ui.rendering import page
from review_ui.security import Sent, Signed, Visitor

router = APIRouter()

PERSONAS_ON_A_PAGE = 20  # each one's signatures are checked

Done = Annotated[str, Query(max_length=40, pattern=r"^\w*$")]
Reason = Annotated[str, Form(max_length=2000)]


@dataclass(frozen=True)
class Entry:
    """One persona's record, as the page shows it. ``problem``: it does not verify, so nothing in it is shown."""

    persona: PersonaRow
    look: Look | None = None
    earlier: tuple[Authority, ...] = ()
    problem: GreenroomError | None = None


@router.get("/authorities")
def index(request: Request, visitor: Signed, done: Done = "", cursor: str = "") -> Response:
    """Every persona's authority, page by page.

    ``done``: the one that was changed just now, which comes first, with the consequences.
    """
    require(visitor.account, "view")
    brand_id = visitor.account.brand_id
    with reading() as session:
        found = page_of_personas(session, brand_id=brand_id, cursor=cursor, limit=PERSONAS_ON_A_PAGE)
        changed = _personas_of(session, done, brand_id)
        ids = {persona.id for persona in changed}
        entries = _entries(session, [*changed, *(row for row in found.rows if row.id not in ids)])
    return page(
        request,
        "authorities.html",
        visitor=visitor,
        entries=entries,
        done=done,
        reached=reached,
        found=found,
        address=lambda cursor="": f"/authorities?cursor={cursor}" if cursor else "/authorities",
        is_first=not cursor,
    )


@router.post("/authorities/{authority_id}/suspend")
def suspend(visitor: Sent, authority_id: str, reason: Reason = "") -> Response:
    return _change(visitor, authority_id, AuthorityStatus.SUSPENDED, reason)


@router.post("/authorities/{authority_id}/resume")
def resume(visitor: Sent, authority_id: str, reason: Reason = "") -> Response:
    return _change(visitor, authority_id, AuthorityStatus.GRANTED, reason)


@router.get("/authorities/{authority_id}/withdraw")
def before_withdrawal(request: Request, visitor: Signed, authority_id: str) -> Response:
    """What a withdrawal would do at this moment under each effect, before anything is done."""
    require(visitor.account, "audit")
    return _show_withdrawal(request, visitor, authority_id)


@router.post("/authorities/{authority_id}/withdraw")
def withdraw(
    *,
    request: Request,
    visitor: Sent,
    authority_id: str,
    effect: Annotated[Literal["recall", "stop", "none"], Form()],
    reason: Reason = "",
    sure: Annotated[str, Form(max_length=3)] = "",
) -> Response:
    """For good, so that it is confirmed beside its reason."""
    require(visitor.account, "audit")
    if sure == "yes":
        try:
            return _change(visitor, authority_id, AuthorityStatus.REVOKED, reason, Effect(effect))
        except (Conflict, InputError) as error:
            problem: GreenroomError = error
    else:
        problem = InputError(
            "a withdrawal is for good and was not confirmed",
            where="sure",
            next_step="tick the box, then withdraw",
        )
    return _show_withdrawal(request, visitor, authority_id, problem, reason=reason, chosen=Effect(effect))


def _show_withdrawal(
    request: Request,
    visitor: Visitor,
    authority_id: str,
    problem: GreenroomError | None = None,
    *,
    reason: str = "",
    chosen: Effect | None = None,
) -> Response:
    brand_id = visitor.account.brand_id
    with reading() as session:
        found = look(session, authority_id, brand_id=brand_id)
        persona = session.get(PersonaRow, found.standing.authority.document.persona_id)
        links = open_links(session, found.standing.authority)
    return page(
        request,
        "authority_withdraw.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        look=found,
        persona=persona,
        effects=EFFECTS,
        follows={effect: would_follow(effect, found.reach, links) for effect in EFFECTS},
        problem=problem,
        reason=reason,
        chosen=chosen,
    )


def _change(
    visitor: Visitor, authority_id: str, status: AuthorityStatus, reason: str, effect: Effect | None = None
) -> Response:
    require(visitor.account, "audit")
    who = visitor.account
    change(authority_id, status, reason, brand_id=who.brand_id, actor_id=who.id, effect=effect)
    return RedirectResponse(f"/authorities?done={authority_id}#{authority_id}", status_code=303)


def _personas_of(session: Session, authority_id: str, brand_id: str) -> list[PersonaRow]:
    """The brand's personas under the record that an authority belongs to, whichever of its versions is named."""
    record = select(AuthorityRow.record_id).where(AuthorityRow.id == authority_id).scalar_subquery()
    versions = select(AuthorityRow.id).where(AuthorityRow.record_id == record)
    rows = select(PersonaRow).where(PersonaRow.authority_id.in_(versions), PersonaRow.brand_id == brand_id)
    return list(session.scalars(rows.limit(PERSONAS_ON_A_PAGE))) if authority_id else []


def _entries(session: Session, personas: list[PersonaRow]) -> list[Entry]:
    """A record that does not verify spoils its own entry alone."""
    standings: dict[str, AuthorityStanding] = {}
    earlier: dict[str, tuple[Authority, ...]] = {}
    problems: dict[str, GreenroomError] = {}
    for persona in personas:
        try:
            standing = standing_in_brand(session, persona.authority_id, brand_id=persona.brand_id)
            versions = authorities_of(session, persona.id)
        except GreenroomError as problem:
            problems[persona.id] = problem
            continue
        standings[persona.id] = standing
        earlier[persona.id] = tuple(one for one in versions if one.id != standing.authority.id)
    reach = reaches(session, [standing.authority for standing in standings.values()])
    return [
        Entry(persona, problem=problems[persona.id])
        if persona.id in problems
        else Entry(
            persona,
            Look(standings[persona.id], reach[standings[persona.id].record_id]),
            earlier[persona.id],
        )
        for persona in personas
    ]

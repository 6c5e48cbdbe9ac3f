"""The room of authorities: what allows each persona to be rendered, its suspension and withdrawal (trust step 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from audit.authorities import authorities_of
from audit.models import Authority, AuthorityStatus, Effect
from core.database import reading
from core.errors import GreenroomError
from pipeline.onboarding import list_personas
from pipeline.tables import PersonaRow
from review_ui.accounts import require
from review_ui.authorities import EFFECTS, Look, change, look, reached
from review_ui.rendering import page
from review_ui.security import Sent, Signed, Visitor

router = APIRouter()

Reason = Annotated[str, Form(max_length=2000)]


@dataclass(frozen=True)
class Entry:
    """One persona's record, as the page shows it. ``problem``: it does not verify, so nothing in it is shown."""

    persona: PersonaRow
    look: Look | None = None
    earlier: tuple[Authority, ...] = ()
    problem: GreenroomError | None = None


@router.get("/authorities")
def index(request: Request, visitor: Signed, done: str = "") -> Response:
    """Every persona's authority. ``done``: the one that was changed just now, whose consequences come first."""
    require(visitor.account, "view")
    personas = list_personas(brand_id=visitor.account.brand_id)
    with reading() as session:
        entries = [_entry(session, persona) for persona in personas]
    return page(
        request,
        "authorities.html",
        visitor=visitor,
        entries=entries,
        done=done,
        effects=EFFECTS,
        reached=reached,
    )


@router.post("/authorities/{authority_id}/suspend")
def suspend(visitor: Sent, authority_id: str, reason: Reason = "") -> Response:
    return _change(visitor, authority_id, AuthorityStatus.SUSPENDED, reason)


@router.post("/authorities/{authority_id}/resume")
def resume(visitor: Sent, authority_id: str, reason: Reason = "") -> Response:
    return _change(visitor, authority_id, AuthorityStatus.GRANTED, reason)


@router.post("/authorities/{authority_id}/withdraw")
def withdraw(
    visitor: Sent,
    authority_id: str,
    effect: Annotated[Literal["recall", "stop", "none"], Form()],
    reason: Reason = "",
) -> Response:
    return _change(visitor, authority_id, AuthorityStatus.REVOKED, reason, Effect(effect))


def _change(
    visitor: Visitor, authority_id: str, status: AuthorityStatus, reason: str, effect: Effect | None = None
) -> Response:
    require(visitor.account, "audit")
    change(authority_id, status, reason, account=visitor.account, effect=effect)
    return RedirectResponse(f"/authorities?done={authority_id}#{authority_id}", status_code=303)


def _entry(session: Session, persona: PersonaRow) -> Entry:
    try:
        found = look(session, persona.authority_id, brand_id=persona.brand_id)
        versions = authorities_of(session, persona.id)
    except GreenroomError as problem:
        return Entry(persona, problem=problem)
    current = found.standing.authority.id
    return Entry(persona, found, tuple(version for version in versions if version.id != current))

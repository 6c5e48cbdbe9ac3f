"""Authorities: how one stands, and its suspension and withdrawal (trust step 1)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, Field

from audit.models import AuthorityStatus, Effect, Scope
from audit.standing import State
from core.database import reading
from review_ui.api.caller import Viewer
from review_ui.api.documents import CHANGES, NAMED, V1, Asked
from review_ui.api.once import Audited, once
from review_ui.authorities import Look, change, look

router = APIRouter(prefix=f"{V1}/authorities", tags=["authorities"])

MOST_WORDS = 2000


class VideosUnder(BaseModel):
    """Videos under an authority: out, in the making, and those that its suspension or end took back or stopped."""

    released: int
    in_the_making: int
    taken_back: int
    stopped: int


class AuthorityItem(BaseModel):
    """An authority's record: the version in force, how it stands, and what that means for its videos.

    `status` is what people said of it, `state` how it stands at this moment: one whose last day is over is `expired`,
    whatever was said.
    """

    authority: str
    persona: str
    kind: Literal["consent", "provenance"]
    version: int
    scope: Scope
    approval_mode: str
    status: AuthorityStatus
    state: State
    effect: Effect
    meaning: str
    videos: VideosUnder
    made_at: datetime


class Change(Asked):
    """Why, in a sentence."""

    reason: str = Field(max_length=MOST_WORDS)


class Withdrawal(Change):
    """Why, and what becomes of released videos: `recall` takes them back, `stop` lets links run out, `none` lets them
    stand; null: what the record says. It is for good."""

    effect: Effect | None = None


@router.get("/{authority_id}", responses=NAMED)
def one(caller: Viewer, authority_id: str) -> AuthorityItem:
    """How an authority stands, whichever of its versions is named, and how far it reaches."""
    with reading() as session:
        return _document(look(session, authority_id, brand_id=caller.brand_id))


@router.post("/{authority_id}/suspend", response_model=AuthorityItem, responses=CHANGES)
async def suspend(call: Audited, authority_id: str, why: Change) -> Response:
    """Nothing new is made, released or linked until it is resumed."""
    return await _changed(call, authority_id, AuthorityStatus.SUSPENDED, why.reason)


@router.post("/{authority_id}/resume", response_model=AuthorityItem, responses=CHANGES)
async def resume(call: Audited, authority_id: str, why: Change) -> Response:
    """Lift a suspension."""
    return await _changed(call, authority_id, AuthorityStatus.GRANTED, why.reason)


@router.post("/{authority_id}/withdraw", response_model=AuthorityItem, responses=CHANGES)
async def withdraw(call: Audited, authority_id: str, why: Withdrawal) -> Response:
    """Withdraw it, for good: nothing new is made under it."""
    return await _changed(call, authority_id, AuthorityStatus.REVOKED, why.reason, why.effect)


async def _changed(
    call: Audited, authority_id: str, status: AuthorityStatus, reason: str, effect: Effect | None = None
) -> Response:
    who = call.caller

    def act() -> AuthorityItem:
        found = change(
            authority_id, status, reason, brand_id=who.brand_id, actor_id=who.actor_id, effect=effect
        )
        return _document(found)

    said = [reason, effect.value if effect is not None else None]
    return await once(call, said, lambda: run_in_threadpool(act))


def _document(found: Look) -> AuthorityItem:
    authority, reach = found.standing.authority, found.reach
    document = authority.document
    return AuthorityItem.model_validate(
        {
            "authority": authority.id,
            "persona": document.persona_id,
            "kind": document.kind,
            "version": document.version,
            "scope": document.scope,
            "approval_mode": document.approval_mode,
            "status": authority.status,
            "state": found.standing.state,
            "effect": found.standing.effect,
            "meaning": found.meaning,
            "videos": {
                "released": reach.released,
                "in_the_making": reach.open,
                "taken_back": reach.taken_back,
                "stopped": reach.stopped,
            },
            "made_at": document.made_at,
        }
    )

"""Legal holds: what is kept as it is and not let out, placed and lifted by legal."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, Field

from audit.holds import Kind
from audit.looked import note_view
from audit.tables import HoldRow
from core.database import reading
from delivery import holds
from review_ui.api.caller import Auditor
from review_ui.api.documents import CHANGES, CLOSED, V1, Asked
from review_ui.api.once import Audited, once

router = APIRouter(prefix=f"{V1}/holds", tags=["holds"])


class HoldItem(BaseModel):
    """A hold on a person (a persona's id), a campaign or a render; it stands until `lifted_at`."""

    hold: str
    kind: Kind
    subject: str
    reason: str
    placed_at: datetime
    lifted_at: datetime | None
    lifted_why: str | None


class HoldPage(BaseModel):
    """A page of holds, newest first."""

    holds: list[HoldItem]
    next: str | None
    previous: str | None


class NewHold(Asked):
    """What to hold, and why."""

    kind: Kind
    subject: str = Field(max_length=60)
    reason: str = Field(max_length=holds.MOST_WORDS)


class Lift(Asked):
    """Why a hold ends."""

    reason: str = Field(max_length=holds.MOST_WORDS)


@router.get("", responses=CLOSED)
def index(caller: Auditor, cursor: Annotated[str, Query(max_length=200)] = "") -> HoldPage:
    """The brand's holds; the ledger says that they were looked at."""
    note_view("holds", caller.brand_id, brand_id=caller.brand_id, actor=caller.actor_id)
    page, found = holds.page_of_holds(caller.brand_id, cursor=cursor)
    return HoldPage(
        holds=[_document(one.placed, one.lifted) for one in found], next=page.next, previous=page.previous
    )


@router.post("", status_code=201, response_model=HoldItem, responses=CHANGES)
async def place(call: Audited, asked: NewHold) -> Response:
    """Keep something as it is: nothing of it is released, linked or deleted until every hold on it is lifted."""
    who = call.caller

    def act() -> HoldItem:
        row = holds.place_hold(
            asked.kind, asked.subject, brand_id=who.brand_id, actor_id=who.actor_id, reason=asked.reason
        )
        return _document(row, None)

    return await once(call, asked.model_dump(), lambda: run_in_threadpool(act), status=201)


@router.post("/{hold_id}/lift", response_model=HoldItem, responses=CHANGES)
async def lift(call: Audited, hold_id: str, asked: Lift) -> Response:
    """End one hold; others on the same thing stand."""
    who = call.caller

    def act() -> HoldItem:
        lifted = holds.lift_hold(hold_id, brand_id=who.brand_id, actor_id=who.actor_id, reason=asked.reason)
        with reading() as session:
            return _document(session.get_one(HoldRow, hold_id), lifted)

    return await once(call, asked.model_dump(), lambda: run_in_threadpool(act))


def _document(placed: HoldRow, lifted: HoldRow | None) -> HoldItem:
    return HoldItem.model_validate(
        {
            "hold": placed.id,
            "kind": placed.kind,
            "subject": placed.subject,
            "reason": placed.reason,
            "placed_at": placed.created_at,
            "lifted_at": lifted.created_at if lifted is not None else None,
            "lifted_why": lifted.reason if lifted is not None else None,
        }
    )

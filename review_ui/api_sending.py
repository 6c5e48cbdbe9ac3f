"""The public API, version 1: further tries, how a campaign gets on, who is not to be sent anything, and links."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from core.database import reading
from pipeline.again import make_again, retry_cause
from pipeline.causes import causes_of
from pipeline.progress import progress_of
from pipeline.service import get_campaign
from pipeline.states import State
from review_ui.accounts import require
from review_ui.api import NAMED, RenderItem, item_of
from review_ui.progress import document
from review_ui.security import ApiAccount

router = APIRouter(prefix="/api/v1", tags=["v1"])


class Asked(BaseModel):
    """A body: what it does not know is refused, so that a slip of the pen is not taken for a wish."""

    model_config = ConfigDict(extra="forbid")


class Again(Asked):
    """``fields`` of a made video, ``script`` of an import; what is left out stays as it was."""

    fields: dict[str, str | int | float] | None = Field(None, max_length=50)
    script: str | None = Field(None, max_length=15_000)


@router.post("/renders/{render_id}/again", response_model=RenderItem, responses=NAMED)
def again(account: ApiAccount, render_id: str, asked: Again | None = None) -> RenderItem:
    """A new render in the place of one that failed, was blocked or was rejected. The same call again answers with the
    first new render."""
    require(account, "make")
    changed = asked or Again()
    row = make_again(
        render_id,
        brand_id=account.brand_id,
        maker_id=account.id,
        fields=changed.fields,
        script=changed.script,
    )
    return item_of(row)


class CauseItem(BaseModel):
    """Renders that stopped in one state for one reason. ``more``: there are more than ``number``."""

    state: State
    cause: str
    number: int
    more: bool
    newest: list[str]


class Stopped(BaseModel):
    causes: list[CauseItem]


@router.get("/campaigns/{campaign_id}/stopped", response_model=Stopped, responses=NAMED)
def stopped(account: ApiAccount, campaign_id: str) -> Stopped:
    """What stopped in a campaign and was not made again, by cause."""
    require(account, "view")
    row = get_campaign(campaign_id, brand_id=account.brand_id)
    with reading() as session:
        found = causes_of(session, row.id)
    items = [
        CauseItem(
            state=cause.state,
            cause=cause.code,
            number=cause.number,
            more=cause.more,
            newest=[one.id for one in cause.examples],
        )
        for cause in found
    ]
    return Stopped(causes=items)


class Cause(Asked):
    cause: str = Field("", max_length=60, pattern=r"^[\w.-]*$", description="As `stopped` names it.")


class RetriedCause(BaseModel):
    """``left``: some of the cause are left; call again for them."""

    retried: int
    left: bool


@router.post("/campaigns/{campaign_id}/retry", response_model=RetriedCause, responses=NAMED)
def retry_failed(account: ApiAccount, campaign_id: str, asked: Cause | None = None) -> dict[str, Any]:
    """Another try for a campaign's renders that failed for one cause, the oldest first, at most 500 a call."""
    require(account, "make")
    cause = asked.cause if asked is not None else ""
    done = retry_cause(campaign_id, cause, brand_id=account.brand_id, actor_id=account.id)
    return {"retried": done.renders, "left": done.left}


class Progress(BaseModel):
    """How a campaign gets on. ``making`` are not done yet; ``stages`` says what they wait for or are in. ``ahead`` of
    them stand up to 50 of the brand's videos; ``seconds_left`` is null where it cannot be told."""

    counts: dict[State, int]
    total: int
    done: int
    making: int
    stages: dict[str, int]
    working: int
    ahead: int
    seconds_left: int | None


@router.get("/campaigns/{campaign_id}/progress", response_model=Progress, responses=NAMED)
def progress(account: ApiAccount, campaign_id: str) -> dict[str, Any]:
    """How a campaign gets on at this moment."""
    require(account, "view")
    row = get_campaign(campaign_id, brand_id=account.brand_id)
    with reading() as session:
        return document(progress_of(session, row))

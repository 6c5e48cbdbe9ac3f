"""The public API, version 1: further tries, how a campaign gets on, who is not to be sent anything, and links."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from core.database import reading
from delivery.tags import set_tags
from pipeline import suppression
from pipeline.again import make_again, retry_cause
from pipeline.causes import causes_of
from pipeline.progress import progress_of
from pipeline.service import get_campaign
from pipeline.states import State
from review_ui.accounts import require
from review_ui.api import CLOSED, NAMED, RenderItem, item_of
from review_ui.pages.links import as_file
from review_ui.progress import document
from review_ui.rendering import site_of
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


class Keys(Asked):
    """E-mail addresses, telephone numbers, or the customer's own numbers."""

    keys: list[Annotated[str, Field(max_length=400)]] = Field(min_length=1, max_length=suppression.MOST_KEYS)


class AddedKeys(BaseModel):
    added: int
    known: int


class RemovedKeys(BaseModel):
    removed: int


class Looked(BaseModel):
    """For each key, in the order that they were sent, whether it is on the list."""

    suppressed: list[bool]


@router.post("/suppressions", response_model=AddedKeys, responses=CLOSED)
def suppress(account: ApiAccount, asked: Keys) -> dict[str, int]:
    """Nothing more is made, released or linked for these recipients."""
    require(account, "release")
    done = suppression.add(asked.keys, brand_id=account.brand_id, actor_id=account.id)
    return {"added": done.added, "known": done.known}


@router.post("/suppressions/remove", response_model=RemovedKeys, responses=CLOSED)
def unsuppress(account: ApiAccount, asked: Keys) -> dict[str, int]:
    """Take recipients off the list."""
    require(account, "release")
    return {"removed": suppression.remove(asked.keys, brand_id=account.brand_id, actor_id=account.id)}


@router.post("/suppressions/look", response_model=Looked, responses=CLOSED)
def look(account: ApiAccount, asked: Keys) -> dict[str, list[bool]]:
    """Whether recipients are on the list. The list itself holds digests, and names nobody."""
    require(account, "release")
    return {"suppressed": suppression.on_list(asked.keys, brand_id=account.brand_id)}


@router.post(
    "/campaigns/{campaign_id}/links",
    responses={**NAMED, 200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    response_class=Response,
)
def links(request: Request, account: ApiAccount, campaign_id: str) -> Response:
    """A link for each released video of a campaign, as CSV: links that go on, new ones, or why there is none."""
    require(account, "release")
    return as_file(campaign_id, account.brand_id, account.id, site_of(request))


class Tags(Asked):
    utm_source: str = Field("", max_length=100)
    utm_medium: str = Field("", max_length=100)
    utm_campaign: str = Field("", max_length=100)
    utm_term: str = Field("", max_length=100)
    utm_content: str = Field("", max_length=100)


@router.post("/campaigns/{campaign_id}/tags", response_model=Tags, responses=NAMED)
def tag(account: ApiAccount, campaign_id: str, asked: Tags | None = None) -> dict[str, str]:
    """The tags that are appended to the address of every link of a campaign; what is left out is taken away."""
    require(account, "release")
    wanted = asked.model_dump() if asked is not None else {}
    return set_tags(campaign_id, wanted, brand_id=account.brand_id, actor_id=account.id)


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

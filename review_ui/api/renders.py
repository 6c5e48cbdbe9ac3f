"""Renders: where each stands, what was found in it, and what takes it further or back.

A decision over a render is a person's and is made in the console (or with the command line, where the decision table
allows it): no operation here records one. What a release asks for is asked of a key as of anybody.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from audit.models import Manner
from core.models import Finding, Verdict
from delivery.asked import release_or_ask
from delivery.recall import MOST_WORDS, recall
from pipeline.annotations import annotations_of
from pipeline.lists import list_renders
from pipeline.paging import MOST_ROWS, PAGE_ROWS
from pipeline.runs import Order
from pipeline.service import get_render, retry
from pipeline.states import State
from pipeline.tables import RenderRow
from review_ui.api.caller import Viewer
from review_ui.api.documents import CHANGES, NAMED, V1
from review_ui.api.once import Made, Released, once
from review_ui.evidence import evidence_of
from review_ui.roles import RIGHTS

router = APIRouter(prefix=V1, tags=["renders"])


class RenderItem(BaseModel):
    """One render: where it stands, and nothing about the recipient. `supersedes`: the render whose place it took."""

    render: str
    campaign: str
    supersedes: str | None
    state: State
    verdict: str | None
    reason: str | None
    seconds: float | None
    sealed_sha256: str | None
    published_sha256: str | None
    created_at: datetime
    changed_at: datetime


class RenderPage(BaseModel):
    """A page of a list. `total`: how many renders the whole list holds; cursors are null where nothing follows."""

    renders: list[RenderItem]
    total: int
    next: str | None
    previous: str | None


class GateSeen(BaseModel):
    """What one gate said, in the words of the console. `verdict` is null for a gate that only informs."""

    gate: str
    name: str
    verdict: Verdict | None
    abstained: bool
    score: str
    bar: str
    why: str


class DecisionSeen(BaseModel):
    """A person's decision. `by` is the pseudonym of their account."""

    verdict: str
    manner: Manner
    by: str
    at: datetime


class RuleSeen(BaseModel):
    """What the decision table asks of an approval: how many people, in which manner, with a second factor or not."""

    people: int
    manners: list[Manner]
    factor: bool


class Note(BaseModel):
    """What a reviewer wrote: what is wrong or should change, with its seconds; null: all of the video."""

    kind: str
    code: str
    words: str
    t0: float | None
    t1: float | None
    at: datetime


class RenderEvidence(BaseModel):
    """What a person decides by. It holds the script, which may name the recipient.

    While the render is in review, whoever may decide over it sees no decision but their own.
    """

    render: str
    state: State
    sealed_sha256: str | None
    seconds: float | None
    script: str | None
    rule: RuleSeen
    gates: list[GateSeen]
    findings: list[Finding]
    unexamined: list[str] = Field(description="Gates that a release needs and that left no receipt.")
    decisions: list[DecisionSeen]
    notes: list[Note]


class Recall(BaseModel):
    """Why a video is taken back. It is for good."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "A wrong price."}]})

    reason: str = Field(max_length=MOST_WORDS)


@router.get("/renders", responses=NAMED)
def renders(
    caller: Viewer,
    *,
    state: Annotated[list[State], Query(max_length=len(State))] = [],  # noqa: B006 - FastAPI copies it
    campaign: Annotated[str, Query(max_length=40, pattern=r"^\w*$")] = "",
    order: Order = "oldest",
    cursor: Annotated[str, Query(max_length=200, description="`next` or `previous` of another page.")] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows of a page.")] = PAGE_ROWS,
) -> RenderPage:
    """The brand's renders, page by page: follow `next` and each that stays in the list comes once."""
    found = list_renders(
        brand_id=caller.brand_id,
        states=state,
        campaign_id=campaign,
        order=order,
        cursor=cursor,
        limit=limit,
    )
    items = [item_of(row) for row in found.page.rows]
    return RenderPage(
        renders=items, total=found.total or 0, next=found.page.next, previous=found.page.previous
    )


@router.get("/renders/{render_id}", responses=NAMED)
def one_render(caller: Viewer, render_id: str) -> RenderItem:
    """One render."""
    return item_of(get_render(render_id, brand_id=caller.brand_id))


@router.get("/renders/{render_id}/evidence", responses=NAMED)
def evidence(caller: Viewer, render_id: str) -> RenderEvidence:
    """What the gates found, and what people decided: all that the page of the render shows."""
    row = get_render(render_id, brand_id=caller.brand_id)
    decides = "review" in RIGHTS.get(caller.account.role, frozenset())
    found = evidence_of(row, reader=caller.account.id if decides else None)
    return RenderEvidence(
        render=row.id,
        state=State(row.state),
        sealed_sha256=row.sealed_sha256,
        seconds=row.seconds,
        script=row.script,
        rule=RuleSeen(people=found.rule.people, manners=sorted(found.rule.manners), factor=found.rule.factor),
        gates=[
            GateSeen(
                gate=gate.gate,
                name=gate.name,
                verdict=gate.verdict,
                abstained=gate.abstained,
                score=gate.number,
                bar=gate.bar,
                why=gate.why,
            )
            for gate in found.gates
        ],
        findings=found.findings,
        unexamined=found.unexamined,
        decisions=[
            DecisionSeen(verdict=one.verdict, manner=one.manner, by=one.reviewer_id, at=one.time)
            for one in found.approvals
        ],
        notes=[
            Note(kind=one.kind, code=one.code, words=one.words, t0=one.t0, t1=one.t1, at=one.created_at)
            for one in annotations_of(row.id)
        ],
    )


@router.post("/renders/{render_id}/retry", response_model=RenderItem, responses=CHANGES)
async def retry_render(call: Made, render_id: str) -> Response:
    """Send a failed render back to the stage that failed."""
    who = call.caller
    return await once(
        call, None, lambda: run_in_threadpool(lambda: item_of(retry(render_id, brand_id=who.brand_id)))
    )


@router.post("/renders/{render_id}/release", response_model=RenderItem, responses=CHANGES)
async def release_render(call: Released, render_id: str) -> Response:
    """Release what people approved, with everything that a release asks for. Where another process signs, the render is
    still `approved` in the answer, and is released in a moment."""
    who = call.caller

    def act() -> RenderItem:
        return item_of(release_or_ask(render_id, brand_id=who.brand_id, actor_id=who.actor_id))

    return await once(call, None, lambda: run_in_threadpool(act))


@router.post("/renders/{render_id}/recall", response_model=RenderItem, responses=CHANGES)
async def recall_render(call: Released, render_id: str, why: Recall) -> Response:
    """Take a released or approved render back, for good: every link to it stops."""
    who = call.caller

    def act() -> RenderItem:
        recall(render_id, brand_id=who.brand_id, actor_id=who.actor_id, reason=why.reason)
        return item_of(get_render(render_id, brand_id=who.brand_id))

    return await once(call, why.model_dump(), lambda: run_in_threadpool(act))


def item_of(row: RenderRow) -> RenderItem:
    """A render as lists show it."""
    return RenderItem(
        render=row.id,
        campaign=row.campaign_id,
        supersedes=row.supersedes,
        state=State(row.state),
        verdict=row.verdict,
        reason=(row.reason or {}).get("code"),
        seconds=row.seconds,
        sealed_sha256=row.sealed_sha256,
        published_sha256=row.published_sha256,
        created_at=row.created_at,
        changed_at=row.changed_at,
    )

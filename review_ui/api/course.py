"""A campaign's course: a look at a draft before there is one, a pause, its end, and an end for good."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, Field

from core.models import Finding
from pipeline import steering
from pipeline.drafts import Said, look_at
from pipeline.service import get_campaign
from review_ui.api.campaigns import Campaign, NewCampaign, shown
from review_ui.api.documents import CHANGES, V1, Asked, ErrorBody
from review_ui.api.once import Made, once

router = APIRouter(prefix=f"{V1}/campaigns", tags=["campaigns"])


class Draft(NewCampaign):
    """A campaign as `POST /api/v1/campaigns` takes it, and values to try it with; a field without one is given one."""

    examples: dict[str, str | int | float] = Field(default={}, max_length=60)


class Way(BaseModel):
    """What some recipients hear. `script`: "" where it cannot be composed, for the `problem`; `heard`: as the voice
    reads it; `where`: the fields in which it differs from the examples, null is left out."""

    script: str
    heard: str
    seconds: float
    verdict: Literal["pass", "review", "block", "refused"]
    findings: list[Finding]
    where: dict[str, str | float | None]
    problem: ErrorBody | None


class DraftLook(BaseModel):
    """What would be said of a draft. `said`: with the examples, and then on each other way through the text, the
    gravest first; `more`: there are more ways; `unreached`: lines that no value leads to; `silent`: the persona's voice
    does not speak the language. `verdict`: the gravest, "" where nothing could be checked; `problems`: why it cannot be
    a campaign as it stands."""

    said: list[Way]
    more: bool
    unreached: list[int]
    silent: bool
    verdict: Literal["pass", "review", "block", "refused", ""]
    problems: list[ErrorBody]


class Reason(Asked):
    """Why, in a sentence; for people who look later."""

    reason: str = Field("", max_length=steering.MOST_WORDS)


class NeededReason(Asked):
    """Why, in a sentence. It is for good."""

    reason: str = Field(max_length=steering.MOST_WORDS)


@router.post("/look", response_model=DraftLook, responses=CHANGES)
async def look(call: Made, draft: Draft) -> Response:
    """Check a campaign that is being written: what would be said, how long that is, what the authority and the rules
    say of it. Nothing is kept."""
    values = draft.model_dump(exclude={"persona", "examples"}, exclude_unset=True)

    def act() -> DraftLook:
        found = look_at(
            values, persona_id=draft.persona, examples=draft.examples, brand_id=call.caller.brand_id
        )
        return DraftLook.model_validate(
            {
                "said": [_way(said) for said in found.said],
                "more": found.more,
                "unreached": list(found.unreached),
                "silent": found.silent,
                "verdict": found.verdict,
                "problems": [problem.as_dict() for problem in found.problems],
            }
        )

    return await once(call, draft.model_dump(mode="json"), lambda: run_in_threadpool(act))


@router.post("/{campaign_id}/pause", response_model=Campaign, responses=CHANGES)
async def pause(call: Made, campaign_id: str, why: Reason | None = None) -> Response:
    """Workers take nothing of it until it is resumed; what is in their hands they finish."""
    return await _steered(call, campaign_id, steering.pause, why.reason if why is not None else "")


@router.post("/{campaign_id}/resume", response_model=Campaign, responses=CHANGES)
async def resume(call: Made, campaign_id: str, why: Reason | None = None) -> Response:
    """What waits goes on."""
    return await _steered(call, campaign_id, steering.resume, why.reason if why is not None else "")


@router.post("/{campaign_id}/cancel", response_model=Campaign, responses=CHANGES)
async def cancel(call: Made, campaign_id: str, why: NeededReason) -> Response:
    """End it for good: what nobody has approved ends, what is approved or released stays."""
    return await _steered(call, campaign_id, steering.cancel, why.reason)


async def _steered(call: Made, campaign_id: str, steer: Callable[..., None], reason: str) -> Response:
    who = call.caller

    def act() -> Campaign:
        steer(campaign_id, brand_id=who.brand_id, actor=who.actor_id, reason=reason)
        return shown(get_campaign(campaign_id, brand_id=who.brand_id))

    return await once(call, reason, lambda: run_in_threadpool(act))


def _way(said: Said) -> dict[str, Any]:
    return {
        "script": said.script,
        "heard": said.heard,
        "seconds": said.seconds,
        "verdict": said.verdict,
        "findings": said.findings,
        "where": dict(said.where),
        "problem": said.problem.as_dict() if said.problem is not None else None,
    }

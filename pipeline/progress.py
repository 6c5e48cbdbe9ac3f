"""How a campaign gets on: what of it is where, who works on it, what stands before it, and how long it may still take.

The numbers are those above every list (pipeline/counts.py). The estimate comes from seconds that were measured: what
each stage took for the last renders, times the stages that are still to come, over the workers that are at it now.
However large the campaign is, a look at it reads a few dozen rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from sqlalchemy import func, literal, select, union_all
from sqlalchemy.orm import Session

from pipeline.counts import Counts, counts_of_brand, counts_of_campaigns
from pipeline.leases import database_seconds
from pipeline.states import STAGES, WAITING, State
from pipeline.tables import CampaignRow, RenderRow

MOST_COUNTED = 50  # renders that stand before it, and stages in hand, are counted up to here
_MEASURED = 10  # of the last renders of a state
_MADE = (State.IN_REVIEW, State.APPROVED, State.RELEASED, State.REJECTED)
_WAITING = sorted(WAITING)


@dataclass(frozen=True)
class Progress:
    """One campaign at one moment.

    Attributes:
        counts: its renders by state.
        working: stages of it that are in hand now, up to ``MOST_COUNTED``.
        elsewhere: stages of other campaigns that are.
        ahead: renders of the brand that were asked for before the first of these that waits, and wait too, up to
            ``MOST_COUNTED``.
        seconds_left: until all of it is made, as far as it can be told; None where nothing is to be made, nobody works,
            or no stage was ever measured.
    """

    counts: Counts = field(default_factory=dict)
    working: int = 0
    elsewhere: int = 0
    ahead: int = 0
    seconds_left: float | None = None

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def making(self) -> int:
        """How many are still to be made."""
        return sum(self.counts.get(state, 0) for state in WAITING)

    @property
    def done(self) -> int:
        """How many are made, or stopped on the way."""
        return self.total - self.making

    @property
    def stages(self) -> dict[str, int]:
        """How many wait for each stage, or are in it, in the order of the stages."""
        waiting = {stage.name: self.counts.get(stage.start, 0) for stage in STAGES}
        return {name: number for name, number in waiting.items() if number}


def progress_of(session: Session, campaign: CampaignRow) -> Progress:
    """How this campaign gets on, in the caller's snapshot."""
    counts = counts_of_campaigns(session, [campaign.id])[campaign.id]
    if not any(counts.get(state) for state in WAITING):
        return Progress(counts)
    working, elsewhere = _in_hand(session, campaign.id)
    ahead = _ahead(session, campaign)
    measured = _stage_seconds(session, campaign)
    work = _work(counts, measured)
    before = ahead
    if ahead >= MOST_COUNTED:  # so many that they were not counted: as many as the brand has besides
        others = counts_of_brand(session, campaign.brand_id)
        before = sum(others.get(state, 0) - counts.get(state, 0) for state in WAITING)
    seconds = None
    if work and working:
        seconds = work / working
    elif work and elsewhere:  # its turn has not come
        seconds = (work + before * sum(measured.values())) / elsewhere
    return Progress(counts, working, elsewhere, ahead, seconds)


def _work(counts: Counts, measured: Mapping[str, float]) -> float:
    """Seconds of one worker for all that is still to be made."""
    left, work = 0.0, 0.0
    for stage in reversed(STAGES):
        left += measured.get(stage.name, 0.0)
        work += counts.get(stage.start, 0) * left
    return work


def _in_hand(session: Session, campaign_id: str) -> tuple[int, int]:
    """Stages that somebody works on now: of this campaign, and of others."""
    live = select(RenderRow.campaign_id).where(
        RenderRow.state.in_(_WAITING), RenderRow.lease_until > database_seconds(session)
    )
    whose = session.scalars(live.limit(MOST_COUNTED)).all()
    mine = sum(each == campaign_id for each in whose)
    return mine, len(whose) - mine


def _ahead(session: Session, campaign: CampaignRow) -> int:
    firsts = [
        select(
            select(RenderRow.created_at)
            .where(RenderRow.campaign_id == campaign.id, RenderRow.state == state)
            .order_by(RenderRow.created_at)
            .limit(1)
            .subquery()
        )
        for state in _WAITING
    ]
    first = min(session.scalars(union_all(*firsts)), default=None)
    if first is None:
        return 0
    earlier = [
        select(
            select(literal(1).label("one"))
            .where(
                RenderRow.brand_id == campaign.brand_id,
                RenderRow.state == state,
                RenderRow.created_at < first,
            )
            .limit(MOST_COUNTED)
            .subquery()
        )
        for state in _WAITING
    ]
    found = session.scalar(select(func.count()).select_from(union_all(*earlier).subquery())) or 0
    return min(found, MOST_COUNTED)


def _stage_seconds(session: Session, campaign: CampaignRow) -> dict[str, float]:
    """What each stage took, the middle one of the last renders: the campaign's own, else the brand's; empty where
    there are none."""
    own = _last_timings(session, RenderRow.campaign_id == campaign.id)
    timings = own or _last_timings(session, RenderRow.brand_id == campaign.brand_id)
    measured: dict[str, list[float]] = {}
    for one in timings:
        for stage, seconds in one.items():
            if isinstance(seconds, int | float):
                measured.setdefault(stage, []).append(float(seconds))
    return {stage.name: median(measured[stage.name]) for stage in STAGES if stage.name in measured}


def _last_timings(session: Session, scope: Any) -> Sequence[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for state in _MADE:
        newest = select(RenderRow.timings).where(scope, RenderRow.state == state)
        newest = newest.order_by(RenderRow.created_at.desc(), RenderRow.id.desc()).limit(_MEASURED)
        found += [timings for timings in session.scalars(newest) if timings]
    return found

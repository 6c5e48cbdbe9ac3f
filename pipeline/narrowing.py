"""A list of renders narrowed by what its campaigns are, by a gate that did not pass, and by age.

What a campaign is (its risk class, persona, language, territory) narrows by campaign: each campaign that holds
something now is a run of the list, in the order of an index, and a page reads of each no more than fits on it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, select, union_all
from sqlalchemy.orm import Session

from core.database import now
from core.errors import InputError
from pipeline.counts import WHOLE_BRAND
from pipeline.states import State
from pipeline.tables import CampaignRow, PersonaRow
from pipeline.tables import RenderCountChangeRow as Change
from pipeline.tables import RenderCountRow as Count

MOST_RUNS = 120
"""Campaigns, once for each state, that a narrowed list may hold: each is a query of its own."""
MOST_CHOICES = 500


@dataclass(frozen=True)
class Narrowing:
    """What a list is narrowed to; "" and 0 leave it as it is.

    Attributes:
        gate: one that did not pass, or :data:`pipeline.flags.SCRIPT`; of what is in review alone.
        hours: asked for at least so long ago.
    """

    risk: str = ""
    persona_id: str = ""
    language: str = ""
    territory: str = ""
    gate: str = ""
    hours: int = 0

    @property
    def by_campaign(self) -> tuple[ColumnElement[bool], ...]:
        """Conditions on campaigns; none where every campaign fits."""
        wanted = {
            CampaignRow.risk_class: self.risk,
            CampaignRow.persona_id: self.persona_id,
            CampaignRow.language: self.language,
            CampaignRow.territory: self.territory,
        }
        return tuple(column == value for column, value in wanted.items() if value)

    @property
    def uncounted(self) -> bool:
        """Whether nobody counts how long the list is."""
        return bool(self.gate or self.hours)

    def old_enough(self, column: Any) -> tuple[ColumnElement[bool], ...]:
        """The condition on when a render was asked for."""
        return (column <= now() - timedelta(hours=self.hours),) if self.hours else ()


EVERYTHING = Narrowing()


@dataclass(frozen=True)
class Choices:
    """What a list can be narrowed to: what its campaigns are. ``personas``: name by id."""

    risks: list[str] = field(default_factory=list)
    personas: dict[str, str] = field(default_factory=dict)
    languages: list[str] = field(default_factory=list)
    territories: list[str] = field(default_factory=list)


def held(
    session: Session,
    brand_id: str,
    states: Collection[State],
    narrowing: Narrowing,
    campaign_id: str = "",
) -> dict[tuple[str, State], int]:
    """How many renders each campaign that fits holds, by state: those that hold any.

    Raises InputError where more than :data:`MOST_RUNS` do.
    """
    conditions = [*narrowing.by_campaign, *([CampaignRow.id == campaign_id] if campaign_id else [])]
    of, number = _numbers(brand_id, states)
    query = (
        select(of.c.campaign_id, of.c.state, number)
        .join(CampaignRow, CampaignRow.id == of.c.campaign_id)
        .where(*conditions)
        .group_by(of.c.campaign_id, of.c.state)
        .having(number != 0)
        .limit(MOST_RUNS + 1)
    )
    found = {(campaign, State(state)): int(count) for campaign, state, count in session.execute(query)}
    if len(found) > MOST_RUNS:
        raise InputError(
            f"more than {MOST_RUNS} campaigns fit this filter",
            where="filter",
            next_step="narrow it further, or choose one campaign",
            code="too_wide",
        )
    return found


def choices(session: Session, brand_id: str, states: Collection[State]) -> Choices:
    """What the campaigns are that hold something in these states; of :data:`MOST_CHOICES` where there are more."""
    of, number = _numbers(brand_id, states)
    campaigns = (
        select(of.c.campaign_id).group_by(of.c.campaign_id).having(number != 0).limit(MOST_CHOICES).subquery()
    )
    query = (
        select(
            CampaignRow.risk_class,
            CampaignRow.persona_id,
            PersonaRow.name,
            CampaignRow.language,
            CampaignRow.territory,
        )
        .join(campaigns, campaigns.c.campaign_id == CampaignRow.id)
        .join(PersonaRow, PersonaRow.id == CampaignRow.persona_id)
        .distinct()
    )
    found = session.execute(query).all()
    return Choices(
        risks=sorted({row.risk_class for row in found}),
        personas=dict(sorted({row.persona_id: row.name for row in found}.items(), key=lambda one: one[1])),
        languages=sorted({row.language for row in found}),
        territories=sorted({row.territory for row in found}),
    )


def _numbers(brand_id: str, states: Collection[State]) -> tuple[Any, Any]:
    """(rows of campaign_id, state and number; their sum): what was folded, and the changes since."""
    some: ColumnElement[bool] = literal_column(
        "render_counts.number <> 0"
    )  # word for word what the partial index holds
    folded = select(Count.campaign_id, Count.state, Count.number).where(
        Count.brand_id == brand_id, Count.state.in_(states), Count.campaign_id != WHOLE_BRAND, some
    )
    since = select(Change.campaign_id, Change.state, Change.change).where(
        Change.brand_id == brand_id, Change.state.in_(states)
    )
    of = union_all(folded, since).subquery()
    return of, func.sum(of.c.number)

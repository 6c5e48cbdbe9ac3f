"""What a render stands on: its campaign, and the persona of that. Neither ever changes."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from pipeline.same_person import same_person
from pipeline.tables import CampaignRow, PersonaRow, RenderRow

_READ = "greenroom_grounds"
_BOTH = (
    select(CampaignRow, PersonaRow)
    .outerjoin(PersonaRow, PersonaRow.id == CampaignRow.persona_id)
    .where(CampaignRow.id == bindparam("campaign_id"))
)


class Grounds(NamedTuple):
    """None is a row that is gone."""

    campaign: CampaignRow | None
    persona: PersonaRow | None


def grounds_of(session: Session, render: RenderRow) -> Grounds:
    """Campaign and persona of a render: one statement, once in a transaction."""
    read: dict[str, Grounds] = session.info.setdefault(_READ, {})
    if render.campaign_id not in read:
        found = session.execute(_BOTH, {"campaign_id": render.campaign_id}).one_or_none()
        read[render.campaign_id] = Grounds(*found) if found is not None else Grounds(None, None)
    return read[render.campaign_id]


def subjects_of(session: Session, render: RenderRow) -> list[str]:
    """What a legal hold over this render may stand on: the render itself, its campaign, its persona and every other
    that is the same person."""
    campaign = grounds_of(session, render).campaign
    people = same_person(session, [campaign.persona_id]) if campaign is not None else []
    return [render.id, render.campaign_id, *people]

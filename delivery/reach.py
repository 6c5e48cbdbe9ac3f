"""What a legal hold would reach: shown to whoever places one, before it stands."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from core.database import reading
from delivery.holds import table_of
from pipeline.counts import Counts, counts_by_key, counts_of_campaigns
from pipeline.grounds import subjects_of
from pipeline.ownership import owned
from pipeline.same_person import newest_personas, same_person
from pipeline.search import Asked, search
from pipeline.states import ENDED, State
from pipeline.tables import CampaignRow, PersonaRow


@dataclass(frozen=True)
class HoldReach:
    """What is under one subject at this moment.

    Attributes:
        title: its name; of a video the end of its id.
        people: every persona that the hold reaches, the newest first, as many as are shown; ``person_count`` are there.
        namesakes: personas of the same name that it does not reach, the newest.
        videos: how many videos are under it, by state.
        held_by: what a hold on it may stand on already: itself, its campaign, whoever appears.
        campaigns: how many campaigns are under it, 0 for a video.
    """

    kind: str
    subject: str
    title: str
    videos: Counts
    held_by: list[str] = field(default_factory=list)
    campaigns: int = 0
    people: list[PersonaRow] = field(default_factory=list)
    person_count: int = 0
    namesakes: list[PersonaRow] = field(default_factory=list)

    @property
    def out(self) -> int:
        """Videos that are released: their links go on."""
        return self.videos.get(State.RELEASED, 0)

    @property
    def stopped(self) -> int:
        """Videos that are not out and not over: none of them goes out while the hold stands."""
        return sum(number for state, number in self.videos.items() if state not in ENDED | {State.RELEASED})


def reach_of(kind: str, subject: str, *, brand_id: str) -> HoldReach:
    """What a hold of this kind on this subject reaches. Raises as :func:`delivery.holds.place_hold`."""
    with reading() as session:
        row = owned(session, table_of(kind), subject.strip(), brand_id)
        if isinstance(row, PersonaRow):
            return _of_person(session, row)
        if isinstance(row, CampaignRow):
            counts = counts_of_campaigns(session, [row.id])[row.id]
            held_by = [row.id, *same_person(session, [row.persona_id])]
            return HoldReach(kind, row.id, row.name, counts, held_by, campaigns=1)
        title = f"Video {row.id[-8:]}"
        return HoldReach(kind, row.id, title, {State(row.state): 1}, subjects_of(session, row))


def _of_person(session: Session, persona: PersonaRow) -> HoldReach:
    ids = same_person(session, [persona.id])
    mine = CampaignRow.persona_id.in_(ids)
    counts = counts_by_key(
        session, select(literal("").label("key"), CampaignRow.id.label("campaign_id")).where(mine)
    )
    named = search(session, Asked("people", name=persona.name), brand_id=persona.brand_id).page.rows
    return HoldReach(
        "person",
        persona.id,
        persona.name,
        counts.get("", {}),
        ids,
        campaigns=session.scalar(select(func.count()).select_from(CampaignRow).where(mine)) or 0,
        people=newest_personas(session, ids),
        person_count=len(ids),
        namesakes=[
            each for each in named if each.id not in ids and each.name.casefold() == persona.name.casefold()
        ],
    )

"""A brand's authorities, for console and command line: how one stands, how far a change reaches, what follows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Select, func, literal_column, select
from sqlalchemy.orm import Session

from audit.authorities import set_status
from audit.models import Authority, AuthorityStatus, Effect
from audit.standing import AuthorityStanding, authority_standing
from audit.tables import AuthorityRow
from core.database import now, transaction
from core.errors import NotFound
from delivery.tables import LinkRow
from pipeline.counts import counts_by_key
from pipeline.states import STAGE_AT, State
from pipeline.tables import CampaignRow, PersonaRow, RenderRow

OPEN = (*STAGE_AT, State.IN_REVIEW, State.APPROVED, State.FAILED)

EFFECTS: dict[Effect, str] = {
    Effect.RECALL: "Take back what is out: released videos stop at once, everywhere.",
    Effect.STOP: "Stop: no new links, releases or sends. Links that people have go on until they expire.",
    Effect.NONE: "Let released videos stand: their links go on, and new ones can be made.",
}
"""What each effect of a withdrawal means for released videos. Under each of them nothing new is made."""


COUNTED_AT_MOST = 10_000


@dataclass(frozen=True)
class Reach:
    """Renders under an authority's record.

    Attributes:
        released: out now; ``open``: in the making, in review, or approved.
        taken_back, stopped: recalled and blocked since the change that suspended or ended the authority; 0 while it is
            granted, and ``COUNTED_AT_MOST`` says that there are so many at least.
    """

    released: int = 0
    open: int = 0
    taken_back: int = 0
    stopped: int = 0


@dataclass(frozen=True)
class Look:
    """An authority's record at one moment: the version in force, how it stands, how far it reaches."""

    standing: AuthorityStanding
    reach: Reach

    @property
    def meaning(self) -> str:
        """What its standing means for its videos, in a sentence or two."""
        authority, state = self.standing.authority, self.standing.state
        if state == "not_yet":
            return "Nothing is made or released before it begins."
        if authority.history[-1].status.value != state:  # it has ended by its date
            return f"Nothing new is made. {EFFECTS[self.standing.effect]}"
        return follows(authority, self.reach)


def look(session: Session, authority_id: str, *, brand_id: str) -> Look:
    """The record that an authority belongs to, whichever of its versions is named. Raises as
    :func:`standing_in_brand`."""
    standing = standing_in_brand(session, authority_id, brand_id=brand_id)
    return Look(standing, reaches(session, [standing.authority])[standing.record_id])


def standing_in_brand(session: Session, authority_id: str, *, brand_id: str) -> AuthorityStanding:
    """How an authority's record stands.

    Raises:
        NotFound: no such authority of this brand. ForgedAuthority: it does not verify.
    """
    standing = authority_standing(session, authority_id)
    if standing.authority.document.brand_id != brand_id:
        raise NotFound("there is no such authority", where=authority_id, next_step="check the id")
    return standing


def change(
    authority_id: str,
    status: AuthorityStatus,
    reason: str,
    *,
    brand_id: str,
    actor_id: str,
    effect: Effect | None = None,
) -> Look:
    """Suspend, lift or withdraw; the caller has checked the right. ``effect`` None: what the record says.

    Raises:
        NotFound: no such authority of this brand.
        Conflict, InputError: as :func:`audit.authorities.set_status`.
    """
    with transaction() as session:
        look(session, authority_id, brand_id=brand_id)  # another brand's does not exist
        set_status(session, authority_id, status, reason, actor_id, effect=effect)
        return look(session, authority_id, brand_id=brand_id)


def reaches(session: Session, authorities: Iterable[Authority]) -> dict[str, Reach]:
    """The numbers of each authority's record at this moment, by record. Renders follow a change within seconds, so two
    looks may differ.

    What is out and in the making is exact, in one query over them all. What a suspension or an end took back is counted
    up to ``COUNTED_AT_MOST`` of each.
    """
    records = {authority.document.record_id: authority for authority in authorities}
    counts = counts_by_key(session, _campaigns(list(records)))
    found = {record_id: counts.get(record_id, {}) for record_id in records}
    return {
        record_id: Reach(
            released=found[record_id].get(State.RELEASED, 0),
            open=sum(found[record_id].get(state, 0) for state in OPEN),
            taken_back=_ended_since(session, authority, State.RECALLED),
            stopped=_ended_since(session, authority, State.BLOCKED),
        )
        for record_id, authority in records.items()
    }


def _campaigns(record_ids: list[str]) -> Select[str, str]:
    """Rows (key, campaign_id): a record, and each campaign of the personas under it."""
    return (
        select(AuthorityRow.record_id.label("key"), CampaignRow.id.label("campaign_id"))
        .join(PersonaRow, PersonaRow.authority_id == AuthorityRow.id)
        .join(CampaignRow, CampaignRow.persona_id == PersonaRow.id)
        .where(AuthorityRow.record_id.in_(record_ids))
    )


def _ended_since(session: Session, authority: Authority, state: State) -> int:
    """Renders that came into this last state since a change that stops them; 0 where the authority is granted."""
    if authority.status is AuthorityStatus.GRANTED:
        return 0
    campaigns = _campaigns([authority.document.record_id]).subquery()
    some = (
        select(RenderRow.id)
        .where(
            RenderRow.campaign_id.in_(select(campaigns.c.campaign_id)),
            RenderRow.changed_at >= authority.history[-1].time,
            literal_column(
                "renders.state IN ('recalled', 'blocked')"
            ),  # word for word what the partial index holds
            RenderRow.state == state,
        )
        .limit(COUNTED_AT_MOST)
    )
    return session.scalar(select(func.count()).select_from(some.subquery())) or 0


def open_links(session: Session, authority: Authority) -> int:
    """Links to released videos under an authority's record that people can open now, up to ``COUNTED_AT_MOST``."""
    campaigns = _campaigns([authority.document.record_id]).subquery()
    some = (
        select(LinkRow.id)
        .join(RenderRow, RenderRow.id == LinkRow.render_id)
        .where(
            RenderRow.campaign_id.in_(select(campaigns.c.campaign_id)),
            RenderRow.state == State.RELEASED,
            LinkRow.revoked_at.is_(None),
            LinkRow.expires_at > now(),
        )
        .limit(COUNTED_AT_MOST)
    )
    return session.scalar(select(func.count()).select_from(some.subquery())) or 0


def would_follow(effect: Effect, reach: Reach, links: int) -> str:
    """What a withdrawal with this effect would do at this moment, in numbers.

    Args:
        links: as :func:`open_links` counts them.
    """
    out = _first(_videos(reach.released, "released"))
    opened = f"{_least(links)}{links:,} {'link' if links == 1 else 'links'} that people have"
    fate = {
        Effect.RECALL: f"{out} {_is(reach.released)} taken back at once, everywhere; {opened} "
        f"{'stops' if links == 1 else 'stop'} working",
        Effect.STOP: f"{out} {'gets' if reach.released == 1 else 'get'} no new links; {opened} "
        f"{'goes' if links == 1 else 'go'} on until {'it expires' if links == 1 else 'they expire'}",
        Effect.NONE: f"{out} {_stay(reach.released)} out; {opened} {'goes' if links == 1 else 'go'} on, "
        "and new ones can be made",
    }[effect]
    return f"{fate}. {reach.open:,} in the making {'stops' if reach.open == 1 else 'stop'}."


def reached(reach: Reach) -> str:
    """What a change would reach, before it is made."""
    return f"{_videos(reach.released, 'released')}, {reach.open:,} in the making"


def follows(authority: Authority, reach: Reach) -> str:
    """What the last change of an authority means for its videos, in one or two sentences."""
    if authority.status is AuthorityStatus.GRANTED:
        return f"Videos can be made, released and linked: {reached(reach)}."
    number = reach.released + reach.taken_back
    making = reach.open + reach.stopped
    out = f"{_least(reach.taken_back)}{_videos(number, 'released')}"
    in_the_making = f"{_least(reach.stopped)}{making:,} in the making"
    if authority.status is AuthorityStatus.SUSPENDED:
        return (
            f"{_first(out)}: links go on until they expire, and there are no new ones. "
            f"{_first(in_the_making)} wait until the suspension is lifted."
        )
    fate = {
        Effect.RECALL: f"{out} {_is(number)} taken back",
        Effect.STOP: f"{out} {_stay(number)} until the links expire",
        Effect.NONE: f"{out} {_stay(number)}",
    }[authority.history[-1].effect]
    return f"{_first(fate)}, {in_the_making} {'stops' if making == 1 else 'stop'}."


def _least(ended: int) -> str:
    return "at least " if ended == COUNTED_AT_MOST else ""


def _first(words: str) -> str:
    return words[:1].upper() + words[1:]


def _videos(number: int, kind: str) -> str:
    return f"{number:,} {kind} video{'' if number == 1 else 's'}"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _stay(number: int) -> str:
    return "stays" if number == 1 else "stay"

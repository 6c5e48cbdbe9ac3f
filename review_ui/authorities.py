"""A brand's authorities, for console and command line: how one stands, how far a change reaches, what follows it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from audit.authorities import set_status
from audit.models import Authority, AuthorityStatus, Effect
from audit.standing import AuthorityStanding, authority_standing
from audit.tables import AuthorityRow
from core.database import transaction
from core.errors import NotFound
from pipeline.states import STAGE_AT, State
from pipeline.tables import CampaignRow, PersonaRow, RenderRow
from review_ui.tables import AccountRow

OPEN = (*STAGE_AT, State.IN_REVIEW, State.APPROVED, State.FAILED)

EFFECTS: dict[Effect, str] = {
    Effect.RECALL: "Take back what is out: released videos stop at once, everywhere.",
    Effect.STOP: "Stop: no new links, releases or sends. Links that people have go on until they expire.",
    Effect.NONE: "Let released videos stand: their links go on, and new ones can be made.",
}
"""What each effect of a withdrawal means for released videos. Under each of them nothing new is made."""


@dataclass(frozen=True)
class Reach:
    """Renders under an authority's record.

    Attributes:
        released: out now; ``open``: in the making, in review, or approved.
        taken_back, stopped: recalled and blocked since the authority's last change.
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
    """The record that an authority belongs to, whichever of its versions is named.

    Raises:
        NotFound: no such authority of this brand. ForgedAuthority: it does not verify.
    """
    standing = authority_standing(session, authority_id)
    if standing.authority.document.brand_id != brand_id:
        raise NotFound("there is no such authority", where=authority_id, next_step="check the id")
    return Look(standing, reach_of(session, standing.authority))


def change(
    authority_id: str,
    status: AuthorityStatus,
    reason: str,
    *,
    account: AccountRow,
    effect: Effect | None = None,
) -> Look:
    """Suspend, lift or withdraw; the caller has checked the right. ``effect`` None: what the record says.

    Raises:
        NotFound: no such authority of this account's brand.
        Conflict, InputError: as :func:`audit.authorities.set_status`.
    """
    with transaction() as session:
        look(session, authority_id, brand_id=account.brand_id)  # another brand's does not exist
        set_status(session, authority_id, status, reason, account.id, effect=effect)
        return look(session, authority_id, brand_id=account.brand_id)


def reach_of(session: Session, authority: Authority) -> Reach:
    """The numbers at this moment. Renders follow a change within seconds, so two looks may differ."""
    versions = select(AuthorityRow.id).where(AuthorityRow.record_id == authority.document.record_id)
    personas = select(PersonaRow.id).where(PersonaRow.authority_id.in_(versions))
    campaigns = select(CampaignRow.id).where(CampaignRow.persona_id.in_(personas))
    since = RenderRow.changed_at >= authority.history[-1].time
    ended = RenderRow.state.in_([State.RECALLED, State.BLOCKED])
    rows = session.execute(
        select(RenderRow.state, func.count())
        .where(RenderRow.campaign_id.in_(campaigns), or_(~ended, since))
        .group_by(RenderRow.state)
    )
    count = {State(state): number for state, number in rows}
    return Reach(
        released=count.get(State.RELEASED, 0),
        open=sum(count.get(state, 0) for state in OPEN),
        taken_back=count.get(State.RECALLED, 0),
        stopped=count.get(State.BLOCKED, 0),
    )


def reached(reach: Reach) -> str:
    """What a change would reach, before it is made."""
    return f"{_videos(reach.released, 'released')}, {reach.open} in the making"


def follows(authority: Authority, reach: Reach) -> str:
    """What the last change of an authority means for its videos, in one or two sentences."""
    out = reach.released + reach.taken_back
    making = reach.open + reach.stopped
    if authority.status is AuthorityStatus.GRANTED:
        return f"Videos can be made, released and linked: {reached(reach)}."
    if authority.status is AuthorityStatus.SUSPENDED:
        return (
            f"{_videos(out, 'released')}: links go on until they expire, and there are no new ones. "
            f"{making} in the making wait until the suspension is lifted."
        )
    fate = {
        Effect.RECALL: f"{_videos(out, 'released')} {_is(out)} taken back",
        Effect.STOP: f"{_videos(out, 'released')} {_stay(out)} until the links expire",
        Effect.NONE: f"{_videos(out, 'released')} {_stay(out)}",
    }[authority.history[-1].effect]
    return f"{fate}, {making} in the making {'stops' if making == 1 else 'stop'}."


def _videos(number: int, kind: str) -> str:
    return f"{number} {kind} video{'' if number == 1 else 's'}"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _stay(number: int) -> str:
    return "stays" if number == 1 else "stay"

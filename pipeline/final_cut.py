"""Trust step 11, the persona's part: where the authority asks for final cut, the person who appears decides over each
video that the reviewers approved, and nothing is released without their yes.

The right is the person's own: whoever else works here, an administrator too, has no such page.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, aliased

from audit.events import Event
from audit.models import Authority, PersonaDecision, PersonaVerdict
from audit.persona_decisions import persona_decisions, record_persona_decision
from audit.tables import PersonaDecisionRow
from core.database import transaction
from core.errors import Conflict, InputError, NotFound
from pipeline import outbox
from pipeline.agreement import check_agreement
from pipeline.grounds import grounds_of
from pipeline.life import move, note
from pipeline.ownership import owned
from pipeline.states import State
from pipeline.tables import CampaignRow, PersonaRow, RenderRow
from pipeline.uses import valid_authority

CODE = "persona_approval_needed"
REFUSED = "persona_refused"
MOST_WORDS = 2000


def final_cut(session: Session, render: RenderRow, authority: Authority) -> PersonaDecision | None:
    """The yes of the person who appears, over this very asset; None where there is none, or it was taken back.

    Raises ForgedApproval: one of the decisions is not what was signed, or was put there or taken away.
    """
    persona_id = authority.document.persona_id
    said = persona_decisions(
        session, render_id=render.id, sealed_sha256=render.sealed_sha256 or "", persona_id=persona_id
    )
    if not said or any(decision.verdict != "approve" for decision in said):
        return None
    given = said[-1]
    over_this = (render.id, render.essence, render.brand_id)
    return given if (given.render_id, given.essence, given.brand_id) == over_this else None


def lacks_final_cut(session: Session, render: RenderRow, authority: Authority) -> str:
    """Why the person who appears keeps this video from going out; "" where their authority does not ask them, or they
    have said yes."""
    if authority.approval_mode in (
        "none",
        "script",
    ):  # a script is asked for before: pipeline/script_approval.py
        return ""
    if final_cut(session, render, authority) is not None:
        return ""
    return "The person who appears in it has not approved this video."


def decide(
    render_id: str,
    *,
    brand_id: str,
    persona_id: str,
    account_id: str,
    sealed_sha256: str,
    verdict: PersonaVerdict,
    words: str = "",
) -> State:
    """Say yes or no to one video, as the person who appears in it; the caller has checked that it is their account.
    Answers with the render's state after it.

    A yes lets a release that waited for it go on; a no ends the render.

    Args:
        sealed_sha256: what they saw; a stale page names another asset and is refused.
        words: why not, for who made it; at most ``MOST_WORDS`` characters.

    Raises:
        NotFound: no such render of this persona. Conflict: it does not wait for them, or the page was stale.
        AuthorityInvalid: the authority does not stand. AlreadyDecided: it was said before.
        LedgerInconsistent: somebody changed the render, its campaign or its persona in the database.
    """
    if len(words) > MOST_WORDS:
        raise InputError(
            f"a reason has at most {MOST_WORDS:,} characters", where="words", next_step="shorten it"
        )
    with transaction() as session:
        row = owned_by_persona(session, render_id, brand_id=brand_id, persona_id=persona_id)
        _check_waits(row, sealed_sha256)
        check_agreement(session, row)
        persona = session.get_one(PersonaRow, persona_id)
        standing = valid_authority(session, persona.authority_id, where=render_id)
        if standing.authority.approval_mode != "final_cut":
            raise Conflict(
                "your authority does not ask for your approval of each video",
                where=render_id,
                next_step="you may withdraw it, or ask for another version of it",
                code="not_asked",
            )
        record_persona_decision(
            session,
            brand_id=brand_id,
            render_id=row.id,
            persona_id=persona_id,
            authority_id=standing.authority.id,
            sealed_sha256=sealed_sha256,
            essence=row.essence or "",
            account_id=account_id,
            verdict=verdict,
            words=words,
        )
        if verdict == "refuse":
            reason = {"code": REFUSED, "message": "the person who appears in it does not approve it"}
            move(
                session,
                row.id,
                State.BLOCKED,
                start=State.APPROVED,
                values={"reason": reason},
                facts={"reason_code": REFUSED},
            )
            return State.BLOCKED
        if (row.reason or {}).get("code") == CODE:  # the release asked for it before, and waits
            note(session, row.id, Event.RENDER_RETRIED, start=State.APPROVED, values={"reason": None})
            outbox.hint(session, row)
        return State.APPROVED


def owned_by_persona(session: Session, render_id: str, *, brand_id: str, persona_id: str) -> RenderRow:
    """A render in which this persona appears. Raises NotFound for any other, as if it did not exist."""
    row = owned(session, RenderRow, render_id, brand_id)
    persona = grounds_of(session, row).persona
    if persona is None or persona.id != persona_id:
        raise NotFound("no such render", where=render_id, next_step="check the id")
    return row


def campaign_of_persona(session: Session, campaign_id: str, *, brand_id: str, persona_id: str) -> CampaignRow:
    """One campaign in which this persona appears. Raises NotFound for any other, as if it did not exist."""
    row = owned(session, CampaignRow, campaign_id, brand_id)
    if row.persona_id != persona_id:
        raise NotFound("no such campaign", where=campaign_id, next_step="check the id")
    return row


def waiting_for(session: Session, persona_id: str, *, limit: int) -> Sequence[RenderRow]:
    """The videos that wait for this persona, oldest first. Whether the authority asks them is the caller's question."""
    decided = aliased(PersonaDecisionRow)
    none_yet = ~select(decided.id).where(decided.render_id == RenderRow.id).exists()
    query = select(RenderRow).where(
        RenderRow.campaign_id.in_(campaigns_of(persona_id)), RenderRow.state == State.APPROVED, none_yet
    )
    return session.scalars(query.order_by(RenderRow.created_at, RenderRow.id).limit(limit)).all()


def campaigns_of(persona_id: str) -> Select[str]:
    """Ids of the campaigns in which a persona appears."""
    return select(CampaignRow.id).where(CampaignRow.persona_id == persona_id)


def _check_waits(row: RenderRow, sealed_sha256: str) -> None:
    if row.state != State.APPROVED:
        raise Conflict(
            f"this video does not wait for your decision: it is {row.state.replace('_', ' ')}",
            where=row.id,
            next_step="go back to your page",
            code="not_waiting",
        )
    if row.sealed_sha256 != sealed_sha256:
        raise Conflict(
            "the page showed another file than the one that waits",
            where=row.id,
            next_step="reload the page and look at the video again",
            code="stale_page",
        )

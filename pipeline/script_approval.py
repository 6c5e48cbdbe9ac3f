"""Trust step 1, the persona's part: where the authority asks for it, the person who appears says yes to a script before
a second of it is made.

Their yes is to a campaign's script: its words, with what may be filled in. It covers whatever the script composes; who
would rather see each text says so, and is then asked for each. A finished video that comes in says words of its own,
and each such text is asked for. A campaign's script never changes: another one is another campaign, and another yes.

The right is the person's own, as with the final cut (pipeline/final_cut.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from audit.events import Event
from audit.models import ScriptDecision, ScriptVerdict
from audit.script_decisions import Script, record_script_decision, script_decisions
from audit.standing import AuthorityStanding
from core.canonical import digest_bytes, digest_json
from core.database import hold, seize, transaction
from core.errors import Conflict, InputError
from pipeline import outbox
from pipeline.agreement import check_agreement, check_rows
from pipeline.final_cut import MOST_WORDS, REFUSED, campaign_of_persona, owned_by_persona
from pipeline.grounds import grounds_of
from pipeline.life import note
from pipeline.states import STAGE_AT, State
from pipeline.tables import CampaignRow, PersonaRow, RenderRow
from pipeline.uses import valid_authority

CODE = "script_approval_needed"
UNDECIDED = (*(state for state in STAGE_AT if state is not State.DRAFT), State.IN_REVIEW, State.APPROVED)
"""The states of a video whose text may be decided over: it is not made yet, or was before the authority asked."""
_WOKEN = 1000

Step = Literal["waits", "refused"]


@dataclass(frozen=True)
class Lack:
    """What keeps a script from being made. ``each``: their yes to the campaign's script is there, that to this text is
    not."""

    step: Step
    each: bool = False

    @property
    def sentence(self) -> str:
        if self.step == "refused":
            return "The person who appears has refused this script."
        return f"The person who appears has not approved this {'text' if self.each else 'script'}."

    @property
    def code(self) -> str:
        return REFUSED if self.step == "refused" else CODE


def script_of(campaign: CampaignRow) -> Script:
    """A campaign's script: its words, what may be filled in, and the language that it is spoken in."""
    said = {
        "template": campaign.template,
        "fields": campaign.field_schema,
        "language": campaign.language,
    }
    return Script(campaign.id, digest_json(said))


def text_of(render: RenderRow) -> Script:
    """The text of one video, as it will be spoken."""
    return Script(render.campaign_id, digest_bytes((render.script or "").encode("utf-8")), render.id)


def said_of(
    session: Session, script: Script, standing: AuthorityStanding, persona_id: str
) -> ScriptDecision | None:
    """What the person last said of a script and still counts; until this transaction ends they say nothing else.

    Raises ForgedApproval.
    """
    hold(session, _fact(script.campaign_id))
    said = script_decisions(session, script, persona_id=persona_id, after=standing.ended)
    return said[-1] if said else None


def approval_of(
    session: Session, render: RenderRow, standing: AuthorityStanding
) -> ScriptDecision | Lack | None:
    """The yes on which a video's words stand, or what lacks; None where the authority does not ask for one.

    Raises ForgedApproval.
    """
    if standing.authority.approval_mode != "script":
        return None
    campaign = grounds_of(session, render).campaign
    if campaign is None:
        return Lack("waits")
    if render.origin == "made":
        said = said_of(session, script_of(campaign), standing, campaign.persona_id)
        if said is None or said.verdict == "refuse":
            return Lack("waits" if said is None else "refused")
        if said.verdict == "approve" or render.state == State.DRAFT:  # a draft's text is not composed yet
            return said
    said = said_of(session, text_of(render), standing, campaign.persona_id) if render.script else None
    if said is None or said.verdict != "approve":  # a video that states no words has none that are approved
        return Lack("waits" if said is None else "refused", each=True)
    return said


def lacks_approval(session: Session, render: RenderRow, standing: AuthorityStanding) -> Lack | None:
    """What keeps a video's words from being made, released or linked anew. Raises ForgedApproval."""
    found = approval_of(session, render, standing)
    return found if isinstance(found, Lack) else None


def lacks_yes(session: Session, campaign: CampaignRow, standing: AuthorityStanding) -> Lack | None:
    """What keeps everything that a campaign's script would compose from being made. Raises ForgedApproval."""
    if standing.authority.approval_mode != "script":
        return None
    said = said_of(session, script_of(campaign), standing, campaign.persona_id)
    if said is None:
        return Lack("waits")
    return Lack("refused") if said.verdict == "refuse" else None


def check_asked(
    session: Session,
    campaign: CampaignRow,
    standing: AuthorityStanding,
    *,
    made: bool,
    script: str | None = None,
) -> None:
    """At intake: a video of this campaign may be asked for. One that brings its own words is taken, and waits for their
    yes; without words it is not.

    Raises Conflict, with what it waits for.
    """
    if standing.authority.approval_mode != "script":
        return
    if not made:
        if not (script or "").strip():
            raise Conflict(
                "the person who appears approves each script, and this video states none",
                where="script",
                next_step="write down what is said in it, then bring it in again",
                code=CODE,
            )
        return
    if (lack := lacks_yes(session, campaign, standing)) is not None:
        raise Conflict(
            lack.sentence[:1].lower() + lack.sentence[1:].rstrip("."),
            where=campaign.id,
            next_step="make another campaign with other words"
            if lack.step == "refused"
            else "they decide on their own page; until then recipients can be tried, and nothing is made",
            code=lack.code,
        )


def decide_script(
    campaign_id: str,
    *,
    brand_id: str,
    persona_id: str,
    account_id: str,
    sha256: str,
    verdict: ScriptVerdict,
    words: str = "",
) -> None:
    """Say yes or no to a campaign's script, as the person who appears; the caller has checked that it is their account.

    Args:
        sha256: of what they saw. words: why not, for who wrote it; at most ``MOST_WORDS`` characters.

    Raises:
        NotFound: no such campaign of this persona. Conflict: they are not asked, or the page was stale.
        AuthorityInvalid: the authority does not stand. AlreadyDecided: it was said before.
        LedgerInconsistent: somebody changed the campaign or the persona in the database.
    """
    with transaction() as session:
        campaign = campaign_of_persona(session, campaign_id, brand_id=brand_id, persona_id=persona_id)
        persona = session.get_one(PersonaRow, persona_id)
        check_rows(session, campaign, persona, where=campaign.id)
        script = script_of(campaign)
        _decide(session, script, persona, account_id, sha256=sha256, verdict=verdict, words=words)
        _wake(session, RenderRow.campaign_id == campaign.id, RenderRow.origin == "made")


def decide_text(
    render_id: str,
    *,
    brand_id: str,
    persona_id: str,
    account_id: str,
    sha256: str,
    verdict: Literal["approve", "refuse"],
    words: str = "",
) -> None:
    """Say yes or no to the text of one video before it is made. Arguments and errors as of :func:`decide_script`."""
    with transaction() as session:
        render = owned_by_persona(session, render_id, brand_id=brand_id, persona_id=persona_id)
        check_agreement(session, render)
        if State(render.state) not in UNDECIDED or not render.script:
            raise Conflict(
                "this text does not wait for your decision",
                where=render.id,
                next_step="go back to your page",
                code="not_waiting",
            )
        persona = session.get_one(PersonaRow, persona_id)
        _decide(session, text_of(render), persona, account_id, sha256=sha256, verdict=verdict, words=words)
        _wake(session, RenderRow.campaign_id == render.campaign_id, RenderRow.script == render.script)


def _decide(
    session: Session,
    script: Script,
    persona: PersonaRow,
    account_id: str,
    *,
    sha256: str,
    verdict: ScriptVerdict,
    words: str,
) -> None:
    where = script.render_id or script.campaign_id
    if len(words) > MOST_WORDS:
        raise InputError(
            f"a reason has at most {MOST_WORDS:,} characters", where="words", next_step="shorten it"
        )
    if script.sha256 != sha256:
        raise Conflict(
            "the page showed another script than the one that waits",
            where=where,
            next_step="reload the page and read it again",
            code="stale_page",
        )
    standing = valid_authority(session, persona.authority_id, where=where)
    if standing.authority.approval_mode != "script":
        raise Conflict(
            "your authority does not ask for your approval of each script",
            where=where,
            next_step="you may withdraw it, or ask for another version of it",
            code="not_asked",
        )
    seize(session, _fact(script.campaign_id))  # whoever acts on what was said before acts before this
    record_script_decision(
        session,
        script,
        brand_id=persona.brand_id,
        persona_id=persona.id,
        authority_id=standing.authority.id,
        account_id=account_id,
        verdict=verdict,
        words=words,
        after=standing.ended,
    )


def _wake(session: Session, *which: object) -> None:
    """What waited for the answer goes on, or ends: the next sweep tells workers of it. What the release left with its
    reason is tried again."""
    waiting = select(RenderRow.id).where(*which, RenderRow.state.in_([*STAGE_AT]))  # type: ignore[arg-type]
    session.execute(
        update(RenderRow)
        .where(RenderRow.id.in_(waiting.limit(_WOKEN)), RenderRow.retry_at.is_not(None))
        .values(retry_at=None, hinted_at=None, waits=0)
        .execution_options(synchronize_session=False)
    )
    refused = select(RenderRow).where(*which, RenderRow.state == State.APPROVED, RenderRow.cause == CODE)  # type: ignore[arg-type]
    for row in session.scalars(refused.limit(_WOKEN)).all():
        note(session, row.id, Event.RENDER_RETRIED, start=State.APPROVED, values={"reason": None})
        outbox.hint(session, row)


def _fact(campaign_id: str) -> str:
    return f"scripts of {campaign_id}"

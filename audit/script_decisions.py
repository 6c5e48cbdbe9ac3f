"""What the person who appears says of a script before a second of it is made (trust step 1), where their authority asks
for it: of a campaign's script, or of one text as it will be spoken.

Signed with the key of decisions, which workers do not hold. The ledger names no digest of a text: who guesses its words
could check the guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit import signed_decisions
from audit.errors import AlreadyDecided
from audit.events import Event
from audit.ledger.entries import append
from audit.models import ScriptDecision, ScriptVerdict
from audit.tables import LedgerEntryRow, ScriptDecisionRow
from core.database import now
from core.ids import new_id

TYPE = "greenroom.script_decision.v1"

_COLUMNS = (
    "id", "brand_id", "campaign_id", "render_id", "persona_id", "script_sha256", "account_id", "verdict",
)  # fmt: skip
"""The columns that say again what was signed."""


@dataclass(frozen=True)
class Script:
    """What is decided over: a campaign's script, or (``render_id``) the text of one of its videos.

    ``sha256``: of what was shown, lower-case hex. Two videos with the same text are one script.
    """

    campaign_id: str
    sha256: str
    render_id: str | None = None


def record_script_decision(
    session: Session,
    script: Script,
    *,
    brand_id: str,
    persona_id: str,
    authority_id: str,
    account_id: str,
    verdict: ScriptVerdict,
    words: str = "",
    after: int = 0,
) -> ScriptDecision:
    """Sign and record a decision, with its ledger entry in the same transaction.

    Args:
        after: as for :func:`script_decisions`: a yes from before has to be given again, and may be.

    Raises:
        AlreadyDecided: the same was said before, or it was refused: a refusal stays.
        KeyProblem: this process may not sign decisions.
    """
    before = script_decisions(session, script, persona_id=persona_id, after=after)
    if before and (before[-1].verdict == verdict or before[-1].verdict == "refuse"):
        raise AlreadyDecided(
            "you have decided over this script already",
            where=script.render_id or script.campaign_id,
            next_step="reload the page",
        )
    rows = _rows(session, script, persona_id)
    moment = now()
    decision = ScriptDecision(
        id=new_id("sdn"),
        brand_id=brand_id,
        campaign_id=script.campaign_id,
        # One text has one history, whichever of its videos was looked at.
        render_id=rows[0].render_id if rows else script.render_id,
        persona_id=persona_id,
        authority_id=authority_id,
        script_sha256=script.sha256,
        account_id=account_id,
        verdict=verdict,
        words=words.strip()[:2000],
        time=moment,
    )
    row = ScriptDecisionRow(
        **{name: getattr(decision, name) for name in _COLUMNS},
        **signed_decisions.signed(session, TYPE, decision, moment),
        created_at=moment,
    )
    facts = {
        "decision_id": row.id,
        "campaign_id": script.campaign_id,
        "persona_id": persona_id,
        "authority_id": authority_id,
        "template_sha256": script.sha256 if script.render_id is None else None,
        "actor": account_id,
        "verdict": verdict,
    }
    append(session, Event.SCRIPT_DECIDED, _subject(row), facts, rows=[row])
    return decision


def script_decisions(
    session: Session, script: Script, *, persona_id: str, after: int = 0
) -> list[ScriptDecision]:
    """What this persona said of this script and still counts, oldest first.

    Args:
        after: the ledger's id of the last end of their authority: a yes from before it counts no more, a no does.

    Raises:
        ForgedApproval: a row is not what was signed, or the ledger knows other decisions than the rows.
    """
    rows = _rows(session, script, persona_id)
    subject = _subject(rows[0]) if rows else script.render_id or script.campaign_id
    entries = _entries(session, subject)
    if set(entries) != {row.id for row in rows}:
        raise signed_decisions.unknown_to_the_ledger(subject)
    for row in rows:
        signed_decisions.check_key_in_use(session, row, entries[row.id])
    said = [verified(row) for row in sorted(rows, key=lambda row: entries[row.id])]
    return [one for one in said if entries[one.id] > after or one.verdict == "refuse"]


def check_key_in_use(session: Session, row: ScriptDecisionRow) -> None:
    """A key that was retired signs nothing more. Raises ForgedApproval."""
    entries = _entries(session, _subject(row))
    signed_decisions.check_key_in_use(session, row, entries.get(row.id))


def verified(row: ScriptDecisionRow) -> ScriptDecision:
    """What a row says, its signature checked. Raises :class:`audit.errors.ForgedApproval`."""
    return signed_decisions.read(row, TYPE, ScriptDecision, _COLUMNS)


def _rows(session: Session, script: Script, persona_id: str) -> Sequence[ScriptDecisionRow]:
    of_a_text = ScriptDecisionRow.render_id.is_not(None)
    query = select(ScriptDecisionRow).where(
        ScriptDecisionRow.campaign_id == script.campaign_id,
        ScriptDecisionRow.script_sha256 == script.sha256,
        ScriptDecisionRow.persona_id == persona_id,
        of_a_text if script.render_id is not None else ~of_a_text,
    )
    return session.scalars(query).all()


def _subject(row: ScriptDecisionRow) -> str:
    return row.render_id or row.campaign_id


def _entries(session: Session, subject: str) -> dict[str, int]:
    """Ids of the entries that the ledger has of decisions over this script, by the decision's id."""
    found = session.scalars(
        select(LedgerEntryRow).where(
            LedgerEntryRow.subject == subject, LedgerEntryRow.event == Event.SCRIPT_DECIDED.value
        )
    )
    return {str(entry.facts.get("decision_id")): entry.id for entry in found}

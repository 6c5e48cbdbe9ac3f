"""A release names the decisions that it stands on; whoever serves it asks for their signatures (trust steps 11 to 13).

An entry and a row can be written by whoever owns the database. A decision cannot: it is signed with a key that
is not there.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from audit import persona_decisions, script_decisions
from audit.approvals import verified
from audit.events import Event
from audit.tables import ApprovalRow, LedgerEntryRow, PersonaDecisionRow, ScriptDecisionRow
from pipeline.grounds import grounds_of
from pipeline.script_approval import script_of, text_of
from pipeline.tables import RenderRow

_NAMED = select(ApprovalRow).where(ApprovalRow.id.in_(bindparam("named", expanding=True)))


def decided_by_people(session: Session, render: RenderRow, released_by: int, stated: dict[str, Any]) -> bool:
    """Whether the release entry ``released_by`` stands on signed approvals over this very file, and on the yes of the
    person who appears where it names one.

    Their yes to its words, where it names one, likewise.

    Releases of the first version name none: they count where the marker of the adoption came after them.
    Raises ForgedApproval for one that is not what was signed.
    """
    named = stated.get("approval_ids")
    if named is None:
        marker = select(func.min(LedgerEntryRow.id)).where(LedgerEntryRow.event == Event.ROWS_ADOPTED.value)
        adopted = session.scalar(marker)
        return adopted is not None and released_by < adopted
    rows = session.scalars(_NAMED, {"named": named}).all()
    decisions = [verified(row) for row in rows]
    over_this = (render.id, render.sealed_sha256, render.essence, "approve")
    return (
        bool(decisions)
        and len(decisions) == len(named)
        and all(
            (one.render_id, one.sealed_sha256, one.essence, one.verdict) == over_this for one in decisions
        )
        and _final_cut(session, stated.get("persona_decision_id"), over_this)
        and _script(session, render, stated.get("script_decision_id"))
    )


def _final_cut(session: Session, decision_id: Any, over_this: tuple[Any, ...]) -> bool:
    if decision_id is None:
        return True
    row = session.get(PersonaDecisionRow, decision_id)
    if row is None:
        return False
    said = persona_decisions.verified(row)
    return (said.render_id, said.sealed_sha256, said.essence, said.verdict) == over_this


def _script(session: Session, render: RenderRow, named: Any) -> bool:
    if named is None:
        return True
    row = session.get(ScriptDecisionRow, named)
    campaign = grounds_of(session, render).campaign
    if row is None or campaign is None:
        return False
    said = script_decisions.verified(row)
    spoken = script_of(campaign) if said.render_id is None else text_of(render)
    return (said.campaign_id, said.script_sha256, said.verdict) == (campaign.id, spoken.sha256, "approve")

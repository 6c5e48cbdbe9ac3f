"""What the person who appears says of one sealed asset (trust step 11), where their authority asks for it.

Signed with the key of decisions, which workers do not hold, and kept apart from the approvals of reviewers: one is
never counted as the other.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit import signed_decisions
from audit.errors import AlreadyDecided
from audit.events import Event
from audit.ledger.entries import append
from audit.models import PersonaDecision, PersonaVerdict
from audit.tables import LedgerEntryRow, PersonaDecisionRow
from core.database import now
from core.ids import new_id

TYPE = "greenroom.persona_decision.v1"

_COLUMNS = ("id", "brand_id", "render_id", "persona_id", "sealed_sha256", "account_id", "verdict")
"""The columns that say again what was signed."""


def record_persona_decision(
    session: Session,
    *,
    brand_id: str,
    render_id: str,
    persona_id: str,
    authority_id: str,
    sealed_sha256: str,
    essence: str,
    account_id: str,
    verdict: PersonaVerdict,
    words: str = "",
) -> PersonaDecision:
    """Sign and record a decision, with its ledger entry in the same transaction.

    Raises:
        AlreadyDecided: the same was said before, or it was refused: a refusal stays.
        KeyProblem: this process may not sign decisions.
    """
    said = {row.verdict for row in _rows(session, render_id, sealed_sha256, persona_id)}
    if verdict in said or "refuse" in said:
        raise AlreadyDecided(
            "you have decided over this video already",
            where=render_id,
            next_step="reload the page",
        )
    moment = now()
    decision = PersonaDecision(
        id=new_id("pdn"),
        brand_id=brand_id,
        render_id=render_id,
        persona_id=persona_id,
        authority_id=authority_id,
        sealed_sha256=sealed_sha256,
        essence=essence,
        account_id=account_id,
        verdict=verdict,
        words=words.strip()[:2000],
        time=moment,
    )
    row = PersonaDecisionRow(
        **{name: getattr(decision, name) for name in _COLUMNS},
        **signed_decisions.signed(session, TYPE, decision, moment),
        created_at=moment,
    )
    facts = {
        "decision_id": row.id,
        "persona_id": persona_id,
        "authority_id": authority_id,
        "sealed_sha256": sealed_sha256,
        "essence": essence,
        "actor": account_id,
        "verdict": verdict,
    }
    append(session, Event.PERSONA_DECIDED, render_id, facts, rows=[row])
    return decision


def persona_decisions(
    session: Session, *, render_id: str, sealed_sha256: str, persona_id: str
) -> list[PersonaDecision]:
    """Every decision of this persona over this asset, oldest first.

    Raises:
        ForgedApproval: a row is not what was signed, or the ledger knows other decisions than the rows.
    """
    rows = _rows(session, render_id, sealed_sha256, persona_id)
    entries = _entries(session, render_id)
    known = {
        name
        for name, entry in entries.items()
        if (entry.facts.get("sealed_sha256"), entry.facts.get("persona_id")) == (sealed_sha256, persona_id)
    }
    if known != {row.id for row in rows}:
        raise signed_decisions.unknown_to_the_ledger(render_id)
    for row in rows:
        check_key_in_use(session, row, entries[row.id])
    return [verified(row) for row in rows]


def check_key_in_use(session: Session, row: PersonaDecisionRow, entry: LedgerEntryRow | None = None) -> None:
    """A key that was retired signs nothing more. ``entry``: the decision's; None: it is looked up. Raises
    ForgedApproval."""
    entry = entry or _entries(session, row.render_id).get(row.id)
    signed_decisions.check_key_in_use(session, row, entry.id if entry is not None else None)


def verified(row: PersonaDecisionRow) -> PersonaDecision:
    """What a row says, its signature checked. Raises :class:`audit.errors.ForgedApproval`."""
    return signed_decisions.read(row, TYPE, PersonaDecision, _COLUMNS)


def _rows(
    session: Session, render_id: str, sealed_sha256: str, persona_id: str
) -> Sequence[PersonaDecisionRow]:
    query = select(PersonaDecisionRow).where(
        PersonaDecisionRow.render_id == render_id,
        PersonaDecisionRow.sealed_sha256 == sealed_sha256,
        PersonaDecisionRow.persona_id == persona_id,
    )
    return sorted(session.scalars(query), key=lambda row: (row.created_at, row.id))


def _entries(session: Session, render_id: str) -> dict[str, LedgerEntryRow]:
    """What the ledger says that was decided over this render by who appears in it, by the decision's id."""
    found = session.scalars(
        select(LedgerEntryRow).where(
            LedgerEntryRow.subject == render_id, LedgerEntryRow.event == Event.PERSONA_DECIDED.value
        )
    )
    return {str(entry.facts.get("decision_id")): entry for entry in found}

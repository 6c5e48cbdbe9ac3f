"""What the person who appears says of one sealed asset (trust step 11), where their authority asks for it.

Signed with the key of decisions, which workers do not hold, and kept apart from the approvals of reviewers: one is
never counted as the other.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit import keys
from audit.errors import AlreadyDecided, ForgedApproval
from audit.events import Event
from audit.key_record import retired_by
from audit.ledger.entries import append, timestamp
from audit.models import PersonaDecision, PersonaVerdict
from audit.signing import sign_in_use
from audit.tables import LedgerEntryRow, PersonaDecisionRow
from core.canonical import canonical_json
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
    document = canonical_json({"type": TYPE, **decision.model_dump(mode="json"), "time": timestamp(moment)})
    signature = sign_in_use(session, keys.APPROVALS, document)
    row = PersonaDecisionRow(
        **{name: getattr(decision, name) for name in _COLUMNS},
        document=document.decode("utf-8"),
        key_id=signature.key_id,
        signature=signature.value,
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
        raise ForgedApproval(
            "the ledger knows other decisions of the person who appears than the database",
            where=render_id,
            next_step="run `greenroom ledger verify`; nothing is released on these decisions",
        )
    for row in rows:
        check_key_in_use(session, row, entries[row.id])
    return [verified(row) for row in rows]


def check_key_in_use(session: Session, row: PersonaDecisionRow, entry: LedgerEntryRow | None = None) -> None:
    """A key that was retired signs nothing more. ``entry``: the decision's; None: it is looked up. Raises
    ForgedApproval."""
    retired = retired_by(session, row.key_id, keys.APPROVALS)
    if retired is None:
        return
    entry = entry or _entries(session, row.render_id).get(row.id)
    if entry is None or entry.id > retired.id:
        raise _forged(row, "a decision was signed with a key after it was retired")


def verified(row: PersonaDecisionRow) -> PersonaDecision:
    """What a row says, its signature checked. Raises :class:`ForgedApproval`."""
    data = row.document.encode("utf-8")
    if not keys.verify(keys.APPROVALS, keys.Signature(row.key_id, row.signature), data):
        raise _forged(row, "a decision of the person who appears was not signed here")
    try:
        document = json.loads(data)
        if document.pop("type", None) != TYPE:
            raise ValueError("another kind of document")
        decision = PersonaDecision.model_validate(document)
    except (ValueError, AttributeError) as error:
        raise _forged(row, "a signed decision cannot be read") from error
    same = all(getattr(row, name) == getattr(decision, name) for name in _COLUMNS)
    if not same or row.created_at != decision.time:
        raise _forged(row, "a decision's columns differ from what was signed")
    return decision


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


def _forged(row: PersonaDecisionRow, what: str) -> ForgedApproval:
    return ForgedApproval(
        what, where=row.id, next_step="run `greenroom ledger verify`; nothing is released on this decision"
    )

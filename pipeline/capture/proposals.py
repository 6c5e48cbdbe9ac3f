"""An authority that somebody states in the browser counts for nothing until a legal user has approved it.

Approval makes it: until then there is no authority that a door could ask. Who stated it does not approve it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.errors import LedgerInconsistent
from audit.events import Event
from audit.ledger import append
from audit.ledger.agreement import agrees
from audit.models import Authority
from audit.standing import authority_standing
from core.database import now, reading, take_turn, transaction
from core.errors import Conflict, Forbidden, InputError, NotFound
from core.ids import new_id
from pipeline.authority_file import AuthorityFile, authority_as_stated, store_persona
from pipeline.capture.documents import read_document
from pipeline.capture.stating import SIGNED_DOCUMENT, examined_reference, read_content
from pipeline.capture.tables import DocumentRow, ProposalRow
from pipeline.tables import PersonaRow

MOST_WORDS = 2000


def approve_proposal(proposal_id: str, *, brand_id: str, actor_id: str) -> Authority:
    """Let a proposed authority count, from now on; a new persona begins with it. The caller has checked the right.

    Raises:
        Forbidden: who stated it does not approve it.
        Conflict: it was decided before, another version came between, or the reference was used meanwhile.
        NotFound, IntegrityError: its document cannot be read (any more). LedgerInconsistent: somebody changed it.
    """
    _read_document(proposal_id, brand_id)  # before the transaction, which reads no store
    with transaction() as session:
        row = _open(session, proposal_id, brand_id)
        if row.proposed_by == actor_id:
            raise Forbidden(
                "who states an authority does not approve it",
                where=proposal_id,
                next_step="ask another person of legal",
                code="own_proposal",
            )
        content = read_content(row.content)
        _check_document(session, row, content)
        make = authority_as_stated(content, brand_id=brand_id, actor=actor_id, supersedes=row.supersedes)
        if row.onboarding_id is not None:
            authority_id = _begin_persona(session, row.onboarding_id, brand_id, make)
        else:
            authority_id = make(session, row.persona_id or "").id
        _decide(session, row, "approved", actor_id, authority_id=authority_id)
        return authority_standing(session, authority_id).authority


def refuse_proposal(proposal_id: str, *, brand_id: str, actor_id: str, words: str) -> None:
    """Say no to a proposed authority, with a reason for who stated it. Raises InputError, NotFound, Conflict."""
    if not words.strip():
        raise InputError("a refusal needs a reason", where="words", next_step="say what is missing")
    if len(words.strip()) > MOST_WORDS:
        raise InputError(
            f"a reason has at most {MOST_WORDS:,} characters", where="words", next_step="shorten it"
        )
    with transaction() as session:
        row = _open(session, proposal_id, brand_id)
        _decide(session, row, "refused", actor_id, words=words.strip())


def find_proposal(session: Session, proposal_id: str, *, brand_id: str) -> ProposalRow:
    """One proposal of this brand. Raises NotFound."""
    row = session.get(ProposalRow, proposal_id)
    if row is None or row.brand_id != brand_id:
        raise NotFound("no such proposal", where=proposal_id, next_step="check the id")
    return row


def proposal_behind(session: Session, authority_id: str, *, brand_id: str) -> ProposalRow | None:
    """The proposal that became this authority; None where it came in by a file."""
    query = select(ProposalRow).where(
        ProposalRow.authority_id == authority_id, ProposalRow.brand_id == brand_id
    )
    return session.scalars(query.limit(1)).first()


def waiting_proposals(session: Session, *, brand_id: str, limit: int = 50) -> Sequence[ProposalRow]:
    """What waits for legal at a brand, oldest first."""
    query = select(ProposalRow).where(ProposalRow.brand_id == brand_id, ProposalRow.verdict.is_(None))
    return session.scalars(query.order_by(ProposalRow.created_at, ProposalRow.id).limit(limit)).all()


def _begin_persona(session: Session, onboarding_id: str, brand_id: str, make: Any) -> str:
    came_from = examined_reference(session, onboarding_id, brand_id)
    if not agrees(session, came_from, subject=came_from.id):
        raise _altered(came_from.id)
    row = PersonaRow(
        id=new_id("per"),
        brand_id=brand_id,
        name=came_from.name,
        voice=came_from.voice,
        reference_sha256=came_from.reference_sha256 or "",
        material_sha256=came_from.material_sha256 or "",
    )
    store_persona(session, row, make)
    came_from.persona_id, came_from.changed_at = row.id, now()
    append(session, Event.REFERENCE_ENROLLED, came_from.id, {"persona_id": row.id}, rows=[came_from])
    return row.authority_id


def _open(session: Session, proposal_id: str, brand_id: str) -> ProposalRow:
    """A proposal that waits, ours until the transaction ends, as it was stated."""
    row = take_turn(session, ProposalRow, proposal_id)
    if row is None or row.brand_id != brand_id:
        raise NotFound("no such proposal", where=proposal_id, next_step="check the id")
    if row.verdict is not None:
        raise Conflict(
            f"this proposal was {row.verdict} before",
            where=proposal_id,
            next_step="reload the page",
            code="decided",
        )
    if not agrees(session, row, subject=row.id):
        raise _altered(row.id)
    return row


def _read_document(proposal_id: str, brand_id: str) -> None:
    """The document is there and whole. Raises as :func:`pipeline.capture.documents.read_document`."""
    with reading() as session:
        row = find_proposal(session, proposal_id, brand_id=brand_id)
        document = session.get(DocumentRow, row.document_id) if row.document_id is not None else None
    if document is not None:
        read_document(document)


def _check_document(session: Session, row: ProposalRow, content: AuthorityFile) -> None:
    """The document is the one that the authority will name."""
    named = content.evidence.get(SIGNED_DOCUMENT)
    document = session.get(DocumentRow, row.document_id) if row.document_id is not None else None
    if named is None and document is None and content.consent is None:
        return
    if document is None or document.brand_id != row.brand_id or document.sha256 != named:
        raise LedgerInconsistent(
            "the document is not the one that the proposal names",
            where=row.id,
            next_step="refuse it, and have it stated anew",
        )


def _decide(
    session: Session,
    row: ProposalRow,
    verdict: str,
    actor_id: str,
    *,
    words: str = "",
    authority_id: str | None = None,
) -> None:
    row.verdict, row.words, row.authority_id = verdict, words, authority_id
    row.decided_by, row.decided_at = actor_id, now()
    facts = {"verdict": verdict, "authority_id": authority_id, "actor": actor_id}
    append(session, Event.PROPOSAL_DECIDED, row.id, facts, rows=[row])


def _altered(row_id: str) -> LedgerInconsistent:
    return LedgerInconsistent(
        "what was stated is not what the ledger recorded",
        where=row_id,
        next_step="run `greenroom ledger verify` and find out who changed it; then state it anew",
    )

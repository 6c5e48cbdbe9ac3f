"""An authority that somebody states in the browser counts for nothing until a legal user has approved it.

Approval makes it: until then there is no authority that a door could ask. Who stated it does not approve it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.errors import LedgerInconsistent
from audit.events import Event
from audit.ledger import append
from audit.ledger.agreement import agrees
from audit.models import Authority
from audit.standing import authority_standing
from core.canonical import digest_bytes
from core.database import now, reading, take_turn, transaction
from core.errors import Conflict, Forbidden, InputError, NotFound
from core.faults import worded
from core.ids import new_id
from pipeline.authority_file import AuthorityFile, authority_as_stated, store_persona
from pipeline.capture.documents import draft_document, keep, read_document
from pipeline.capture.tables import DocumentRow, OnboardingRow, ProposalRow
from pipeline.ownership import owned
from pipeline.tables import PersonaRow

MOST_WORDS = 2000
MOST_NOTICE = 15_000
KEEP_YEARS = (1, 3, 6, 10)
"""For how long after an authority's last day its document may be kept; without a last day, after it was uploaded."""
SIGNED_DOCUMENT = "signed_document"
"""The name of the document among an authority's evidence."""


def propose(
    stated: dict[str, Any],
    *,
    brand_id: str,
    actor_id: str,
    persona_id: str | None = None,
    onboarding_id: str | None = None,
    notice: str = "",
    document: bytes = b"",
    keep_years: int = KEEP_YEARS[0],
) -> ProposalRow:
    """State an authority for a persona that there is (a new version), or for an examined reference (a new persona).

    Args:
        stated: as an authority's file says it; see :class:`pipeline.authority_file.AuthorityFile`.
        notice: the words that the person was shown; their digest is then what the consent names.
        document: the signed document. A consent needs one.
        keep_years: see ``KEEP_YEARS``.

    Raises:
        InputError: it does not say a complete authority, each fault in words; no document where there has to be one.
        NotFound: no such persona or reference of this brand. Conflict: the reference was not examined well.
        Nothing was stored in each of these cases.
    """
    if (persona_id is None) == (onboarding_id is None):
        raise InputError(
            "an authority is for one persona or one reference",
            where="persona",
            next_step="begin again from the persona's page",
        )
    if keep_years not in KEEP_YEARS:
        raise InputError("the document's time is none of those offered", where="keep_years")
    said = _with_evidence(stated, notice, document)
    content = read_content(said)
    if content.consent is not None and not document:
        raise InputError(
            "a consent needs the document that the person signed",
            where="document",
            next_step="choose the signed document",
        )
    if content.consent is not None and None in (content.scope.not_before, content.scope.not_after):
        raise InputError(
            "a consent states its first and its last day",
            where="not_before, not_after",
            next_step="write both",
            code="authority_incomplete",
        )
    supersedes = _place(brand_id, persona_id, onboarding_id, content)
    kept = None
    if document:
        until = keep_until(content, keep_years)
        kept = draft_document(document, brand_id=brand_id, uploaded_by=actor_id, keep_until=until)
    row = ProposalRow(
        id=new_id("prp"),
        brand_id=brand_id,
        persona_id=persona_id,
        supersedes=supersedes,
        onboarding_id=onboarding_id,
        content=content.model_dump(mode="json"),
        notice=notice,
        document_id=kept.id if kept is not None else None,
        proposed_by=actor_id,
    )
    with transaction() as session:
        if kept is not None:
            keep(session, kept)
        facts = {
            "persona_id": persona_id,
            "onboarding_id": onboarding_id,
            "supersedes": supersedes,
            "document_id": row.document_id,
            "kind": "consent" if content.consent is not None else "provenance",
            "actor": actor_id,
        }
        append(session, Event.AUTHORITY_PROPOSED, row.id, facts, rows=[row])
    return row


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


def read_content(stated: dict[str, Any]) -> AuthorityFile:
    """What a proposal says. Raises InputError with each fault in words."""
    try:
        return AuthorityFile.model_validate(stated)
    except ValidationError as error:
        told = list(dict.fromkeys(worded(error, AuthorityFile)))[:8]
        raise InputError(
            "; ".join(told), where="the form", next_step="correct these fields", code="authority_incomplete"
        ) from error


def keep_until(content: AuthorityFile, years: int) -> datetime:
    """Until when a document is kept that stands behind this authority."""
    return (content.scope.not_after or now()) + timedelta(days=round(365.25 * years))


def _with_evidence(stated: dict[str, Any], notice: str, document: bytes) -> dict[str, Any]:
    """What was stated, with the digests of what came with it."""
    said = dict(stated)
    if document:
        said["evidence"] = {**said.get("evidence", {}), SIGNED_DOCUMENT: digest_bytes(document)}
    if notice and isinstance(said.get("consent"), dict):
        if len(notice) > MOST_NOTICE:
            raise InputError(
                f"the notice has more than {MOST_NOTICE:,} characters",
                where="notice",
                next_step="give its digest instead",
            )
        said["consent"] = {**said["consent"], "notice_sha256": digest_bytes(notice.encode())}
    return said


def _place(
    brand_id: str, persona_id: str | None, onboarding_id: str | None, content: AuthorityFile
) -> str | None:
    """The version that this one would follow; None for a new persona. Raises as :func:`propose`."""
    with reading() as session:
        if onboarding_id is not None:
            _examined(session, onboarding_id, brand_id)
            return None
        persona = owned(session, PersonaRow, persona_id or "", brand_id)
        now_in_force = authority_standing(session, persona.authority_id).authority
    kind = "consent" if content.consent is not None else "provenance"
    if now_in_force.document.kind != kind:
        raise InputError(
            "a new version keeps the kind of the authority",
            where="kind",
            next_step="a persona who exists has a consent, one who does not a statement",
        )
    return now_in_force.id


def _examined(session: Session, onboarding_id: str, brand_id: str) -> OnboardingRow:
    row = take_turn(session, OnboardingRow, onboarding_id)
    if row is None or row.brand_id != brand_id:
        raise NotFound("no such reference", where=onboarding_id, next_step="check the id")
    if row.state != "passed" or row.persona_id is not None:
        raise Conflict(
            "this reference has become a persona already"
            if row.persona_id is not None
            else "this reference has not passed its examination",
            where=onboarding_id,
            next_step="look at its page",
            code="reference_not_ready",
        )
    return row


def _begin_persona(session: Session, onboarding_id: str, brand_id: str, make: Any) -> str:
    came_from = _examined(session, onboarding_id, brand_id)
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

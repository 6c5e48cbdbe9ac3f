"""Somebody states an authority in the browser, for a persona that there is or for an examined reference, with the
document that was signed. It counts for nothing until legal has approved it (pipeline/capture/proposals.py).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from audit.events import Event
from audit.ledger import append
from audit.standing import authority_standing
from core.canonical import digest_bytes
from core.database import now, reading, take_turn, transaction
from core.errors import Conflict, InputError, NotFound
from core.faults import worded
from core.ids import new_id
from pipeline.authority_file import AuthorityFile
from pipeline.capture.documents import draft_document, keep
from pipeline.capture.tables import OnboardingRow, ProposalRow
from pipeline.ownership import owned
from pipeline.tables import PersonaRow

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
            examined_reference(session, onboarding_id, brand_id)
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


def examined_reference(session: Session, onboarding_id: str, brand_id: str) -> OnboardingRow:
    """A reference that may become a persona, ours until the transaction ends. Raises NotFound, Conflict."""
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

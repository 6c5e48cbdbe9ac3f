"""What an authority says as people write it, in a file or a form, and the authority that is made of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy.orm import Session

from audit.authorities import create_consent, create_provenance_statement, get_authority
from audit.ledger import Event, append
from audit.models import Authority, Consent, ProvenanceStatement, Scope
from core.database import transaction
from core.errors import NotFound
from core.stated import read_stated
from pipeline.tables import PersonaRow

MakeAuthority = Callable[[Session, str], Authority]
"""Makes the authority of a persona's id, in the transaction that it is given."""


def store_persona(session: Session, row: PersonaRow, make_authority: MakeAuthority) -> None:
    """Let a persona be, with its authority, in the caller's transaction."""
    row.authority_id = make_authority(session, row.id).id
    append(session, Event.PERSONA_CREATED, row.id, {"authority_id": row.authority_id}, rows=[row])
    append(session, Event.REFERENCE_ENROLLED, row.id, {"reference_sha256": row.reference_sha256})


def supersede_authority(authority_id: str, path: Path, *, brand_id: str, actor: str) -> Authority:
    """A new version of an authority, from a file as for :func:`authority_from_file`; its personas follow by themselves.

    Raises:
        InputError: the file does not say a complete authority of the same kind.
        NotFound, Conflict: there is no such authority of this brand, or it is superseded already.
    """
    with transaction() as session:
        old = get_authority(session, authority_id)
        if old.document.brand_id != brand_id:
            raise NotFound("there is no such authority", where=authority_id, next_step="check the id")
        make = authority_from_file(path, brand_id=brand_id, actor=actor, supersedes=authority_id)
        return make(session, old.document.persona_id)


def authority_from_file(
    path: Path, *, brand_id: str, actor: str, supersedes: str | None = None
) -> MakeAuthority:
    """The maker of an authority that a YAML file states: ``kind``, ``scope`` and ``consent`` or ``statement``.

    Raises:
        StatedError: the file does not say a complete authority; every fault, with its line.
    """
    stated = read_stated(path, AuthorityFile, kind="an authority", see="docs/authorities.md")
    return authority_as_stated(stated, brand_id=brand_id, actor=actor, supersedes=supersedes)


def authority_as_stated(
    stated: AuthorityFile, *, brand_id: str, actor: str, supersedes: str | None = None
) -> MakeAuthority:
    """The maker of an authority that says this."""

    def make(session: Session, persona_id: str) -> Authority:
        if stated.consent is not None:
            return create_consent(
                session,
                brand_id=brand_id,
                persona_id=persona_id,
                consent=stated.consent,
                scope=stated.scope,
                evidence=stated.evidence,
                approval_mode=stated.approval_mode,
                actor=actor,
                supersedes=supersedes,
            )
        assert stated.statement is not None
        return create_provenance_statement(
            session,
            brand_id=brand_id,
            persona_id=persona_id,
            statement=stated.statement,
            scope=stated.scope,
            evidence=stated.evidence,
            approval_mode=stated.approval_mode,
            actor=actor,
            supersedes=supersedes,
        )

    return make


class AuthorityFile(BaseModel):
    """What an authority file says: a consent, or a provenance statement for a presenter who does not exist."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scope: Scope
    consent: Consent | None = None
    statement: ProvenanceStatement | None = None
    evidence: dict[str, str] = Field(default_factory=dict)
    approval_mode: Literal["final_cut", "script", "none"] = "none"

    @model_validator(mode="after")
    def _one_of_them(self) -> AuthorityFile:
        if (self.consent is None) == (self.statement is None):
            raise ValueError("state either `consent` or `statement`")
        return self

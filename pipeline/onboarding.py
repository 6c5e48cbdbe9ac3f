"""Onboarding of a persona: the reference is examined, and what the gates compare with is kept.

Face and voice templates are personal data: they are kept for the identity gates of this persona and for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.authorities import create_consent, create_provenance_statement, get_authority
from audit.ledger import Event, append
from audit.models import Authority, Consent, ProvenanceStatement, Scope
from core.blobs import blobs
from core.database import reading, transaction
from core.errors import InputError, NotFound
from core.ids import new_id
from core.media.models import Frame
from core.media.probe import refuse_rivals
from core.media.reading import read
from core.models import PersonaMaterial
from core.perception.embed import face_embedding, voice_embedding
from core.perception.models import Face
from core.perception.watch import follow
from core.stated import read_stated
from generate.lipsync import load_lipsync
from pipeline.jobs import workspace
from pipeline.prepared import prepared
from pipeline.tables import PersonaRow

_FACES_KEPT = 24
MakeAuthority = Callable[[Session, str], Authority]


class _FaceCollector:
    """Embeds a face every second or so while the track is made."""

    def __init__(self) -> None:
        self._next = 0.0
        self.embeddings: list[Any] = []

    def see(self, frame: Frame, face: Face | None) -> None:
        if face is not None and frame.time >= self._next and len(self.embeddings) < _FACES_KEPT:
            self._next = float(frame.time) + 1.0
            self.embeddings.append(face_embedding(frame.image, face.landmarks))


def _no_sound(reference: Path) -> InputError:
    return InputError(
        "the reference has no sound",
        where=reference.name,
        next_step="use a clip in which the persona speaks for 20 to 60 seconds",
        code="no_audio",
    )


def add_persona(
    *, brand_id: str, name: str, reference: Path, voice: str, make_authority: MakeAuthority
) -> PersonaRow:
    """Examine a reference clip and store the persona with the authority that allows its use.

    Args:
        make_authority: called with the session and the new persona's id, in the transaction that stores both.

    Raises:
        InputError: the clip does not show one usable face, or has no sound; the lip-sync engine says which.
    """
    collector = _FaceCollector()
    with read(reference) as reading:
        info = reading.presentation
        refuse_rivals(info, reference)
        if info.audio is None:
            raise _no_sound(reference)
        follow(reading.pictures(), [collector])
    main = reading.heard.main if reading.heard is not None else None
    if main is None:
        raise _no_sound(reference)
    if not collector.embeddings:
        raise InputError(
            "the reference shows no face",
            where=reference.name,
            next_step="use a clip with one well-lit face of at least 200 pixels",
            code="no_face",
        )
    prepared(load_lipsync(), reference)  # examines, and keeps its work
    material = PersonaMaterial(
        faces=np.stack(collector.embeddings).astype(np.float32),
        voices=voice_embedding(main[:])[None].astype(np.float32),
    )
    with workspace() as folder:
        path = folder / "material.npz"
        np.savez(path, faces=material.faces, voices=material.voices)
        material_sha256 = blobs().put_file(path, "material").sha256
    stored = blobs().put_file(reference, "reference")
    row = PersonaRow(
        id=new_id("per"),
        brand_id=brand_id,
        name=name,
        voice=voice,
        reference_sha256=stored.sha256,
        material_sha256=material_sha256,
    )
    with transaction() as session:
        row.authority_id = make_authority(session, row.id).id
        append(session, Event.PERSONA_CREATED, row.id, {"authority_id": row.authority_id}, rows=[row])
        append(session, Event.REFERENCE_ENROLLED, row.id, {"reference_sha256": row.reference_sha256})
    return row


def supersede_authority(authority_id: str, path: Path, *, brand_id: str, actor: str) -> Authority:
    """A new version of an authority, from a file as for :func:`authority_from_file`; its personas follow by themselves.

    Raises:
        InputError: the file does not say a complete authority of the same kind.
        NotFound, Conflict: there is no such authority of this brand, or it is superseded already.
    """
    with transaction() as session:
        old = get_authority(session, authority_id)
        if old.document.brand_id != brand_id:
            raise NotFound("there is no such authority", where=authority_id)
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


def list_personas(*, brand_id: str) -> list[PersonaRow]:
    """Personas of a brand, oldest first."""
    statement = select(PersonaRow).where(PersonaRow.brand_id == brand_id).order_by(PersonaRow.created_at)
    with reading() as session:
        return list(session.scalars(statement))


def load_material(persona: PersonaRow) -> PersonaMaterial:
    """The face and voice templates of a persona, as stored at onboarding."""
    with np.load(blobs().get_file(persona.material_sha256), allow_pickle=False) as stored:
        return PersonaMaterial(faces=stored["faces"], voices=stored["voices"])

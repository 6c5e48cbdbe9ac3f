"""Onboarding of a persona: the reference is examined, and what the gates compare with is kept.

Face and voice templates are personal data: they are kept for the identity gates of this persona and for nothing else.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from core.blobs import blobs
from core.perception.embed import face_embedding, voice_embedding
from sqlalchemy.orm import Session

from audit.authorities import get_authority
from audit.ledger import Event, append
from core.database import transaction
from core.errors import InputError
from core.ids import new_id
from core.media.decode import Frame, sound
from core.media.probe import probe
from core.models import PersonaMaterial
from core.perception.models import Face
from core.perception.watch import watch
from core.settings import get_settings
from generate.lipsync import load_lipsync
from pipeline.jobs import workspace
from pipeline.tables import PersonaRow

_FACES_KEPT = 24


class _FaceCollector:
    """Embeds a face every second or so while the track is made."""

    def __init__(self, every: int):
        self.every = max(1, every)
        self.embeddings: list[np.ndarray] = []

    def see(self, frame: Frame, face: Face | None) -> None:
        if face is not None and frame.index % self.every == 0 and len(self.embeddings) < _FACES_KEPT:
            self.embeddings.append(face_embedding(frame.image, face.landmarks))


def add_persona(*, brand_id: str, name: str, reference: Path, authority_id: str, voice: str) -> PersonaRow:
    """Examine a reference clip and store the persona.

    Raises:
        InputError: the clip does not show one usable face, or has no sound; the lip-sync engine says which.
    """
    info = probe(reference)
    if info.audio is None:
        raise InputError(
            "the reference has no sound",
            where=reference.name,
            next_step="use a clip in which the persona speaks for 20 to 60 seconds",
            code="no_audio",
        )
    collector = _FaceCollector(every=int(info.video.frame_rate))
    watch(reference, [collector])
    if not collector.embeddings:
        raise InputError(
            "the reference shows no face",
            where=reference.name,
            next_step="use a clip with one well-lit face of at least 200 pixels",
            code="no_face",
        )
    load_lipsync().prepare(reference, get_settings().home / "prepared")  # examines, and keeps its work
    material = PersonaMaterial(
        faces=np.stack(collector.embeddings).astype(np.float32),
        voices=voice_embedding(sound(reference))[None].astype(np.float32),
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
        authority_id=authority_id,
        voice=voice,
        reference_sha256=stored.sha256,
        material_sha256=material_sha256,
    )
    with transaction() as session:
        _record(session, row)
    return row


def _record(session: Session, row: PersonaRow) -> None:
    get_authority(session, row.authority_id)  # raises when there is none: no persona without an authority
    session.add(row)
    append(session, Event.PERSONA_REFERENCE_ONBOARDED, row.id, {"reference_sha256": row.reference_sha256})


def load_material(persona: PersonaRow) -> PersonaMaterial:
    """The face and voice templates of a persona, as stored at onboarding."""
    with np.load(blobs().get_file(persona.material_sha256), allow_pickle=False) as stored:
        return PersonaMaterial(faces=stored["faces"], voices=stored["voices"])

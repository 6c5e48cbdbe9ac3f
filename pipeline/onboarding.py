"""Onboarding of a persona: the reference is examined, and what the gates compare with is kept.

Face and voice templates are personal data: they are kept for the identity gates of this persona and for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select

from core.blobs import blobs
from core.database import reading, transaction
from core.errors import InputError
from core.ids import new_id
from core.media.models import Frame
from core.media.probe import refuse_rivals
from core.media.reading import read
from core.media.still import small_jpeg
from core.models import PersonaMaterial
from core.perception.embed import face_embedding, voice_embedding
from core.perception.models import Face
from core.perception.watch import Watcher, follow
from generate.lipsync import load_lipsync
from generate.lipsync.models import Examination
from pipeline.authority_file import MakeAuthority, store_persona
from pipeline.jobs import workspace
from pipeline.prepared import prepared
from pipeline.tables import PersonaRow

_FACES_KEPT = 24
_PICTURES_KEPT = 8
PICTURE_WIDEST = 240  # pixels


@dataclass(frozen=True)
class Picture:
    """A small picture of the clip, for the people who look at its examination. ``frame``: its place among the frames
    shown, from 0; ``face``: whether one was found in it."""

    seconds: float
    frame: int
    face: bool
    jpeg: bytes


class PictureCollector:
    """Keeps some pictures, spread over the clip: twice as far apart each time there are too many."""

    def __init__(self) -> None:
        self._apart, self._next, self._frame = 1.0, 0.0, -1
        self.pictures: list[Picture] = []

    def see(self, frame: Frame, face: Face | None) -> None:
        self._frame += 1
        seconds = float(frame.time)
        if seconds < self._next:
            return
        self._next = seconds + self._apart
        self.pictures.append(
            Picture(seconds, self._frame, face is not None, small_jpeg(frame.image, PICTURE_WIDEST))
        )
        if len(self.pictures) > _PICTURES_KEPT:
            self._apart *= 2
            self.pictures = self.pictures[::2]
            self._next = self.pictures[-1].seconds + self._apart


class _FaceCollector:
    """Embeds a face every second or so while the track is made."""

    def __init__(self) -> None:
        self._next = 0.0
        self.embeddings: list[Any] = []

    def see(self, frame: Frame, face: Face | None) -> None:
        if face is not None and frame.time >= self._next and len(self.embeddings) < _FACES_KEPT:
            self._next = float(frame.time) + 1.0
            self.embeddings.append(face_embedding(frame.image, face.landmarks))


@dataclass(frozen=True)
class Examined:
    """A reference that a persona can be made of: what the engine says of it, and its stored templates."""

    examination: Examination
    material_sha256: str


def _no_sound(reference: Path) -> InputError:
    return InputError(
        "the reference has no sound",
        where=reference.name,
        next_step="use a clip in which the persona speaks for 20 to 60 seconds",
        code="no_audio",
    )


def examine_reference(
    reference: Path, *, watchers: Sequence[Watcher] = (), progress: Callable[[float], None] | None = None
) -> Examined:
    """Examine a reference clip, and keep what the gates compare with.

    Args:
        watchers: see the pictures too, in the first of two passes.
        progress: called with the share of the work that is done, 0 to 1.

    Raises:
        InputError: the clip does not show one usable face, or has no sound; the lip-sync engine says which.
    """
    collector = _FaceCollector()
    with read(reference) as reading:
        info = reading.presentation
        refuse_rivals(info, reference)
        if info.audio is None:
            raise _no_sound(reference)
        length = max(0.1, float(info.duration))

        def told(begins: float) -> Callable[[float], None]:
            def tell(seconds: float) -> None:
                if progress is not None:
                    progress(min(1.0, begins + 0.5 * seconds / length))

            return tell

        follow(reading.pictures(), [collector, *watchers], told(0.0))
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
    made = prepared(load_lipsync(), reference, told(0.5))  # examines, and keeps its work
    material = PersonaMaterial(
        faces=np.stack(collector.embeddings).astype(np.float32),
        voices=voice_embedding(main[:])[None].astype(np.float32),
    )
    with workspace() as folder:
        path = folder / "material.npz"
        np.savez(path, faces=material.faces, voices=material.voices)
        return Examined(made.examination, blobs().put_file(path, "material").sha256)


def add_persona(
    *, brand_id: str, name: str, reference: Path, voice: str, make_authority: MakeAuthority
) -> PersonaRow:
    """Examine a reference clip and store the persona with the authority that allows its use.

    Args:
        make_authority: called with the session and the new persona's id, in the transaction that stores both.

    Raises as :func:`examine_reference`.
    """
    examined = examine_reference(reference)
    row = PersonaRow(
        id=new_id("per"),
        brand_id=brand_id,
        name=name,
        voice=voice,
        reference_sha256=blobs().put_file(reference, "reference").sha256,
        material_sha256=examined.material_sha256,
    )
    with transaction() as session:
        store_persona(session, row, make_authority)
    return row


def list_personas(*, brand_id: str) -> list[PersonaRow]:
    """Personas of a brand, oldest first."""
    statement = select(PersonaRow).where(PersonaRow.brand_id == brand_id).order_by(PersonaRow.created_at)
    with reading() as session:
        return list(session.scalars(statement))


def load_material(persona: PersonaRow) -> PersonaMaterial:
    """The face and voice templates of a persona, as stored at onboarding."""
    with np.load(blobs().get_file(persona.material_sha256), allow_pickle=False) as stored:
        return PersonaMaterial(faces=stored["faces"], voices=stored["voices"])

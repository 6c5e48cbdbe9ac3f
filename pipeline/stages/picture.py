"""Trust steps 5-7 in one streaming pass: lips and label, the mark, the one encode. The essence is fixed here."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.orm import Session

from core.blobs import blobs
from core.database import Base, transaction
from core.errors import IntegrityError
from core.labels import load_label_profile
from core.media.probe import probe
from core.media.reading import read
from core.models import AssetRole
from core.secrets import derived_key
from core.tables import AssetRow
from generate.lipsync import load_lipsync
from generate.models import Speech
from generate.service import make_candidate, relabel
from pipeline.jobs import Job, Outcome, workspace
from pipeline.own import own_encoded
from pipeline.prepared import prepared
from pipeline.states import State
from provenance.mark import MarkEmbedder
from provenance.service import allocate_mark


def run(job: Job) -> Outcome:
    """Made renders are animated from the persona's reference; an import is labelled and marked as it is."""
    with transaction() as session:
        # Trust step 6: the id is a unique row for this render, so a second try marks with the same id.
        mark_id = allocate_mark(
            session, brand_id=job.render.brand_id, render_id=job.render.id, kind="personal"
        )
    with workspace() as folder:
        out = folder / "examined.mp4"
        if job.render.origin == "made":
            _animate(job, mark_id, out)
        else:
            _relabel(job, mark_id, out)
        with read(out, want="", own=own_encoded(job.render, out)) as reading:
            identity, seconds = reading.essence, float(reading.presentation.duration)
        stored = blobs().put_file(out, AssetRole.EXAMINED)

    def record(session: Session) -> list[Base]:
        return [
            AssetRow(
                sha256=stored.sha256,
                brand_id=job.render.brand_id,
                render_id=job.render.id,
                role=AssetRole.EXAMINED.value,
                essence=identity.sha256,
                size=stored.size,
            )
        ]

    return Outcome(
        State.ENCODED,
        values={
            "mark_id": mark_id,
            "examined_sha256": stored.sha256,
            "essence": identity.sha256,
            "seconds": seconds,
        },
        record=record,
    )


def _animate(job: Job, mark_id: int, out: Path) -> None:
    if job.render.speech_sha256 is None:
        raise IntegrityError("a made render has no speech", where=job.render.id)
    reference = blobs().get_file(job.persona.reference_sha256)
    lipsync = load_lipsync()
    material = prepared(lipsync, reference)
    make_candidate(
        material,
        Speech.load(blobs().get_file(job.render.speech_sha256)),
        label_profile=load_label_profile(job.campaign.label_profile),
        mark=_embedder(mark_id, material.width, material.height),
        out=out,
        lipsync=lipsync,
        progress=job.progress,
    )


def _relabel(job: Job, mark_id: int, out: Path) -> None:
    if job.render.source_sha256 is None:
        raise IntegrityError("an import has no source", where=job.render.id)
    source = blobs().get_file(job.render.source_sha256)
    info = probe(source)
    relabel(
        source,
        label_profile=load_label_profile(job.campaign.label_profile),
        # 4:2:0 wants even sides: the encoder's pictures are cut to them.
        mark=_embedder(mark_id, info.video.width // 2 * 2, info.video.height // 2 * 2),
        out=out,
        progress=job.progress,
    )


def _embedder(mark_id: int, width: int, height: int) -> MarkEmbedder:
    return MarkEmbedder(mark_id, width, height, derived_key("mark"))

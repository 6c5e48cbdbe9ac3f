"""Trust step 10: an independent reader verifies the sealed file before any person sees it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from audit.ledger import Event, append
from core.blobs import blobs
from core.database import Base
from core.errors import IntegrityError
from pipeline.jobs import Job, Outcome
from pipeline.own import own_sealed
from pipeline.registry import DatabaseRegistry
from pipeline.states import State
from provenance.verify import verify


def run(job: Job) -> Outcome:
    """The only good answer about a sealed file is `unreleased`, with a trusted credential and no problem."""
    if job.render.sealed_sha256 is None:
        raise IntegrityError("the render has no sealed asset", where=job.render.id)
    sealed = blobs().get_file(job.render.sealed_sha256)
    report = verify(sealed, registry=DatabaseRegistry(), own=own_sealed(job.render, sealed))
    if report.verdict != "unreleased" or not report.trusted or report.problems:
        raise IntegrityError(
            f"the independent reader answers '{report.verdict}' about the sealed file",
            where=job.render.id,
            next_step="compare the signer's anchors with the reader's, then retry the render",
            code="verification_failed",
        )

    def record(session: Session) -> list[Base]:
        facts = {"sealed_sha256": job.render.sealed_sha256, "verdict": report.verdict}
        append(session, Event.ASSET_VERIFIED, job.render.id, facts)
        return []

    return Outcome(State.IN_REVIEW, record=record)

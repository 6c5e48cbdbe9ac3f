"""Trust step 9: the credential is signed and timestamped over the examined bytes; the essence stays the same."""

from __future__ import annotations

from core.blobs import blobs
from provenance.service import save_manifest
from sqlalchemy.orm import Session

from audit.receipts import receipts_for
from core.database import reading
from core.errors import IntegrityError
from core.gates import load_gate_set
from core.media.essence import essence
from core.models import AssetRole
from core.settings import get_settings
from core.tables import AssetRow
from pipeline.jobs import Job, Outcome, workspace
from pipeline.states import State
from provenance.credential import GateSummary, SealFacts, seal
from provenance.signer import load_signer


def run(job: Job) -> Outcome:
    """Signs what the receipts say, read back and checked: never the memory of the examining worker."""
    render = job.render
    if render.examined_sha256 is None or render.essence is None or render.mark_id is None:
        raise IntegrityError("the render has no examined asset", where=render.id)
    gate_set = load_gate_set(job.campaign.gate_set)
    with reading() as session:
        receipts = receipts_for(session, render.essence)
    facts = SealFacts(
        title=f"{render.id}.mp4",
        origin=render.origin,
        mark_id=render.mark_id,
        gates=tuple(
            GateSummary(
                name=receipt.decision.result.gate,
                version=receipt.decision.result.version,
                verdict=receipt.decision.verdict,
                receipt_sha256=receipt.sha256,
            )
            for receipt in receipts
            if receipt.gate_set_sha256 == gate_set.sha256
        ),
        gate_set_sha256=gate_set.sha256,
        territory=job.campaign.territory,
        label_profile=job.campaign.label_profile,
        environment=get_settings().environment,
        reference_sha256=job.persona.reference_sha256 if render.origin == "made" else None,
        speech_sha256=render.speech_sha256,
        source=blobs().get_file(render.source_sha256) if render.source_sha256 else None,
    )
    job.progress(0.2)
    with workspace() as folder:
        out = folder / "sealed.mp4"
        credential = seal(blobs().get_file(render.examined_sha256), out, facts, load_signer())
        if essence(out).sha256 != render.essence:
            raise IntegrityError("sealing changed the essence", where=render.id)
        stored = blobs().put_file(out, AssetRole.SEALED)

    def record(session: Session) -> None:
        session.add(
            AssetRow(
                sha256=stored.sha256,
                brand_id=render.brand_id,
                render_id=render.id,
                role=AssetRole.SEALED,
                essence=render.essence,
                parent=render.examined_sha256,
                size=stored.size,
            )
        )
        save_manifest(
            session, brand_id=render.brand_id, asset_sha256=stored.sha256, manifest=credential.manifest
        )

    return Outcome(State.SEALED, values={"sealed_sha256": stored.sha256}, record=record)

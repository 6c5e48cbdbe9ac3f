"""Trust step 9: the credential is signed and timestamped over the examined bytes; the essence stays the same."""

from __future__ import annotations

from sqlalchemy.orm import Session

from audit.receipts import receipts_for
from core.blobs import blobs
from core.canonical import digest_bytes
from core.database import Base, reading
from core.errors import IntegrityError
from core.gates import load_gate_set
from core.models import AssetRole
from core.settings import get_settings
from core.tables import AssetRow
from pipeline.jobs import Job, Outcome, workspace
from pipeline.manifests import keep_manifest
from pipeline.own import own_examined
from pipeline.states import State
from provenance.credential import seal
from provenance.models import GateFact, Ingredient, SealFacts
from provenance.pki import export_anchors
from provenance.service import save_manifest
from provenance.signer import signer_of


def run(job: Job) -> Outcome:
    """Signs what the receipts say, read back and checked: never the memory of the examining worker."""
    render = job.render
    if render.examined_sha256 is None or render.essence is None or render.mark_id is None:
        raise IntegrityError("the render has no examined asset", where=render.id)
    gate_set = load_gate_set(job.campaign.gate_set)
    with reading() as session:
        receipts = receipts_for(
            session,
            render.essence,
            gate_set_sha256=gate_set.sha256,
            brand_id=render.brand_id,
            brief_sha256=render.brief_sha256 or "",
        )
    facts = SealFacts(
        gate_set=gate_set.name,
        gate_set_sha256=gate_set.sha256,
        gates=tuple(
            GateFact(
                gate=receipt.gate,
                version=receipt.decision.result.version,
                verdict=receipt.verdict.value,
                receipt_sha256=receipt.sha256,
            )
            for receipt in receipts
        ),
        mark_id=render.mark_id,
        source_type="compositeWithTrainedAlgorithmicMedia",
        ingredients=_ingredients(job),
        parent=blobs().get_file(render.source_sha256) if render.source_sha256 else None,
        territory=job.campaign.territory,
        label_profile=job.campaign.label_profile,
        environment=get_settings().environment,
    )
    job.progress(0.2)
    with workspace() as folder:
        out = folder / "sealed.mp4"
        credential = seal(  # proves that the essence stays the same
            blobs().get_file(render.examined_sha256),
            out,
            facts,
            signer_of(),
            anchors=export_anchors(),
            own=own_examined(render),
        )
        stored = blobs().put_file(out, AssetRole.SEALED)
        keep_manifest(credential, folder)

    def record(session: Session) -> list[Base]:
        asset = AssetRow(
            sha256=stored.sha256,
            brand_id=render.brand_id,
            render_id=render.id,
            role=AssetRole.SEALED.value,
            essence=render.essence,
            parent=render.examined_sha256,
            size=stored.size,
        )
        return [asset, save_manifest(session, brand_id=render.brand_id, credential=credential)]

    manifest = digest_bytes(credential.manifest)
    return Outcome(
        State.SEALED,
        values={"sealed_sha256": stored.sha256},
        record=record,
        facts={"manifest_sha256": manifest, "gate_set_sha256": gate_set.sha256},
    )


def _ingredients(job: Job) -> tuple[Ingredient, ...]:
    """What a made render was made from: the reference itself, so that a credential of its own is preserved."""
    if job.render.origin != "made":
        return ()
    reference = Ingredient(
        "reference clip of the presenter",
        job.persona.reference_sha256,
        path=blobs().get_file(job.persona.reference_sha256),
    )
    speech = Ingredient("synthetic speech", job.render.speech_sha256 or "", media_type="audio/wav")
    return (reference, speech)

"""Trust step 12: the only door. Nothing else in Greenroom writes the released state (a syntax-tree test holds it).

Order matters. Every condition is checked, the published file is made and verified while no door leads to it, and
then one compare-and-set makes the state true and names the file's digest, with its ledger entry, in one
transaction. A lost race deletes the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from audit.approvals import approvals_for
from audit.ledger import Event, append
from audit.models import Approval, Receipt
from audit.receipts import receipts_for
from core.blobs import blobs
from core.canonical import digest_json
from core.database import now, reading, transaction
from core.errors import NotFound
from core.gates import load_gate_set
from core.models import AssetRole, StoredBlob, Verdict
from core.settings import get_settings
from core.tables import AssetRow
from delivery.errors import ReleaseRefused
from pipeline.jobs import workspace
from pipeline.manifests import keep_manifest
from pipeline.registry import DatabaseRegistry
from pipeline.review import approvals_needed
from pipeline.states import State, check_move
from pipeline.tables import CampaignRow, PersonaRow, RenderRow
from pipeline.uses import covered
from provenance.credential import publish
from provenance.models import ApprovalFacts, Credential
from provenance.pki import export_anchors
from provenance.service import save_manifest
from provenance.signer import signer_of
from provenance.verify import verify


@dataclass(frozen=True)
class _Cleared:
    """What every condition was checked against."""

    render: RenderRow
    approvals: list[Approval]


def release(render_id: str, *, brand_id: str, actor_id: str) -> RenderRow:
    """Release one approved render.

    Raises:
        ReleaseRefused: a condition does not hold; the message names it.
        NotFound: no such render of this brand.
    """
    cleared = _check(render_id, brand_id)
    render = cleared.render
    if State(render.state) is State.RELEASED:
        return render  # idempotent: the same message twice releases once
    stored, credential = _publish(cleared)
    try:
        with transaction() as session:
            # The authority again, in the transaction that releases: a withdrawal that committed first wins.
            _check_authority(session, render)
            won = session.execute(
                update(RenderRow)
                .where(
                    RenderRow.id == render.id,
                    RenderRow.state == State.APPROVED,
                    RenderRow.sealed_sha256 == render.sealed_sha256,
                )
                .values(state=State.RELEASED, published_sha256=stored.sha256, changed_at=now())
            )
            if not isinstance(won, CursorResult) or won.rowcount != 1:
                raise ReleaseRefused("the render was decided otherwise meanwhile", where=render.id)
            session.add(
                AssetRow(
                    sha256=stored.sha256,
                    brand_id=render.brand_id,
                    render_id=render.id,
                    role=AssetRole.PUBLISHED,
                    essence=render.essence,
                    parent=render.sealed_sha256,
                    size=stored.size,
                )
            )
            save_manifest(session, brand_id=render.brand_id, credential=credential)
            append(
                session,
                Event.ASSET_RELEASED,
                render.id,
                {"published_sha256": stored.sha256, "essence": render.essence, "actor": actor_id},
            )
    except BaseException:
        blobs().delete(stored.sha256, AssetRole.PUBLISHED)
        raise
    with reading() as session:
        released = session.get(RenderRow, render.id)
    if released is None:
        raise NotFound("no such render", where=render_id)
    return released


def _check(render_id: str, brand_id: str) -> _Cleared:
    """Every condition that can be checked before the published file is made."""
    with reading() as session:
        render = session.get(RenderRow, render_id)
        if render is None or render.brand_id != brand_id:
            raise NotFound("no such render", where=render_id, next_step="check the id")
        if State(render.state) is State.RELEASED:
            return _Cleared(render, [])
        if State(render.state) is not State.APPROVED:
            raise ReleaseRefused(
                f"only an approved render is released; this one is {render.state}",
                where=render_id,
                next_step="have it reviewed",
            )
        check_move(State(render.state), State.RELEASED, where=render_id)
        approvals = _check_approvals(session, render)
        _check_receipts(session, render)
        _check_authority(session, render)
    _check_parts(render)
    return _Cleared(render, approvals)


def _check_approvals(session: Session, render: RenderRow) -> list[Approval]:
    approvals = [
        approval
        for approval in approvals_for(session, render.sealed_sha256 or "")
        if approval.verdict == "approve" and approval.reviewer_id != render.maker_id
    ]
    people = {approval.reviewer_id for approval in approvals}
    if len(people) < approvals_needed(session, render):
        raise ReleaseRefused(
            "the approvals are not complete", where=render.id, next_step="have it reviewed by one more person"
        )
    return approvals


def _check_receipts(session: Session, render: RenderRow) -> None:
    """Every required receipt is present, signed, over this essence, under the campaign's gate set."""
    campaign = session.get(CampaignRow, render.campaign_id)
    if campaign is None or render.essence is None:
        raise ReleaseRefused("the render has no campaign or no essence", where=render.id)
    gate_set = load_gate_set(campaign.gate_set)
    if gate_set.sha256 != render.gate_set_sha256:
        raise ReleaseRefused(
            "the gate set changed after this render was examined",
            where=render.id,
            next_step="make the render again, so that it is examined by the gates in force",
        )
    receipts: dict[str, Receipt] = {
        receipt.gate: receipt
        for receipt in receipts_for(
            session,
            render.essence,
            gate_set_sha256=gate_set.sha256,
            brand_id=render.brand_id,
            brief_sha256=render.brief_sha256 or "",
        )
    }
    missing = [name for name in gate_set.required() if name not in receipts]
    if missing:
        raise ReleaseRefused(f"receipts are missing: {', '.join(missing)}", where=render.id)
    blocking = [name for name in gate_set.required() if receipts[name].verdict is Verdict.BLOCK]
    if blocking:
        raise ReleaseRefused(f"blocked by {', '.join(blocking)}", where=render.id)


def _check_authority(session: Session, render: RenderRow) -> None:
    """The authority is valid at this moment, for this use (trust step 1 again)."""
    campaign = session.get(CampaignRow, render.campaign_id)
    persona = session.get(PersonaRow, campaign.persona_id) if campaign else None
    if campaign is None or persona is None:
        raise ReleaseRefused("the render has no campaign or no persona", where=render.id)
    decision = covered(session, render, campaign, persona, script=render.script)
    if decision.verdict is Verdict.BLOCK:
        reasons = "; ".join(finding.message for finding in decision.findings)
        raise ReleaseRefused(f"the authority does not cover this use now: {reasons}", where=render.id)


def _check_parts(render: RenderRow) -> None:
    """A development part releases in a demonstration only; a null part never."""
    signer = signer_of()
    if signer.development and get_settings().environment == "production":
        raise ReleaseRefused(
            "the credential would be signed by a development CA",
            where=render.id,
            next_step="set up a production signer (docs/credentials.md)",
        )


def _publish(cleared: _Cleared) -> tuple[StoredBlob, Credential]:
    """Make the published file and verify it independently, while no door leads to it."""
    render = cleared.render
    sealed = blobs().get_file(render.sealed_sha256 or "", AssetRole.SEALED)
    # Trust step 10 again, on the bytes as they are stored now.
    _verified(sealed, render)
    with workspace() as folder:
        out = folder / "published.mp4"
        facts = ApprovalFacts(
            approval_sha256=digest_json([a.model_dump(mode="json") for a in cleared.approvals]),
            manner="seen" if all(a.manner == "seen" for a in cleared.approvals) else "sampled",
            approvals=len(cleared.approvals),
            environment=get_settings().environment,
        )
        credential = publish(sealed, out, facts, signer_of(), anchors=export_anchors())
        if credential.essence != render.essence:  # publish() proved the media boxes equal
            raise ReleaseRefused("publishing changed the media", where=render.id)
        _verified(out, render)
        keep_manifest(credential, folder)
        return blobs().put_file(out, AssetRole.PUBLISHED), credential


def _verified(path: Path, render: RenderRow) -> None:
    report = verify(path, registry=DatabaseRegistry())
    if report.verdict != "unreleased" or not report.trusted or report.problems:
        raise ReleaseRefused(
            f"the independent reader answers '{report.verdict}'", where=render.id, code="verification_failed"
        )

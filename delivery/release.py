"""Trust step 12: the only door. Nothing else in Greenroom releases (a test reads the code), and the
database refuses it.

Order matters. The release is a stage under a lease. Every condition is checked, the published file is made
and verified while no door leads to it, and then one compare-and-set makes the state true and names the
file's digest, with its ledger entry, in one transaction. A lost race deletes the file.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from audit.ledger import Event
from audit.models import Approval, Receipt
from audit.restored import check_acknowledged
from core.blobs import blobs
from core.canonical import digest_json
from core.database import Base, reading, transaction
from core.errors import Conflict, GreenroomError
from core.heartbeat import beating
from core.media.own import OwnFile
from core.metrics import REFUSALS
from core.metrics import code as error_code
from core.models import AssetRole, StoredBlob
from core.secrets import stated_secret
from core.settings import get_settings
from core.tables import AssetRow
from delivery.conditions import (
    check_approvals,
    check_authority,
    check_final_cut,
    check_holds,
    check_receipts,
    check_script,
    check_shown,
    check_to_whom,
)
from delivery.errors import ReleaseRefused
from delivery.parts import check_parts
from pipeline.agreement import CODE as ALTERED
from pipeline.agreement import check_agreement
from pipeline.course import check_goes
from pipeline.grounds import grounds_of
from pipeline.guard import release_transaction
from pipeline.jobs import workspace
from pipeline.leases import Claim, claim
from pipeline.life import move, note
from pipeline.manifests import keep_manifest
from pipeline.metrics import about_render, timed
from pipeline.own import own_sealed
from pipeline.ownership import owned
from pipeline.registry import DatabaseRegistry
from pipeline.states import RELEASE, State
from pipeline.tables import RenderRow
from provenance.credential import publish
from provenance.models import ApprovalFacts, Credential
from provenance.pki import export_anchors
from provenance.service import save_manifest
from provenance.signer import signer_of
from provenance.verify import verify

log = logging.getLogger("greenroom.delivery")


@dataclass(frozen=True)
class _Cleared:
    """What every condition was checked against."""

    render: RenderRow
    approvals: list[Approval]
    receipts: list[Receipt]


@about_render
def release(render_id: str, *, brand_id: str, actor_id: str) -> RenderRow:
    """Release one approved render; one that is released already comes back as it is.

    Raises:
        ReleaseRefused: a condition does not hold; the message names it. The render stays `approved`, with the reason.
        OnHold: a legal hold stands on it, likewise.
        LedgerInconsistent: somebody changed render, campaign or persona in the database; it ends as blocked.
        Conflict: somebody else is releasing it at this moment.
        CampaignHalted: its campaign is paused, or was cancelled and no person asks.
        NotFound: no such render of this brand.
        RestoreUnacknowledged: this installation was restored and waits for a person.
        GreenroomError: retryable, where another service did not answer; the sweeper tries again.
    """
    asked = not actor_id.startswith("sys_")
    render = _look(render_id, brand_id, asked=asked)
    if State(render.state) is State.RELEASED:
        return render  # idempotent: the same message twice releases once
    taken = claim(render_id, RELEASE, at_once=asked)
    if taken is None:
        return _released_meanwhile(render_id, brand_id, asked=asked)
    try:
        with beating(taken.beat):
            cleared = _check(render_id, brand_id)
            stored, credential = _publish(cleared)
        return _commit(taken, cleared, stored, credential, actor_id)
    except GreenroomError as error:
        _give_back(taken, error)
        raise
    except BaseException:
        taken.postpone(retryable=False)
        raise


def _look(render_id: str, brand_id: str, *, asked: bool) -> RenderRow:
    with reading() as session:
        check_acknowledged(session)  # before the render is touched: it goes on by itself afterwards
        render = owned(session, RenderRow, render_id, brand_id)
        if State(render.state) is State.APPROVED:
            check_goes(session, render.campaign_id, asked=asked)
    if State(render.state) not in (State.APPROVED, State.RELEASED):
        raise ReleaseRefused(
            f"only an approved render is released; this one is {render.state}",
            where=render_id,
            next_step="have it reviewed"
            if render.state == State.IN_REVIEW
            else "look at its page for the reason",
        )
    return render


def _released_meanwhile(render_id: str, brand_id: str, *, asked: bool) -> RenderRow:
    render = _look(render_id, brand_id, asked=asked)
    if State(render.state) is State.RELEASED:
        return render
    raise Conflict(
        "this render is being released at this moment, or waits for its next try",
        where=render_id,
        next_step="look again in a minute",
        code="release_in_progress",
    )


def _check(render_id: str, brand_id: str) -> _Cleared:
    """Every condition that can be checked before the published file is made."""
    with reading() as session:
        render = owned(session, RenderRow, render_id, brand_id)
        if State(render.state) is not State.APPROVED:
            raise ReleaseRefused(
                f"only an approved render is released; this one is {render.state}", where=render.id
            )
        # Who made it, what it says and how many must approve are read from these rows.
        check_agreement(session, render)
        approvals = check_approvals(session, render)
        receipts = check_receipts(session, render)
        check_shown(render, receipts, approvals)
        standing = check_authority(session, render)
        check_to_whom(session, render)
        check_holds(session, render)
        persona, stated = grounds_of(session, render).persona, stated_secret(session)
        # Last: what only a person can mend before is said before.
        check_script(session, render, standing)
        check_final_cut(session, render, standing.authority)
    check_parts(render, persona, receipts, stated=stated)
    return _Cleared(render, approvals, receipts)


@timed("release")
def _publish(cleared: _Cleared) -> tuple[StoredBlob, Credential]:
    """Make the published file and verify it independently, while no door leads to it."""
    render = cleared.render
    sealed = blobs().get_file(render.sealed_sha256 or "", AssetRole.SEALED)
    # Trust step 10 again, on the bytes as they are stored now.
    own = own_sealed(render, sealed)
    _verified(sealed, render, own)
    with workspace() as folder:
        out = folder / "published.mp4"
        facts = ApprovalFacts(
            approval_sha256=_digest(cleared.approvals),
            manner="seen" if all(a.manner == "seen" for a in cleared.approvals) else "decided",
            approvals=len(cleared.approvals),
            environment=get_settings().environment,
        )
        credential = publish(
            sealed,
            out,
            facts,
            signer_of(),
            anchors=export_anchors(),
            own=own,
            carried=render.essence or "",  # as the reader has found it there
        )
        _verified(out, render, credential.own)
        keep_manifest(credential, folder)
        return blobs().put_file(out, AssetRole.PUBLISHED), credential


def _verified(path: Path, render: RenderRow, own: OwnFile | None) -> None:
    report = verify(path, registry=DatabaseRegistry(), own=own)
    if report.verdict != "unreleased" or not report.trusted or report.problems:
        raise ReleaseRefused(
            f"the independent reader answers '{report.verdict}'", where=render.id, code="verification_failed"
        )
    if report.essence != render.essence:
        raise ReleaseRefused(
            "the file's media is not what was examined", where=render.id, code="verification_failed"
        )


def _digest(approvals: list[Approval]) -> str:
    return digest_json([approval.model_dump(mode="json") for approval in approvals])


def _commit(
    taken: Claim, cleared: _Cleared, stored: StoredBlob, credential: Credential, actor_id: str
) -> RenderRow:
    """The state, the asset, the manifest and the ledger's entry become true together, or the file goes."""
    render = cleared.render
    try:
        with release_transaction(render.id, stored.sha256) as session:
            # Once more, in the transaction that releases: what committed first wins.
            standing = check_authority(session, render)
            check_to_whom(session, render)
            script = check_script(session, render, standing)
            final = check_final_cut(session, render, standing.authority)
            check_holds(session, render)
            check_approvals(session, render)
            asset = AssetRow(
                sha256=stored.sha256,
                brand_id=render.brand_id,
                render_id=render.id,
                role=AssetRole.PUBLISHED.value,
                essence=render.essence,
                parent=render.sealed_sha256,
                size=stored.size,
            )
            manifest = save_manifest(session, brand_id=render.brand_id, credential=credential)
            rows: list[Base] = [asset, manifest]
            return move(
                session,
                render.id,
                State.RELEASED,
                start=State.APPROVED,
                claim=taken,
                values={"published_sha256": stored.sha256, "reason": None},
                rows=rows,
                facts={
                    "actor": actor_id,
                    "approval_ids": [approval.id for approval in cleared.approvals],
                    "approvals_sha256": _digest(cleared.approvals),
                    "persona_decision_id": final.id if final is not None else None,
                    "script_decision_id": script.id if script is not None else None,
                    "record_id": standing.record_id,
                    "receipts": {receipt.gate: receipt.sha256 for receipt in cleared.receipts},
                    "manifest_sha256": manifest.manifest_sha256,
                    "environment": get_settings().environment,
                },
            )
    except BaseException:
        _delete_unless_released(render.id, stored)
        raise


def _delete_unless_released(render_id: str, stored: StoredBlob) -> None:
    """The commit may have happened before the error: the row decides. Where it cannot be asked the file stays, and is
    swept later as an orphan if it is one."""
    try:
        with reading() as session:
            row = session.get(RenderRow, render_id)
            mine = row is not None and row.published_sha256 == stored.sha256
            mine = mine or session.get(AssetRow, stored.sha256) is not None
        if not mine:
            blobs().delete(stored.sha256, AssetRole.PUBLISHED)
    except Exception:
        log.exception("a published file could not be taken back: %s", render_id)


def _give_back(taken: Claim, error: GreenroomError) -> None:
    """A refusal stands on the render and waits for a person; trouble that passes is tried again."""
    if error.retryable:
        taken.postpone(retryable=True)
        return
    REFUSALS.labels(error_code(error)).inc()
    try:
        with transaction() as session:
            if error.code == ALTERED:
                _block(session, taken, error)
                return
            note(
                session,
                taken.render_id,
                Event.RELEASE_REFUSED,
                start=State.APPROVED,
                claim=taken,
                values={"reason": {"code": error.code, "message": str(error)}},
                facts={"reason_code": error.code},
            )
    except Conflict:
        log.warning("not released, and moved meanwhile: %s", taken.render_id)


def _block(session: Session, taken: Claim, error: GreenroomError) -> None:
    """A render that somebody changed in the database waits for nobody: what is recorded next would make it true."""
    move(
        session,
        taken.render_id,
        State.BLOCKED,
        start=State.APPROVED,
        claim=taken,
        values={"reason": {"code": error.code, "message": str(error)}},
        facts={"reason_code": error.code},
    )

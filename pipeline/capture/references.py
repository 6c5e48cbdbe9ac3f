"""A reference clip that was uploaded: received, kept until it becomes a persona, or deleted.

The row is the job, as a render's is; a worker does it (pipeline/capture/examining.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.events import Event
from audit.ledger import append
from core.blobs import blobs
from core.database import now, reading, take_turn, transaction
from core.errors import Conflict, InputError, NotFound
from core.ids import new_id
from core.media.probe import probe, refuse_rivals
from pipeline.capture.tables import OnboardingRow
from pipeline.leases import database_seconds
from pipeline.outbox import post
from pipeline.tables import PersonaRow

EXAMINE = "reference.examine"
KIND = "cpu"
KEPT_DAYS = 30
"""For how long a clip is kept that becomes no persona."""
ROLE = "reference"
MOST_NAME = 200
VOICES = ("hibari",)


def receive(video: Path, *, brand_id: str, actor_id: str, name: str, voice: str = VOICES[0]) -> OnboardingRow:
    """Take a reference clip in; a worker examines it.

    Raises:
        InputError: no name, or no such voice. MediaError: the file cannot be read, breaks a limit, or holds several
            pictures or sounds. Nothing was stored.
    """
    called = " ".join(name.split())
    if not 0 < len(called) <= MOST_NAME or not called.isprintable():
        raise InputError(
            f"a persona has a name of 1 to {MOST_NAME} characters",
            where="name",
            next_step="write what people here call this persona",
        )
    if voice not in VOICES:
        raise InputError(
            "there is no such voice", where="voice", next_step=f"use one of: {', '.join(VOICES)}"
        )
    refuse_rivals(probe(video), video)
    row = OnboardingRow(
        id=new_id("onb"),
        brand_id=brand_id,
        name=called,
        voice=voice,
        reference_sha256=blobs().put_file(video, ROLE).sha256,
        state="waiting",
        result={},
        made_by=actor_id,
    )
    with transaction() as session:
        row.hinted_at = database_seconds(session)
        facts = {"reference_sha256": row.reference_sha256, "actor": actor_id}
        append(session, Event.REFERENCE_RECEIVED, row.id, facts, rows=[row])
        post(session, EXAMINE, onboarding_id=row.id, kind=KIND)
    return row


def find_reference(session: Session, onboarding_id: str, *, brand_id: str) -> OnboardingRow:
    """One reference of this brand. Raises NotFound."""
    row = session.get(OnboardingRow, onboarding_id)
    if row is None or row.brand_id != brand_id:
        raise NotFound("no such reference", where=onboarding_id, next_step="check the id")
    return row


def open_references(session: Session, *, brand_id: str, limit: int = 50) -> Sequence[Any]:
    """References that are no persona yet, newest first, without what was found: rows (id, name, state, progress,
    created_at)."""
    query = select(
        OnboardingRow.id,
        OnboardingRow.name,
        OnboardingRow.state,
        OnboardingRow.progress,
        OnboardingRow.created_at,
    ).where(OnboardingRow.brand_id == brand_id, OnboardingRow.persona_id.is_(None))
    query = query.where(OnboardingRow.state != "deleted")
    newest = query.order_by(OnboardingRow.created_at.desc(), OnboardingRow.id.desc())
    return session.execute(newest.limit(limit)).all()


def delete_reference(onboarding_id: str, *, brand_id: str, actor_id: str) -> None:
    """Delete a clip that became no persona, with all that was found in it. It cannot be undone.

    Raises NotFound; Conflict where it has become a persona.
    """
    with transaction() as session:
        row = take_turn(session, OnboardingRow, onboarding_id)
        if row is None or row.brand_id != brand_id:
            raise NotFound("no such reference", where=onboarding_id, next_step="check the id")
        if row.persona_id is not None:
            raise Conflict(
                "this reference has become a persona", where=onboarding_id, next_step="withdraw its authority"
            )
        gone = [(row.reference_sha256, ROLE), (row.material_sha256, "material")]
        row.reference_sha256 = row.material_sha256 = row.lease_until = None
        row.state, row.result, row.changed_at, row.fence = "deleted", {}, now(), row.fence + 1
        append(session, Event.REFERENCE_DELETED, row.id, {"actor": actor_id}, rows=[row])
    for sha256, role in gone:
        if sha256 is not None and not _named(sha256):
            blobs().delete(sha256, role)


def delete_left_references(*, limit: int = 20) -> list[str]:
    """Delete the clips that became no persona in ``KEPT_DAYS``. Returns their ids."""
    with reading() as session:
        left = session.execute(
            select(OnboardingRow.id, OnboardingRow.brand_id)
            .where(
                OnboardingRow.state.in_(["passed", "refused"]),
                OnboardingRow.persona_id.is_(None),
                OnboardingRow.changed_at < now() - timedelta(days=KEPT_DAYS),
            )
            .limit(limit)
        ).all()
    for onboarding_id, brand_id in left:
        delete_reference(onboarding_id, brand_id=brand_id, actor_id="sys_retention")
    return [onboarding_id for onboarding_id, _ in left]


def _named(sha256: str) -> bool:
    """Whether another reference or a persona names these bytes."""
    columns = (
        OnboardingRow.reference_sha256,
        OnboardingRow.material_sha256,
        PersonaRow.reference_sha256,
        PersonaRow.material_sha256,
    )
    with reading() as session:
        return any(
            session.execute(select(column).where(column == sha256).limit(1)).first() is not None
            for column in columns
        )

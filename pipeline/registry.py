"""What the verifier may ask about our assets: release state, digests and the stored fingerprint, and no more."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.database import reading
from core.tables import AssetRow
from pipeline.standing import standing_of
from pipeline.tables import RenderRow
from provenance.models import RegistryEntry
from provenance.service import load_fingerprint
from provenance.tables import MarkRow

if TYPE_CHECKING:
    from provenance.fingerprint import Fingerprint


class DatabaseRegistry:
    """Implements provenance's Registry over the pipeline's tables; each question is one short snapshot."""

    def find_mark(self, mark_id: int) -> RegistryEntry | None:
        # By the row that gave the id out, which has it for its key: a search of all renders would grow with them.
        given = select(MarkRow.render_id).where(MarkRow.mark_id == mark_id).scalar_subquery()
        with reading() as session:
            render = select(RenderRow).where(RenderRow.id == given, RenderRow.mark_id == mark_id)
            return _entry(session, session.scalar(render))

    def find_asset(self, sha256: str) -> RegistryEntry | None:
        with reading() as session:
            asset = session.get(AssetRow, sha256)
            return _entry(session, session.get(RenderRow, asset.render_id) if asset else None)

    def find_essence(self, essence: str) -> RegistryEntry | None:
        with reading() as session:
            return _entry(session, session.scalar(select(RenderRow).where(RenderRow.essence == essence)))


def _entry(session: Session, render: RenderRow | None) -> RegistryEntry | None:
    if render is None or render.essence is None or render.mark_id is None:
        return None
    return RegistryEntry(
        asset_sha256=render.published_sha256 or render.sealed_sha256 or render.examined_sha256 or "",
        essence=render.essence,
        mark_id=render.mark_id,
        # The predicate of trust step 13, and nothing else.
        release=standing_of(session, render, new_links=False).release,
        fingerprint=partial(_fingerprint, render.essence),
    )


def _fingerprint(essence: str) -> Fingerprint | None:
    with reading() as session:
        return load_fingerprint(session, essence)

"""Which files the rows of a database name: what a backup has to hold besides the rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, literal, select
from sqlalchemy.orm import Session

from core.tables import AssetRow
from pipeline.capture.tables import DocumentRow, OnboardingRow
from pipeline.tables import PersonaRow, RenderRow
from provenance.tables import ManifestRow

# Role and digest. Results of pure stages name files too: that table is a cache, and no part of a backup.
NAMES: tuple[tuple[ColumnElement[Any], Any], ...] = (
    (AssetRow.role.expression, AssetRow.sha256),
    (literal("manifest"), ManifestRow.manifest_sha256),
    (literal("reference"), PersonaRow.reference_sha256),
    (literal("material"), PersonaRow.material_sha256),
    (literal("reference"), OnboardingRow.reference_sha256),
    (literal("material"), OnboardingRow.material_sha256),
    (literal("document"), DocumentRow.blob_sha256),
    (literal("source"), RenderRow.source_sha256),
    (literal("speech"), RenderRow.speech_sha256),
)


def named(session: Session) -> Iterator[tuple[str, str]]:
    """(role, digest) of every named file; of a file that several rows name once a column. Bounded memory."""
    for role, column in NAMES:
        query = select(role, column).where(column.is_not(None)).distinct().order_by(column)
        for found in session.execute(query.execution_options(yield_per=1000)):
            yield str(found[0]), str(found[1])


def still_named(session: Session, role: str, sha256: str) -> bool:
    """Whether a row names this file now."""
    return any(
        session.execute(select(column).where(column == sha256, of == role).limit(1)).first() is not None
        for of, column in NAMES
    )

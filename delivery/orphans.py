"""Files that a crash left behind: sealed or published bytes, and manifests, that no row names. Swept,
slowly and late.
"""

from __future__ import annotations

import shutil
import time

from sqlalchemy import select

from core.blobs import blobs
from core.database import reading
from core.models import AssetRole
from core.settings import get_settings
from core.tables import AssetRow
from pipeline.tables import RenderRow
from provenance.tables import ManifestRow

OLD_ENOUGH = 24 * 3600.0  # seconds; no stage lasts that long, so nobody is about to name the file
EVERY = 3600.0

_last = 0.0


def sweep_orphans(*, older_than: float = OLD_ENOUGH, every: float = EVERY) -> list[str]:
    """Delete what is older than ``older_than`` seconds and named by no row; at most once in ``every`` seconds.

    Returns the digests. A blob that a row names is never touched, however old.
    """
    global _last
    if time.monotonic() - _last < every and _last:
        return []
    _last = time.monotonic()
    gone: list[str] = []
    before = time.time() - older_than
    named = {
        AssetRole.EXAMINED.value: AssetRow.sha256,
        AssetRole.SEALED.value: AssetRow.sha256,
        AssetRole.PUBLISHED.value: AssetRow.sha256,
        "manifest": ManifestRow.manifest_sha256,
    }
    for role, column in named.items():
        for sha256, modified in list(blobs().names(role)):
            if modified >= before:
                continue
            with reading() as session:
                known = session.scalar(select(column).where(column == sha256).limit(1))
            if known is None:
                blobs().delete(sha256, role)
                gone.append(sha256)
    gone += _sweep_sources(before)
    _sweep_work(before)
    return gone


def _sweep_sources(before: float) -> list[str]:
    """Videos that were sent in and became no render. The column has no index: its values are read once."""
    old = [sha256 for sha256, modified in blobs().names("source") if modified < before]
    if not old:
        return []
    with reading() as session:
        named = set(
            session.scalars(select(RenderRow.source_sha256).where(RenderRow.source_sha256.is_not(None)))
        )
    gone = [sha256 for sha256 in old if sha256 not in named]
    for sha256 in gone:
        blobs().delete(sha256, "source")
    return gone


def _sweep_work(before: float) -> None:
    """Folders of stages whose process was killed."""
    root = get_settings().home / "work"
    for folder in root.iterdir() if root.is_dir() else ():
        if folder.is_dir() and folder.stat().st_mtime < before:
            shutil.rmtree(folder, ignore_errors=True)

"""Files that no row names: sealed or published bytes and manifests that a crash left behind, lists of recipients that
are over. Swept, slowly and late.

How old a file is two wall clocks say, its store's and this machine's, and either may be wrong. So a file goes when it
was found unnamed an hour before already, by a clock that nobody sets: no stage lasts that long.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

from sqlalchemy import select

from core.blobs import blobs
from core.database import reading
from core.models import AssetRole
from core.settings import get_settings
from core.tables import AssetRow
from pipeline import proxies
from pipeline.capture.tables import DocumentRow
from pipeline.recipient_lists import FILE_ROLE, VERDICTS_ROLE
from pipeline.tables import RecipientListRow, RenderRow
from provenance.tables import ManifestRow

OLD_ENOUGH = 24 * 3600.0  # seconds; no stage lasts that long, so nobody is about to name the file
EVERY = 3600.0

_MOST = 100_000  # remembered between two looks; what is past that waits for its turn

_last = 0.0
_Found = tuple[str, str, float]  # role, digest, when it was put
_seen: dict[_Found, float] = {}
"""What no row named when this process looked last -> when it found that first, monotonic."""


def sweep_orphans(*, older_than: float = OLD_ENOUGH, every: float = EVERY) -> list[str]:
    """Delete what is older than ``older_than`` seconds, named by no row, and was so ``every`` seconds ago already; it
    looks at most once in that time.

    Returns the digests. A blob that a row names when it is looked for is left, however old.
    """
    global _last
    if time.monotonic() - _last < every and _last:
        return []
    _last = time.monotonic()
    gone: list[str] = []
    seen: dict[_Found, float] = {}
    before = time.time() - older_than
    for found in _unnamed(before):
        first = _seen.get(found, _last)
        if _last - first >= every:
            blobs().delete(found[1], found[0])
            gone.append(found[1])
        elif len(seen) < _MOST:
            seen[found] = first
    _seen.clear()
    _seen.update(seen)
    _sweep_work(before)
    return gone


def _unnamed(before: float) -> Iterator[_Found]:
    """Blobs put before that moment, of the roles that rows name, which no row names."""
    named = {
        AssetRole.EXAMINED.value: AssetRow.sha256,
        AssetRole.SEALED.value: AssetRow.sha256,
        AssetRole.PUBLISHED.value: AssetRow.sha256,
        proxies.ROLE: AssetRow.sha256,
        "manifest": ManifestRow.manifest_sha256,
        FILE_ROLE: RecipientListRow.file_sha256,
        VERDICTS_ROLE: RecipientListRow.verdicts_sha256,
        "document": DocumentRow.blob_sha256,
    }
    for role, column in named.items():
        for sha256, modified in list(blobs().names(role)):
            if modified >= before:
                continue
            with reading() as session:
                known = session.scalar(select(column).where(column == sha256).limit(1))
            if known is None:
                yield role, sha256, modified
    yield from _unnamed_sources(before)


def _unnamed_sources(before: float) -> Iterator[_Found]:
    """Videos that were sent in and became no render. The column has no index: its values are read once."""
    old = [found for found in blobs().names("source") if found[1] < before]
    if not old:
        return
    with reading() as session:
        named = set(
            session.scalars(select(RenderRow.source_sha256).where(RenderRow.source_sha256.is_not(None)))
        )
    yield from (("source", sha256, modified) for sha256, modified in old if sha256 not in named)


def _sweep_work(before: float) -> None:
    """Folders of stages whose process was killed."""
    root = get_settings().home / "work"
    for folder in root.iterdir() if root.is_dir() else ():
        if folder.is_dir() and folder.stat().st_mtime < before:
            shutil.rmtree(folder, ignore_errors=True)

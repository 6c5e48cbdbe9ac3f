"""Which of a render's files are ours alone, and may be read where only our own are (:class:`core.media.own.OwnFile`).

Ours is what our encoder wrote for a made render: pictures and sound of a reference were decoded, and encoded anew. An
import never is: it was made elsewhere, and its credential is carried along. Nor is a sealed file in which somebody
else's credential is kept, such as the reference's: the C2PA library would read it there as they wrote it.
"""

from __future__ import annotations

from pathlib import Path

from core.canonical import digest_file_once
from core.media.own import OwnFile
from pipeline.tables import RenderRow
from provenance.structure import structure


def own_encoded(render: RenderRow, path: Path) -> OwnFile | None:
    """For the file that our encoder has just written for this render. None: it counts as foreign."""
    return OwnFile(digest_file_once(path)) if render.origin == "made" else None


def own_examined(render: RenderRow) -> OwnFile | None:
    """For the examined file that the row names."""
    return _named(render, render.examined_sha256)


def own_sealed(render: RenderRow, path: Path) -> OwnFile | None:
    """For the sealed file that the row names; ``path`` is where it lies."""
    shape = structure(path)
    alone = all(len(store.manifests) == 1 for store in shape.stores)
    return _named(render, render.sealed_sha256) if shape.stores and alone and not shape.oddities else None


def _named(render: RenderRow, sha256: str | None) -> OwnFile | None:
    return OwnFile(sha256) if render.origin == "made" and sha256 else None

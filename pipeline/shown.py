"""What a reviewer's pages are made of beside the video itself: its picture in lists, and its time axis.

Both are derivatives of the sealed file (of the examined one before that), so that a picture carries the label. They go
to whom the video goes, and to nobody else.
"""

from __future__ import annotations

from core.blobs import blobs
from core.errors import NotFound
from core.media.axis import Axis, axis_of
from core.media.still import still
from pipeline.derived import Derived
from pipeline.tables import RenderRow

PICTURE_AT = 1.0
"""Seconds: every label is up for the first two, at least (core/labels.py)."""
WIDEST = 320

_pictures: Derived[bytes] = Derived(
    lambda sha256: still(blobs().get_file(sha256), at=PICTURE_AT, widest=WIDEST), most=2_000
)  # about 10 kB each
_axes: Derived[Axis] = Derived(lambda sha256: axis_of(blobs().get_file(sha256)), most=32)


def looked_at(render: RenderRow) -> str:
    """Digest of the file that a reviewer sees. Raises NotFound before there is one."""
    digest = render.sealed_sha256 or render.examined_sha256
    if digest is None:
        raise NotFound("this render has no video yet", where=render.id, next_step="wait until it is encoded")
    return digest


def picture(render: RenderRow) -> bytes:
    """A small JPEG. Raises as :func:`looked_at`; Busy; MediaError."""
    return _pictures.of(looked_at(render))


def axis(render: RenderRow) -> Axis:
    """When each frame is shown, and how loud it is. Raises as :func:`picture`."""
    return _axes.of(looked_at(render))

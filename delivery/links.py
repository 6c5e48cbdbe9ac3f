"""Trust step 13: expiring signed links. A link names a render; whether it serves is read from the row each time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from itsdangerous import BadData, URLSafeSerializer

from core.blobs import blobs
from core.database import now, reading
from core.errors import NotFound
from core.models import AssetRole
from core.secrets import derived_key
from core.settings import get_settings
from pipeline.states import State
from pipeline.tables import RenderRow

_LONGEST_TOKEN = 500


def make_link(render_id: str, *, brand_id: str, hours: float | None = None) -> str:
    """A token for ``/v/<token>``. Raises NotFound unless the render is released."""
    _released(render_id, brand_id)
    lifetime = hours if hours is not None else get_settings().web.link_hours
    expires = int((now() + timedelta(hours=lifetime)).timestamp())
    token: str | bytes = _serializer().dumps({"r": render_id, "b": brand_id, "e": expires})
    return token if isinstance(token, str) else token.decode()


def open_link(token: str) -> tuple[RenderRow, Path]:
    """The render and the published file behind a link.

    Raises:
        NotFound: forged, expired, recalled, never released: one answer for all, so that nothing can be probed.
    """
    try:
        if len(token) > _LONGEST_TOKEN:
            raise BadData("too long")
        content = _serializer().loads(token)
        render_id, brand_id, expires = str(content["r"]), str(content["b"]), int(content["e"])
    except (BadData, KeyError, TypeError, ValueError) as error:
        raise _gone() from error
    if expires < now().timestamp():
        raise _gone()
    render = _released(render_id, brand_id)
    return render, blobs().get_file(render.published_sha256 or "", AssetRole.PUBLISHED)


def _released(render_id: str, brand_id: str) -> RenderRow:
    with reading() as session:
        row = session.get(RenderRow, render_id)
    if row is None or row.brand_id != brand_id or row.state != State.RELEASED or not row.published_sha256:
        raise _gone()
    return row


def _gone() -> NotFound:
    return NotFound(
        "there is no video behind this link", next_step="ask the sender for a new link", code="link_gone"
    )


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(derived_key("links"), salt="delivery-link")

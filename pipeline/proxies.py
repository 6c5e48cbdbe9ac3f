"""Proxies: copies of sealed files for a reviewer whose browser cannot play the file itself.

A proxy is a derivative: it is made of the sealed file, so that it carries the label, and names it as its parent. It
goes to whom the video goes and is never delivered; who decided over a video by its proxy has not seen the file (trust
step 11).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.ledger import Event, append
from core.blobs import blobs
from core.database import exclusive, reading, transaction
from core.errors import Conflict
from core.media.essence import essence
from core.tables import AssetRow
from pipeline import outbox
from pipeline.jobs import workspace
from pipeline.ownership import owned
from pipeline.tables import RenderRow

WANTED = "render.proxy_wanted"
ROLE = "proxy"


def proxy_of(render: RenderRow) -> str | None:
    """Digest of the proxy of a render's sealed file; None where none was made."""
    with reading() as session:
        return _proxy(session, render)


def ask_for(render_id: str, *, brand_id: str) -> bool:
    """Have a worker make a proxy; whether there is one already.

    Raises:
        NotFound: no such render of this brand. Conflict: it is not sealed yet.
    """
    with transaction() as session:
        row = owned(session, RenderRow, render_id, brand_id)
        if row.sealed_sha256 is None:
            raise Conflict("there is no sealed video yet", where=render_id, next_step="wait until it is made")
        if _proxy(session, row) is not None:
            return True
        outbox.post(session, WANTED, render_id=row.id)
        return False


def make(payload: dict[str, Any]) -> None:
    """What a worker does then. Asked for twice, it is made once."""
    with reading() as session:
        render = session.get(RenderRow, str(payload["render_id"]))
        if render is None or render.sealed_sha256 is None or _proxy(session, render) is not None:
            return
    from core.media.proxy import write_proxy  # a worker's: the web encodes nothing

    with exclusive(f"proxy-{render.id}", wait=False) as mine:
        if not mine:
            return
        with workspace() as folder:
            path = write_proxy(blobs().get_file(render.sealed_sha256), folder / "proxy.webm")
            own_essence = essence(path).sha256
            stored = blobs().put_file(path, ROLE)
        with transaction() as session:
            if _proxy(session, render) is not None:
                return
            asset = AssetRow(
                sha256=stored.sha256,
                brand_id=render.brand_id,
                render_id=render.id,
                role=ROLE,
                essence=own_essence,
                parent=render.sealed_sha256,
                size=stored.size,
            )
            facts = {"sealed_sha256": render.sealed_sha256, "proxy_sha256": stored.sha256}
            append(session, Event.PROXY_MADE, render.id, facts, rows=[asset])


def _proxy(session: Session, render: RenderRow) -> str | None:
    made = select(AssetRow.sha256).where(
        AssetRow.render_id == render.id, AssetRow.role == ROLE, AssetRow.parent == render.sealed_sha256
    )
    return session.scalar(made.limit(1))

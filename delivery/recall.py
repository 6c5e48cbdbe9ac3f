"""Trust step 13: recall. The state changes in one transaction; every door reads the state, so all close at once."""

from __future__ import annotations

from sqlalchemy import CursorResult, update

from audit.ledger import Event, append
from core.database import now, transaction
from core.errors import Conflict, NotFound
from pipeline import outbox
from pipeline.states import State
from pipeline.tables import RenderRow


def recall(render_id: str, *, brand_id: str, actor_id: str, reason: str) -> None:
    """Take a released render back.

    Raises:
        NotFound: no such render of this brand.
        Conflict: it is not released; nothing was changed.
    """
    if not reason.strip():
        raise Conflict("a recall needs a reason", where=render_id, next_step="say why", code="reason_missing")
    with transaction() as session:
        row = session.get(RenderRow, render_id)
        if row is None or row.brand_id != brand_id:
            raise NotFound("no such render", where=render_id, next_step="check the id")
        moved = session.execute(
            update(RenderRow)
            .where(RenderRow.id == render_id, RenderRow.state == State.RELEASED)
            .values(
                state=State.RECALLED,
                changed_at=now(),
                reason={"code": "recalled", "message": reason[:500]},
            )
        )
        if not isinstance(moved, CursorResult) or moved.rowcount != 1:
            raise Conflict(f"only a released render is recalled; this one is {row.state}", where=render_id)
        # The reason may name a person: the ledger keeps that there was one, the row keeps the words.
        append(
            session,
            Event.ASSET_RECALLED,
            render_id,
            {"actor": actor_id, "published_sha256": row.published_sha256},
        )
        outbox.hint(session, render_id, State.RECALLED)

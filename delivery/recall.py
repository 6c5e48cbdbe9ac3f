"""Trust step 13: recall. The state changes in one transaction; every door asks the predicate, so all close at once."""

from __future__ import annotations

from audit.ledger import Event
from core.database import transaction
from core.errors import Conflict, InputError
from pipeline.life import move
from pipeline.ownership import owned
from pipeline.states import State
from pipeline.tables import RenderRow

MOST_WORDS = 2000


def recall(render_id: str, *, brand_id: str, actor_id: str, reason: str) -> None:
    """Take a released render back, or an approved one before it is released. It is final.

    Raises:
        NotFound: no such render of this brand.
        Conflict: it is neither; InputError: no reason, or one that is too long. Nothing was changed.
    """
    if not reason.strip():
        raise InputError(
            "a recall needs a reason", where="reason", next_step="say why", code="reason_missing"
        )
    if len(reason.strip()) > MOST_WORDS:
        raise InputError(
            f"a reason has at most {MOST_WORDS:,} characters", where="reason", next_step="shorten it"
        )
    with transaction() as session:
        row = owned(session, RenderRow, render_id, brand_id)
        if row.state not in (State.APPROVED, State.RELEASED):
            raise Conflict(
                f"only an approved or released render is taken back; this one is {row.state}",
                where=render_id,
                next_step="reject it in review, or reload the page",
            )
        # The reason may name a person: the ledger keeps that there was one, the row keeps the words.
        move(
            session,
            render_id,
            State.RECALLED,
            start=State(row.state),
            event=Event.ASSET_RECALLED,
            values={"reason": {"code": "recalled", "message": reason.strip()}},
            facts={"actor": actor_id},
        )

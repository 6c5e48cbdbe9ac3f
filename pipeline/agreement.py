"""The rows that a render stands on, held against the ledger before a step is recorded over them.

A render's entry commits to the whole row. A script, a maker or a risk class that somebody changed in the database
would otherwise enter the record with the render's next event, as if a step had made it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from audit.commitments import row_name
from audit.errors import LedgerInconsistent
from audit.ledger.agreement import disagreeing
from pipeline.grounds import grounds_of
from pipeline.tables import CampaignRow, PersonaRow, RenderRow

CODE = "ledger_disagrees"


def check_agreement(session: Session, render: RenderRow) -> None:
    """Render, campaign and persona are what the ledger last said of them.

    Raises:
        LedgerInconsistent: one was changed in the database, or nobody recorded it. It is named.
    """
    check_rows(session, render, *grounds_of(session, render), where=render.id)


def check_rows(session: Session, *rows: RenderRow | CampaignRow | PersonaRow | None, where: str) -> None:
    """Each row is what the ledger last said of it; None is one that is gone. Raises as :func:`check_agreement`.

    Campaign and persona never change: a transaction reads them once, and asks about them once.
    """
    asked: set[str] = session.info.setdefault("agreed", set())
    open_ = {row.id: row for row in rows if row is not None and row.id not in asked}
    altered = disagreeing(session, open_)
    for row in rows:
        if row is None or row.id in altered:
            raise LedgerInconsistent(
                "a row that this video stands on is not what the ledger recorded",
                where=where if row is None else row_name(row),
                next_step="run `greenroom ledger verify` and find out who changed it; then ask for a new video",
                code=CODE,
            )
        if not isinstance(row, RenderRow):
            asked.add(row.id)


def altered_of(session: Session, renders: Sequence[RenderRow]) -> set[str]:
    """Of many renders, those that :func:`check_agreement` raises for; their ids."""
    altered = disagreeing(session, {render.id: render for render in renders})
    for render in renders:
        try:
            check_rows(session, *grounds_of(session, render), where=render.id)
        except LedgerInconsistent:
            altered.add(render.id)
    return altered

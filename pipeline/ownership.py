"""A row of one brand: another brand's looks as if it did not exist."""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy.orm import Session

from core.database import take_turn
from core.errors import NotFound
from core.tables import BrandRow
from pipeline.tables import CampaignRow, PersonaRow, RecipientListRow, RenderRow

Row = TypeVar("Row", BrandRow, PersonaRow, CampaignRow, RenderRow, RecipientListRow)
_TAKE_TURNS = (RenderRow, RecipientListRow)


def owned(session: Session, table: type[Row], key: str, brand_id: str) -> Row:
    """The row; a writing transaction has its turn on a render or a list.

    Raises NotFound when there is none, or it is another brand's.
    """
    row = take_turn(session, table, key) if table in _TAKE_TURNS else session.get(table, key)
    owner = None if row is None else (row.id if isinstance(row, BrandRow) else row.brand_id)
    if row is None or owner != brand_id:
        raise NotFound(
            f"no such {table.__tablename__.removesuffix('s').replace('_', ' ')}",
            where=key,
            next_step="check the id",
        )
    return row

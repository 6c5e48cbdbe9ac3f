"""Rows of the record are added, and neither changed nor deleted: whoever tries it through the product's own code fails.

What the database's owner changes past that code the ledger finds (audit/commitments.py).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import ORMExecuteState, Session

from audit.commitments import row_key
from audit.errors import Immutable
from core.covered import Covered
from core.database import Base

_LEDGER = "ledger_entries"  # its rows get their position later, and are never deleted


def _immutable(table: type[Any]) -> bool:
    decision = getattr(table, "__ledger__", None)
    return isinstance(decision, Covered) and decision.immutable


@event.listens_for(Base, "before_update", propagate=True)
def _refuse_change(_mapper: Any, _connection: Any, row: Base) -> None:
    if _immutable(type(row)) and any(part.history.has_changes() for part in inspect(row).attrs):
        raise _immutable_row(row)


@event.listens_for(Base, "before_delete", propagate=True)
def _refuse_deletion(_mapper: Any, _connection: Any, row: Base) -> None:
    if _immutable(type(row)):
        raise _immutable_row(row)


def _immutable_row(row: Base) -> Immutable:
    return Immutable(
        "a row of the record cannot be changed or deleted",
        where=f"{row.__tablename__} {row_key(row)}",
        next_step="add a new row that supersedes it",
    )


@event.listens_for(Session, "do_orm_execute")
def _refuse_bulk_change(state: ORMExecuteState) -> None:
    if (state.is_update or state.is_delete) and state.bind_mapper is not None:
        table = state.bind_mapper.class_
        if _immutable(table) or (table.__tablename__ == _LEDGER and state.is_delete):
            raise Immutable("rows of the record cannot be changed or deleted", where=table.__tablename__)

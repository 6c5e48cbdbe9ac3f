"""What the role of the processes may do on PostgreSQL: taken from what each table says about itself.

A table whose rows the ledger commits to once and for all (``immutable``) is only read and added to; an entry of the
ledger gets its position and changes no more; whatever else there is may be changed.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from audit.tables import ApprovalRow, LedgerCheckpointRow, LedgerEntryRow
from core.covered import Covered
from core.database import Base

OWNER = "greenroom_owner"
APP = "greenroom_app"

_ONLY_ADDED = {row.__tablename__ for row in (ApprovalRow, LedgerCheckpointRow)}


def grant(connection: Connection, role: str = APP) -> None:
    """Give the role its rights anew, in the caller's transaction. Does nothing where there is no such role."""
    if not connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}):
        return
    tables = ["alembic_version", *sorted(table.__tablename__ for table in _classes())]
    for name in tables:
        if connection.scalar(text("SELECT to_regclass(:name)"), {"name": f"public.{name}"}) is None:
            continue
        connection.execute(text(f'REVOKE ALL ON public."{name}" FROM "{role}"'))
        connection.execute(text(f'GRANT {rights_on(name)} ON public."{name}" TO "{role}"'))
    connection.execute(text(f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO "{role}"'))
    for function in ("greenroom_vouch(text, text)",):
        connection.execute(text(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC"))
        connection.execute(text(f'GRANT EXECUTE ON FUNCTION {function} TO "{role}"'))


def rights_on(table: str) -> str:
    """The privileges on one table, as GRANT names them."""
    if table == "alembic_version":
        return "SELECT"
    if table == LedgerEntryRow.__tablename__:
        return "SELECT, INSERT, UPDATE (position)"
    decision = next(row.__ledger__ for row in _classes() if row.__tablename__ == table)
    if table in _ONLY_ADDED or (isinstance(decision, Covered) and decision.immutable):
        return "SELECT, INSERT"
    return "SELECT, INSERT, UPDATE, DELETE"


def _classes() -> list[type[Base]]:
    return [mapper.class_ for mapper in Base.registry.mappers]

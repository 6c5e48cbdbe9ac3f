"""Rows back into an empty database, in one transaction: all of them, or none.

They are put back as they were, released renders too: the triggers that guard `released` are set aside inside the
transaction and are back when it ends. What was only true of the machine that was lost is not: leases end, messages that
were on their way are sent again, and a worker that still holds a fencing token of before is too late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any

from sqlalchemy import Table, delete, func, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core.database import Base, engine
from core.installation import MASTER_SECRET
from core.tables import InstallationRow, OutboxRow
from greenroom.backup.check import Entries, rows_of
from greenroom.backup.dump import ENTRIES
from greenroom.backup.errors import BackupDamaged, RestoreRefused
from greenroom.backup.manifest import Manifest
from greenroom.backup.place import Place
from greenroom.backup.rows import plain_table
from pipeline.tables import RenderRow

_AT_ONCE = 500
_NUMBERED = (ENTRIES, OutboxRow.__tablename__)  # tables whose keys the database counts


def is_empty() -> bool:
    """Whether no table of this database has a row; one without tables is empty too."""
    with engine().connect().execution_options(reading_only=True) as connection:
        present = set(inspect(connection).get_table_names())
        return all(
            connection.execute(select(func.count()).select_from(select(table).limit(1).subquery())).scalar()
            == 0
            for table in Base.metadata.sorted_tables
            if table.name in present
        )


def load(session: Session, place: Place, manifest: Manifest, *, secret_lost: bool = False) -> int:
    """Insert every row of a backup, in the caller's transaction. Returns how many.

    Args:
        secret_lost: without the check value of the master secret: another one is made or set.

    Raises:
        BackupDamaged: a part is not what was written.
        RestoreRefused: this database does not take a row.
    """
    count = 0
    known = set(inspect(session.connection()).get_table_names())
    with _unguarded(session):
        for table in manifest.tables:
            if table.name not in known:
                raise BackupDamaged("the backup has a table that this version never had", where=table.name)
            target = plain_table(table.name, table.columns)
            names = [name for name, _ in table.columns]
            entries = Entries(table, manifest) if table.name == ENTRIES else None
            waiting = _fresh(table.name, names, rows_of(place, table), entries)
            while rows := list(islice(waiting, _AT_ONCE)):
                count += len(rows)
                try:
                    session.execute(target.insert(), rows)
                except SQLAlchemyError as error:
                    raise _not_taken(table.name, error) from error
            if entries is not None:
                entries.finish()
    if secret_lost:
        session.execute(delete(InstallationRow).where(InstallationRow.name == MASTER_SECRET))
    _count_on(session)
    return count


def _fresh(
    table: str, names: list[str], rows: Iterator[list[object]], entries: Entries | None
) -> Iterator[dict[str, Any]]:
    change = _CHANGES.get(table, dict)
    for row in rows:
        if entries is not None:
            entries.entry(row)
        yield change(dict(zip(names, row, strict=True)))


def _unleased(row: dict[str, Any]) -> dict[str, Any]:
    ended = dict.fromkeys(("lease_owner", "lease_started", "lease_until", "retry_at", "hinted_at"))
    return {**row, **ended, "progress": 0.0, "fence": row["fence"] + 1}


_CHANGES: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {RenderRow.__tablename__: _unleased}


@contextmanager
def _unguarded(session: Session) -> Iterator[None]:
    """Triggers set aside, and foreign keys asked at the end: a row may come before the one that it names."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("PRAGMA defer_foreign_keys = ON"))
        triggers = session.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
        for name, _ in triggers:
            session.execute(text(f'DROP TRIGGER "{name}"'))
        yield
        connection = session.connection()
        for _, definition in triggers:
            connection.exec_driver_sql(definition)
        if session.execute(text("PRAGMA foreign_key_check")).first() is not None:
            raise BackupDamaged("a row names another one that is not there", where="tables")
        return
    loops = [table for table in Base.metadata.sorted_tables if _names_itself(table)]
    for table in loops:
        _deferrable(session, table, "DEFERRABLE INITIALLY DEFERRED")
    guarded = Base.metadata.tables[RenderRow.__tablename__].name
    session.execute(text(f"ALTER TABLE {guarded} DISABLE TRIGGER USER"))
    yield
    session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    session.execute(text(f"ALTER TABLE {guarded} ENABLE TRIGGER USER"))
    for table in loops:
        _deferrable(session, table, "NOT DEFERRABLE")


def _names_itself(table: Table) -> bool:
    return any(key.column.table is table for key in table.foreign_keys)


def _deferrable(session: Session, table: Table, how: str) -> None:
    for key in table.foreign_keys:
        if key.column.table is table and key.constraint is not None:
            session.execute(
                text(f'ALTER TABLE {table.name} ALTER CONSTRAINT "{_name(key.constraint)}" {how}')
            )


def _name(constraint: Any) -> str:
    return str(constraint.name)


def _count_on(session: Session) -> None:
    """PostgreSQL counts keys itself and has not seen those that were put in."""
    if session.get_bind().dialect.name != "postgresql":
        return
    for name in _NUMBERED:
        highest = f"(SELECT coalesce(max(id), 0) + 1 FROM {name})"  # noqa: S608 - a name of our own
        session.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), {highest}, false)"))


def _not_taken(table: str, error: SQLAlchemyError) -> RestoreRefused:
    return RestoreRefused(
        f"this database does not take a row of the backup ({type(error).__name__})",
        where=table,
        next_step="nothing was changed; give it an empty database of the version that the manifest names",
    )

"""One database, two sizes: SQLite or PostgreSQL. Their engines are in core/engines.py.

The habit: one request or one stage result is one transaction, opened with :func:`transaction`; nobody else commits,
and no slow work happens inside.

A transaction that decides something by rows that it does not change sees to it that they stay as they are. On SQLite
one transaction writes at a time, and that is all. On PostgreSQL each statement sees what was committed before it, so:

- :func:`take_turn`: two that take a turn on a row follow each other (two approvals of one render);
- :func:`hold` and :func:`seize`: a fact of several rows has a name (an authority: its versions and their statuses). Any
  number of transactions may hold it; who changes it seizes it, and waits for those.

In this order, so that nobody waits in a circle: the render, the authority, the rest.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, ClassVar, TypeVar

from sqlalchemy import Connection, DateTime, Engine, MetaData, TextClause, TypeDecorator, text
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import JSON

from core.covered import Covered, Uncovered
from core.engines import READING_ONLY, make_engine
from core.errors import DatabaseBusy
from core.heartbeat import quiet
from core.settings import get_settings

Row = TypeVar("Row", bound="Base")
_WRITES = "greenroom_writes"
_TURNS = "greenroom_turns"


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes in and out, on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a datetime without a time zone cannot be stored")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Base(DeclarativeBase):
    """All tables share one metadata, so that Alembic sees them all.

    A column that can hold personal data is declared with ``info={"personal": "<why>"}``. Each table says what the
    ledger commits to (``__ledger__``, core/covered.py); a column without a decision raises here.
    """

    __ledger__: ClassVar[Covered | Uncovered]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        decision = cls.__ledger__
        if isinstance(decision, Covered):
            decided = [*decision.committed, *decision.free]
            columns = set(cls.__table__.columns.keys())
            if sorted(decided) != sorted(columns):
                odd = sorted(columns.symmetric_difference(decided)) or sorted(decided)
                raise TypeError(f"{cls.__tablename__}: say once what the ledger does with {', '.join(odd)}")

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    # None is NULL in a JSON column too: the JSON value null is another thing, and `IS NULL` never matches it.
    type_annotation_map = {
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
    }


def now() -> datetime:
    """The wall clock, aware UTC. Leases use the database's clock instead."""
    return datetime.now(UTC)


def moment_of(text: str) -> datetime:
    """An RFC 3339 time as an aware datetime. Raises ValueError for one without a time zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a time zone")
    return moment.astimezone(UTC)


@lru_cache(maxsize=4)
def _engine_for(url: str) -> Engine:
    if url.startswith("sqlite"):
        get_settings().home.mkdir(parents=True, exist_ok=True)
    return make_engine(url)


def engine() -> Engine:
    """The engine of this process's settings."""
    return _engine_for(get_settings().effective_database_url)


@contextmanager
def transaction() -> Iterator[Session]:
    """One transaction: committed when the block ends, rolled back when it raises. Nobody beats inside it.

    Raises:
        DatabaseBusy: somebody else held a lock for too long, or the connection broke. Nothing was changed, unless it
            broke during the commit: whoever tries again asks the rows first.
    """
    with quiet(), Session(engine(), expire_on_commit=False, info={_WRITES: True}) as session, session.begin():
        yield session


@contextmanager
def reading() -> Iterator[Session]:
    """A consistent snapshot that takes no lock. A write inside raises ``DBAPIError``."""
    with engine().connect().execution_options(**{READING_ONLY: True}) as connection:
        session = Session(connection, expire_on_commit=False)
        try:
            yield session
            connection.commit()  # there is nothing to undo; after a rollback psycopg prepares every statement anew
        finally:
            session.close()


def take_turn(session: Session, table: type[Row], key: Any) -> Row | None:
    """The row as it is once whoever had a turn on it, or was changing it, has ended. It is ours until we end: who
    asks again in the same transaction has the same object.

    In a snapshot: the row, which stays as it is anyway.
    """
    if not session.info.get(_WRITES):
        return session.get(table, key)
    turns: dict[Any, Row | None] = session.info.setdefault(_TURNS, {})
    if turns.get((table, key)) is None:
        session.flush()  # the row is read again: what was changed in memory would be lost
        turns[table, key] = session.get(
            table, key, with_for_update={"key_share": True}, populate_existing=True
        )
    return turns[table, key]


def add_once(session: Session, row: Base) -> bool:
    """Add a row unless there is one under its primary key or in another unique place of its; whether it was added.

    Of two transactions that do so at once one adds it, and neither fails. The object itself stays outside.
    """
    dialect = session.get_bind().dialect.name
    insert = sqlite_insert if dialect == "sqlite" else postgresql_insert
    table = type(row).__table__
    found = {column.key: getattr(row, column.key) for column in table.columns}
    values = {name: value for name, value in found.items() if value is not None}
    statement = insert(type(row)).values(values).on_conflict_do_nothing()
    # The row itself answers: psycopg's count of rows is -1 here, for one that was not added as well.
    return session.execute(statement.returning(*table.primary_key)).first() is not None


def hold(session: Session, *facts: str) -> None:
    """Nobody seizes the facts of these names before we end. In a snapshot there is nothing to do."""
    _lock_facts(session, _HOLD, facts)


def seize(session: Session, fact: str) -> None:
    """Wait until nobody holds the fact of this name; until we end nobody does."""
    _lock_facts(session, _SEIZE, [fact])


_HOLD = text("SELECT pg_advisory_xact_lock_shared(one) FROM unnest(CAST(:numbers AS bigint[])) AS one")
_SEIZE = text("SELECT pg_advisory_xact_lock(one) FROM unnest(CAST(:numbers AS bigint[])) AS one")


def _lock_facts(session: Session, lock: TextClause, facts: Sequence[str]) -> None:
    if session.info.get(_WRITES) and session.get_bind().dialect.name == "postgresql":
        session.execute(lock, {"numbers": sorted(_number(fact) for fact in facts)})


def _number(name: str) -> int:
    """What PostgreSQL calls a lock: eight bytes of a digest, a number that no other name has."""
    return int.from_bytes(hashlib.sha256(f"greenroom:{name}".encode()).digest()[:8], "big", signed=True)


@contextmanager
def exclusive(name: str, *, wait: bool = True) -> Iterator[Exclusive | None]:
    """One process of the installation at a time is inside, on whatever machine; None for one that did not wait.

    PostgreSQL: an advisory lock of a connection of its own. SQLite: a lock on a file beside the database's, so that
    two homes on one database exclude each other.

    Raises:
        DatabaseBusy: the wait took too long, or the database is not there.
    """
    if engine().dialect.name == "sqlite":
        database = Path(engine().url.database or "").resolve()  # by whatever path somebody names it
        folder = database.with_name("locks")
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{database.name}.{name}.lock").open("w") as file:
            yield Exclusive() if _file_lock(file, wait) else None
        return
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        had = _advisory_lock(connection, name, wait)
        try:
            yield Exclusive(connection) if had else None
        finally:
            if had:
                _let_go(connection, name)


@dataclass(frozen=True)
class Exclusive:
    """What :func:`exclusive` gives. A connection can break, and its lock is then somebody else's."""

    _connection: Connection | None = None

    def still_held(self) -> bool:
        """Whether the lock is ours at this moment; asked before what must not be done twice."""
        if self._connection is None:
            return True
        try:
            self._connection.execute(text("SELECT 1"))
        except (DatabaseBusy, SQLAlchemyError):
            return False
        return True


def _file_lock(file: IO[str], wait: bool) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _let_go(connection: Connection, name: str) -> None:
    """The lock belongs to the connection, which goes back to the pool: where it cannot be freed, that is closed."""
    try:
        connection.execute(
            text("SELECT pg_advisory_unlock(:number)"), {"number": _number(f"exclusive:{name}")}
        )
    except (DatabaseBusy, SQLAlchemyError):
        connection.invalidate()


def _advisory_lock(connection: Connection, name: str, wait: bool) -> bool:
    number = {"number": _number(f"exclusive:{name}")}
    if wait:
        connection.execute(text("SELECT pg_advisory_lock(:number)"), number)
        return True
    return bool(connection.execute(text("SELECT pg_try_advisory_lock(:number)"), number).scalar_one())

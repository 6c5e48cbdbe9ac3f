"""One database, two sizes: SQLite (WAL, BEGIN IMMEDIATE) or PostgreSQL.

The habit: one request or one stage result is one transaction, opened with :func:`transaction`; nobody
else commits, and no slow work happens inside.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar

from sqlalchemy import DateTime, Engine, MetaData, TypeDecorator, create_engine, event
from sqlalchemy.engine import Dialect, ExceptionContext
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import JSON

from core.covered import Covered, Uncovered
from core.errors import DatabaseBusy
from core.heartbeat import quiet
from core.settings import get_settings

BUSY_SECONDS = 30.0
"""Waiting for SQLite's one write lock ends after this long, with :class:`core.errors.DatabaseBusy`."""


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


VOUCHES = "greenroom_vouches"
"""Name of the SQL function that the triggers of pipeline/guard.py ask before a render becomes released."""


def refuse_to_vouch(_render_id: object, _published_sha256: object) -> int:
    """What every connection answers, except the release's own while it is open."""
    return 0


def make_engine(url: str) -> Engine:
    """An engine with the pragmas and the transaction mode this system relies on.

    On SQLite a lock that is not had within ``BUSY_SECONDS`` raises :class:`core.errors.DatabaseBusy`, wherever it was
    waited for.
    """
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's recipe: we emit BEGIN ourselves
        connection.create_function(VOUCHES, 2, refuse_to_vouch)
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={round(BUSY_SECONDS * 1000)}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # IMMEDIATE takes the write lock at once: a read that later writes can then never fail half-way.
        reading_only = connection.get_execution_options().get("reading_only", False)
        connection.exec_driver_sql(f"PRAGMA query_only={'ON' if reading_only else 'OFF'}")
        connection.exec_driver_sql("BEGIN" if reading_only else "BEGIN IMMEDIATE")

    event.listen(engine, "handle_error", _told_busy)
    return engine


def _told_busy(context: ExceptionContext) -> None:
    """SQLite's "database is locked" in words that a person can act on."""
    error = context.original_exception
    # The low byte is the primary code (sqlite.org/rescode.html): busy in a snapshot or a recovery is busy too.
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        raise DatabaseBusy(
            f"the database was locked by another process for {BUSY_SECONDS:g} seconds",
            where="GREENROOM_DATABASE_URL",
            next_step="try again; if it stays so, find the process that holds the lock and end it",
        ) from error


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
        DatabaseBusy: somebody else held the write lock for too long; nothing was changed.
    """
    with quiet(), Session(engine(), expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def reading() -> Iterator[Session]:
    """A consistent snapshot that takes no write lock. A write inside raises ``OperationalError``."""
    with engine().connect().execution_options(reading_only=True) as connection:
        session = Session(connection, expire_on_commit=False)
        try:
            yield session
        finally:
            session.close()

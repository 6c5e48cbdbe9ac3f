"""The engines behind core/database.py: SQLite (WAL, BEGIN IMMEDIATE) and PostgreSQL (read committed, with row
locks), and what both say when a person or another process is in the way.
"""

from __future__ import annotations

import select
import sqlite3
import time
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import InvalidatePoolError

from core.addresses import check_database
from core.errors import DatabaseBusy, InputError

BUSY_SECONDS = 30.0
"""Waiting for a lock ends after this long, with :class:`core.errors.DatabaseBusy`."""

CONNECT_SECONDS = 10
IDLE_SECONDS = 300
"""PostgreSQL ends a transaction that stands still for this long: its owner is stopped or gone, and others wait."""

POOL = 20
"""Connections of one process; as many requests of the web application work with the database at once."""

QUIET_SECONDS = 5.0
"""A connection that has rested in the pool for longer is asked whether it is one still. Before that only where
something has come over it: a server that ends says so, and to ask each time costs each transaction an answer."""

_SINCE = "greenroom_rests_since"

READING_ONLY = "reading_only"
"""The execution option of a connection that is used for a snapshot."""

VOUCHES = "greenroom_vouches"
"""Name of the SQLite function that the triggers of pipeline/guard.py ask before a render becomes released."""


def refuse_to_vouch(_render_id: object, _published_sha256: object) -> int:
    """What every SQLite connection answers, except the release's own while it is open."""
    return 0


def make_engine(url: str) -> Engine:
    """An engine with the transaction modes that this system relies on.

    A lock that is not had within ``BUSY_SECONDS``, a deadlock, and a connection that breaks raise
    :class:`core.errors.DatabaseBusy`; text that no column can hold raises :class:`core.errors.InputError`.
    """
    check_database(url)
    engine = _sqlite(url) if url.startswith("sqlite") else _postgresql(url)
    event.listen(engine, "handle_error", _told)
    return engine


def _sqlite(url: str) -> Engine:
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
        reading_only = connection.get_execution_options().get(READING_ONLY, False)
        connection.exec_driver_sql(f"PRAGMA query_only={'ON' if reading_only else 'OFF'}")
        connection.exec_driver_sql("BEGIN" if reading_only else "BEGIN IMMEDIATE")

    return engine


def _postgresql(url: str) -> Engine:
    # People write the address that libpq takes; the driver is ours.
    address = make_url(url.replace("postgres://", "postgresql://", 1)).set(drivername="postgresql+psycopg")
    options = {
        "lock_timeout": round(BUSY_SECONDS * 1000),
        "idle_in_transaction_session_timeout": IDLE_SECONDS * 1000,
        "timezone": "UTC",
    }
    engine = create_engine(
        address,
        pool_size=POOL,
        pool_timeout=BUSY_SECONDS,
        isolation_level="READ COMMITTED",
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "greenroom",
            "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
            # A network that goes silent is noticed in half a minute, not in two hours.
            "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4, "tcp_user_timeout": 30_000,
        },
    )  # fmt: skip

    @event.listens_for(engine, "set_connection_execution_options")
    def _snapshot(connection: Any, options: dict[str, Any]) -> None:
        if options.get(READING_ONLY):
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @event.listens_for(engine, "checkin")
    def _rests(_connection: Any, record: Any) -> None:
        record.info[_SINCE] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _still_there(connection: Any, record: Any, _proxy: Any) -> None:
        since = record.info.get(_SINCE)
        if since is None or (time.monotonic() - since < QUIET_SECONDS and not _has_word(connection)):
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error  # the pool takes new ones, and nobody need know

    return engine


def _has_word(connection: Any) -> bool:
    """Whether something came over a connection that nobody uses: most often, that its server has closed it."""
    if connection.closed:
        return True
    watch = select.poll()
    watch.register(connection.pgconn.socket, select.POLLIN)
    return bool(watch.poll(0))


def _told(context: ExceptionContext) -> None:
    """What the databases say in their own words, in words that a person can act on."""
    error = context.original_exception
    if isinstance(error, sqlite3.Error):
        # The low byte is the primary code (sqlite.org/rescode.html): busy in a snapshot or a recovery is busy too.
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise DatabaseBusy(
                f"the database was locked by another process for {BUSY_SECONDS:g} seconds",
                where="GREENROOM_DATABASE_URL",
                next_step="try again; if it stays so, find the process that holds the lock and end it",
            ) from error
        return
    state = getattr(error, "sqlstate", None) or ""
    if state in _IN_THE_WAY:
        raise DatabaseBusy(
            f"another process was in the way: {_IN_THE_WAY[state]}",
            where="GREENROOM_DATABASE_URL",
            next_step="try again; if it stays so, look at pg_stat_activity for who holds the lock",
        ) from error
    if context.is_disconnect or state.startswith(_AWAY) or (not state and context.connection is None):
        raise DatabaseBusy(
            "the database did not answer, or the connection to it broke",
            where="GREENROOM_DATABASE_URL",
            next_step="try again; if it stays so, look whether PostgreSQL runs and can be reached from here",
        ) from error
    if state in _UNFIT or "NUL (0x00)" in str(error):
        raise InputError(
            "a text is longer than its place allows, or holds a character that cannot be stored",
            next_step="shorten it, and remove control characters",
            code="unfit_text",
        ) from error


# https://www.postgresql.org/docs/15/errcodes-appendix.html
_IN_THE_WAY = {
    "40001": "two transactions could not be put in an order",
    "40P01": "two transactions waited for each other",
    "55P03": f"a lock was not free within {BUSY_SECONDS:g} seconds",
    "57014": "the statement took too long",
    "25P03": "the transaction stood still for too long",
}
_AWAY = ("08", "57P0", "53")  # connection exceptions, shutdown and crash, too many connections or no memory
_UNFIT = {"22001", "22021", "22P05"}  # too long, not in the character set

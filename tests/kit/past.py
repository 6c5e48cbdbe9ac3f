"""Past every class of the product: what is in the database, and what whoever owns it can do to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from core.engines import VOUCHES
from core.settings import get_settings
from pipeline import guard_postgresql, guard_sqlite
from tests.servers.databases import name_of, superuser


def ask(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Rows of one SQL query; ``?`` for each value, on both databases."""
    url = get_settings().effective_database_url
    if url.startswith("sqlite"):
        path = url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute(statement, values).fetchall()
    with _superuser(url) as connection:
        return connection.execute(_placed(statement), values).fetchall()


def as_owner(statement: str, *values: Any) -> int:
    """One SQL statement past the product, its triggers and its rights; how many rows it touched."""
    url = get_settings().effective_database_url
    if url.startswith("sqlite"):
        path = url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, timeout=30)) as connection, connection:
            connection.create_function(VOUCHES, 2, lambda *_: 1)
            return connection.execute(statement, values).rowcount
    with _superuser(url) as connection:
        return connection.execute(_placed(statement), values).rowcount


def without_guard() -> None:
    """The triggers that guard the released state are gone, as their owner can have it."""
    if get_settings().effective_database_url.startswith("sqlite"):
        for trigger in guard_sqlite.TRIGGERS:
            as_owner(f"DROP TRIGGER {trigger}")
    else:
        for trigger in (guard_postgresql.TRIGGER, guard_postgresql.ASKED_TRIGGER):
            as_owner(f"DROP TRIGGER {trigger} ON renders")


@contextmanager
def _superuser(url: str) -> Iterator[Any]:
    with superuser(name_of(url)) as connection, connection.transaction():
        yield connection


def _placed(statement: str) -> Any:
    return statement.replace("%", "%%").replace("?", "%s")

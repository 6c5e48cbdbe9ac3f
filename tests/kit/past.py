"""Past every class of the product: what is in the database, and what whoever owns it can do to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg

from core.engines import VOUCHES
from core.settings import get_settings
from tests.servers.databases import name_of, running


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


@contextmanager
def _superuser(url: str) -> Iterator[Any]:
    address = running().url(name_of(url), "greenroom_root")
    # Triggers, foreign keys with them, do not fire for whoever may say this.
    with psycopg.connect(address, options="-c session_replication_role=replica") as connection:
        yield connection


def _placed(statement: str) -> Any:
    return statement.replace("%", "%%").replace("?", "%s")

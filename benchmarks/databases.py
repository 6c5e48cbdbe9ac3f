"""A fresh SQLite or PostgreSQL for a benchmark, as this process's own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

KINDS = ("sqlite", "postgresql")


@contextmanager
def database(kind: str) -> Iterator[str]:
    """The URL that GREENROOM_DATABASE_URL is set to meanwhile; "" is SQLite in the home.

    PostgreSQL is a server of its own on loopback, on this machine's cores and disk, with every commit flushed. SQLite
    flushes at checkpoints alone (WAL, synchronous NORMAL): a power cut may take its last commits.
    """
    from tests.servers import postgres
    from tests.servers.databases import as_this_process, serving
    from tests.servers.databases import database as new_database

    if kind == "sqlite":
        with as_this_process(""):
            yield ""
        return
    postgres.OPTIONS |= {
        "fsync": "on",
        "full_page_writes": "on",
        "max_wal_size": "2GB",
        "shared_buffers": "256MB",
    }
    with postgres.postgres_server() as server, serving(server), new_database() as url, as_this_process(url):
        yield url


@contextmanager
def empty_home(kind: str) -> Iterator[Path]:
    """A home with every table and nothing in it."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GREENROOM_HOME"] = folder
        os.environ.setdefault("GREENROOM_ENVIRONMENT", "test")
        with database(kind):
            from tests.kit.home import all_tables

            all_tables()
            yield Path(folder)
            from core.database import engine

            engine().dispose()


def load() -> list[float]:
    """The machine's load averages: other work beside a measurement stretches its seconds."""
    return [round(value, 1) for value in os.getloadavg()]


def slowest(by_database: dict[str, dict[str, Any]], key: str) -> float:
    """A rate that holds on each database."""
    return float(min(result[key] for result in by_database.values()))

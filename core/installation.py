"""What the database remembers of its installation, so that a machine which does not belong to it is noticed.

A fact is written once and compared from then on. What is written proves nothing and opens nothing: a check value of the
master secret, the fingerprint of the development authority's root, and, replaced by each newer one, an HMAC of the code
under which the first account may be made.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import inspect
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from core.database import Base, reading
from core.settings import get_settings
from core.tables import InstallationRow

MASTER_SECRET = "master_secret"
DEVELOPMENT_ROOT = "development_root"
FIRST_CODE = "first_code"


def known(session: Session, name: str) -> str | None:
    """The value of a fact, or None where it was never written."""
    row = session.get(InstallationRow, name)
    return row.value if row is not None else None


def remember(session: Session, name: str, value: str, *, replace: bool = False) -> bool:
    """Write a fact that is not there yet. False: another value is there, and stays (unless ``replace``)."""
    row = session.get(InstallationRow, name, with_for_update=True)
    if row is None:
        session.add(InstallationRow(name=name, value=value))
        session.flush()
    elif replace:
        row.value = value
    return row is None or row.value == value


@contextmanager
def looking(*tables: type[Base]) -> Iterator[Session | None]:
    """A snapshot on a connection of its own; None where the database or one of the tables is not there yet.

    It makes nothing, never waits for a writer, and can be had while this very thread has a transaction open.
    """
    url = make_url(get_settings().effective_database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        yield None  # asking would make it
        return
    with reading() as session:
        there = inspect(session.connection())
        yield session if all(there.has_table(table.__tablename__) for table in tables) else None

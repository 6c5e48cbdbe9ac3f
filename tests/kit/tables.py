"""Every table as the code declares it, without the migrations. They are made once a run and copied: making them takes
longer than many a test."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sqlalchemy import create_engine, inspect
from sqlalchemy.pool import StaticPool

from core.database import Base, engine
from core.settings import get_settings
from tests.conftest import import_tables


def make_tables() -> None:
    """In the database that the settings point at, where they are not there yet."""
    import_tables()
    url = get_settings().effective_database_url
    if url.startswith("sqlite") and not (path := Path(url.removeprefix("sqlite:///"))).exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_sqlite())
    elif not inspect(engine()).has_table(
        "renders"
    ):  # else a copy of the template (tests/servers/databases.py)
        Base.metadata.create_all(engine())


@cache
def _sqlite() -> bytes:
    memory = create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(memory)
    connection = memory.raw_connection()
    data: bytes = connection.driver_connection.serialize()  # type: ignore[union-attr]
    memory.dispose()
    # Bytes 18 and 19 of the header say that it is in WAL mode, as the product's are (sqlite.org/fileformat.html 1.3.3):
    # else the first connection changes that, for which it needs the database to itself.
    return data[:18] + b"\x02\x02" + data[20:]

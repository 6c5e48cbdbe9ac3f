"""The migrations make exactly the tables that the code declares."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core.database import Base, engine, transaction
from core.settings import get_settings
from greenroom.database import OldDatabase, migrate
from pipeline.guard_postgresql import installed
from tests.servers.databases import as_this_process
from tests.servers.postgres import OWNER, Postgres


@pytest.fixture
def empty_on_postgresql(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database without any table, as its owner; its name."""
    name = postgres.empty()
    monkeypatch.setenv("GREENROOM_HOME", str(tmp_path / "home"))
    with as_this_process(postgres.url(name, OWNER)):
        yield name
    postgres.drop(name)


def test_on_postgresql_too_and_the_guard_is_the_same(empty_on_postgresql: str, postgres: Postgres):
    migrate()
    migrate()
    with engine().connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = compare_metadata(context, Base.metadata)
        assert [change for change in found if "release_vouches" not in str(change)] == []
    with as_this_process(postgres.url(empty_on_postgresql)):
        with transaction() as session:
            assert installed(session)
        migrate()  # the processes' role only looks
        with pytest.raises(DBAPIError, match="permission denied"), transaction() as session:
            session.execute(text("DELETE FROM approvals"))


def test_the_processes_role_does_not_migrate(empty_on_postgresql: str, postgres: Postgres):
    with (
        as_this_process(postgres.url(empty_on_postgresql)),
        pytest.raises(OldDatabase, match="may not change"),
    ):
        migrate()


def test_two_that_migrate_at_once_follow_each_other(empty_on_postgresql: str):
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(migrate) for _ in range(4)]:
            done.result()


def test_migrating_an_empty_database_gives_the_declared_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GREENROOM_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    try:
        migrate()
        migrate()  # again changes nothing
        with engine().connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, Base.metadata) == []
    finally:
        engine().dispose()
        get_settings.cache_clear()

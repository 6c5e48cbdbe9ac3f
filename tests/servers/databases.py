"""A test's own database on the running PostgreSQL: made from the template, and reached past the product."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import create_engine

from tests.servers.postgres import APP, OWNER, TEMPLATE, Postgres

URL = "GREENROOM_DATABASE_URL"
SECRET = "GREENROOM_MASTER_SECRET"

_running: Postgres | None = None
_connections: dict[str, psycopg.Connection[Any]] = {}


def running() -> Postgres:
    """The server of this run of the tests."""
    assert _running is not None, "ask for the fixture `postgres` first"
    return _running


def name_of(url: str) -> str:
    """The database that a URL leads to."""
    return url.rpartition("/")[2]


@contextmanager
def serving(server: Postgres) -> Iterator[Postgres]:
    """Every table, the guard and the rights go into the template, as a migration by the owner would put them there."""
    global _running
    from core.database import Base
    from greenroom.rights import grant
    from tests.conftest import import_tables

    import_tables()
    server.administer(f"CREATE DATABASE {TEMPLATE} OWNER {OWNER}")
    server.administer(f"ALTER SCHEMA public OWNER TO {OWNER}", database=TEMPLATE)
    address = server.url(TEMPLATE, OWNER).replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(address)
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
        grant(connection, APP)
    engine.dispose()
    _running = server
    try:
        yield server
    finally:
        _running = None


@contextmanager
def superuser(name: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection for which no trigger fires, foreign keys among them; kept, as it is asked for many times a test."""
    connection = _connections.get(name)
    if connection is None or connection.closed or connection.broken:
        options = "-c session_replication_role=replica"
        connection = psycopg.connect(running().url(name, "greenroom_root"), autocommit=True, options=options)
        _connections[name] = connection
    yield connection


def let_go() -> None:
    """Close what `superuser` keeps: a database is copied or dropped while nobody is connected to it."""
    while _connections:
        _connections.popitem()[1].close()


@contextmanager
def database() -> Iterator[str]:
    """The URL of a fresh database with every table, as GREENROOM_DATABASE_URL is set to; dropped at the end."""
    server = running()
    name = server.create()
    try:
        yield server.url(name)
    finally:
        let_go()
        server.drop(name)


@contextmanager
def as_this_process(url: str) -> Iterator[None]:
    """The settings of this process point at a database; "" is SQLite in the home."""
    from core.settings import get_settings

    before = {name: os.environ.get(name) for name in (URL, SECRET)}
    os.environ[URL] = url
    if url:
        os.environ.setdefault(
            SECRET, "a made-up master secret of the tests"
        )  # none is made for a shared database
    get_settings.cache_clear()
    try:
        yield
    finally:
        if url:
            from core.database import engine

            engine().dispose()
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
        get_settings.cache_clear()

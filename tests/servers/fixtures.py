"""The servers as fixtures: `postgres` and `s3` for a run, `postgres_url`, `redis_url`, `s3_url` for a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.databases import as_this_process, database, serving
from tests.servers.postgres import Postgres, postgres_server
from tests.servers.redis import Redis, redis_server
from tests.servers.s3 import S3, s3_server

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The PostgreSQL server of this run; started by the first test that asks."""
    with postgres_server() as server, serving(server):
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A fresh database, for GREENROOM_DATABASE_URL; the processes' role."""
    with database() as url:
        yield url


@pytest.fixture
def redis_url() -> Iterator[str]:
    """A fresh Redis, for GREENROOM_BROKER_URL. It starts in 30 ms: each test has its own."""
    with redis_server() as server:
        yield server.url


@pytest.fixture
def redis() -> Iterator[Redis]:
    """As `redis_url`, and it can be stopped."""
    with redis_server() as server:
        yield server


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """The S3 server of this run."""
    with s3_server() as server:
        yield server


@pytest.fixture
def s3_url(s3: S3, monkeypatch: pytest.MonkeyPatch) -> str:
    """A fresh bucket, for GREENROOM_BLOB_URL, and the environment that leads there."""
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    return s3.bucket()


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """``sqlite``, in the home; or ``postgresql``: a fresh database that this process's settings point at.

    A folder whose tests hold on both says so in its conftest: ``from tests.servers.both import pytest_generate_tests``.
    """
    kind: str = getattr(request, "param", "sqlite")
    if kind == "sqlite":
        with as_this_process(""):
            yield kind
        return
    request.getfixturevalue("postgres")
    with database() as url, as_this_process(url):
        yield kind

"""One nursery and one set of servers for all tests of faults; an installation on each for those that leave it mended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.installation import Installation, Nursery, installation
from tests.servers.postgres import Postgres
from tests.servers.redis import redis_server
from tests.servers.s3 import S3


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    running = Nursery()
    yield running
    running.close()


@pytest.fixture(scope="module")
def on_files(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """SQLite, a blob folder and the filesystem transport."""
    with installation(tmp_path_factory.mktemp("files") / "home", nursery) as running:
        yield running


@pytest.fixture(scope="module")
def on_servers(
    nursery: Nursery, tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, s3: S3
) -> Iterator[Installation]:
    """PostgreSQL, Redis and S3."""
    with redis_server() as redis:
        home = tmp_path_factory.mktemp("servers") / "home"
        with installation(home, nursery, on=(postgres, redis, s3)) as running:
            yield running


@pytest.fixture(params=["files", "servers"])
def greenroom(request: pytest.FixtureRequest) -> Installation:
    """A running installation; what is broken there is mended when the test ends."""
    running: Installation = request.getfixturevalue(f"on_{request.param}")
    return running

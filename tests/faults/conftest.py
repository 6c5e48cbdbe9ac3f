"""One nursery for all tests of faults, and an installation on each shape in turn, mended after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.installation import Installation, Nursery, Servers, installation
from tests.servers.redis import redis_server


@pytest.fixture(scope="package")
def nursery() -> Iterator[Nursery]:
    running = Nursery()
    yield running
    running.close()


@pytest.fixture(scope="package", params=["files", "servers"])
def shape(
    request: pytest.FixtureRequest, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """``files``: SQLite, a blob folder, the filesystem transport. ``servers``: PostgreSQL, S3 and Redis."""
    home = tmp_path_factory.mktemp(request.param) / "home"
    if request.param == "files":
        with installation(home, nursery) as running:
            yield running
    else:
        with redis_server() as redis:
            on = request.getfixturevalue("postgres"), redis, request.getfixturevalue("s3")
            with installation(home, nursery, on=on) as running:
                yield running


@pytest.fixture
def greenroom(shape: Installation) -> Iterator[Installation]:
    """A running installation; what a test has broken there is mended afterwards, also where it failed."""
    shape.submitted = []
    yield shape
    shape.mend()


@pytest.fixture
def servers(greenroom: Installation) -> Servers:
    """What the large shape stands on: for tests that say ``@ON_SERVERS``."""
    assert greenroom.servers is not None
    return greenroom.servers

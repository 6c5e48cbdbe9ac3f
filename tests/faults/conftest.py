"""One nursery for all tests of faults, and an installation on each shape in turn, mended after each test."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.faults.installation import FULL, Installation, Nursery, Servers, installation
from tests.faults.table import marked
from tests.servers.rabbitmq import rabbitmq_server
from tests.servers.redis import redis_server


@pytest.fixture(scope="package")
def nursery() -> Iterator[Nursery]:
    running = Nursery()
    yield running
    running.close()


@pytest.fixture(scope="package", params=["files", "servers", *(["rabbitmq"] if FULL else [])])
def shape(
    request: pytest.FixtureRequest, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """``files``: SQLite, a blob folder, the filesystem transport. ``servers``: PostgreSQL, S3 and Redis.

    ``rabbitmq``: that in Redis's place, with FULL=1.
    """
    home = tmp_path_factory.mktemp(request.param) / "home"
    if request.param == "files":
        with installation(home, nursery) as running:
            yield running
    else:
        with redis_server() if request.param == "servers" else rabbitmq_server() as broker:
            on = request.getfixturevalue("postgres"), broker, request.getfixturevalue("s3")
            with installation(home, nursery, on=on) as running:
                yield running


@pytest.fixture
def greenroom(shape: Installation) -> Iterator[Installation]:
    """A running installation; what a test has broken there is mended afterwards, also where it failed."""
    shape.submitted, shape.faults = [], 0
    yield shape
    shape.mend()


@pytest.fixture
def servers(greenroom: Installation) -> Servers:
    """What the large shape stands on: for tests that say ``@ON_SERVERS``."""
    assert greenroom.servers is not None
    return greenroom.servers


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """A test that passed made as many faults as its marks, and so the page, say."""
    yield
    greenroom = getattr(item, "funcargs", {}).get("greenroom")
    wanted = sum(fault.times for fault in marked(item.iter_markers("fault")))
    if greenroom is not None and wanted:
        assert greenroom.faults == wanted, f"marked {wanted} times, made {greenroom.faults} times"

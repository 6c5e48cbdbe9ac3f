"""One nursery and one set of servers for all tests of faults; an installation on each for those that leave it mended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.installation import Installation, Nursery, installation


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


@pytest.fixture(params=["files"])
def greenroom(request: pytest.FixtureRequest) -> Installation:
    """A running installation; what is broken there is mended when the test ends."""
    running: Installation = request.getfixturevalue(f"on_{request.param}")
    return running

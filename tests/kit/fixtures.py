"""The worlds as fixtures: import them into a conftest (``from tests.kit.fixtures import real_world, world``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.world import World
from tests.kit.world import world as open_world


@pytest.fixture
def world(tmp_path: Path, database_kind: str) -> Iterator[World]:
    """A world that signs nothing: for orders of events. See :mod:`tests.kit`."""
    with open_world(tmp_path / "home", signer="recorded") as opened:
        yield opened


@pytest.fixture
def real_world(tmp_path: Path, database_kind: str) -> Iterator[World]:
    """A world with the real signer, the real reader and development timestamps."""
    with open_world(tmp_path / "home", signer="real") as opened:
        yield opened

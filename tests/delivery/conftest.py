"""The worlds of :mod:`tests.kit`, and one approved render that every test finds as if it were new."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.settings import get_settings
from pipeline.tables import RenderRow
from tests.kit.fixtures import real_world, world  # noqa: F401
from tests.kit.models import Recorded
from tests.kit.saving import Saved
from tests.kit.world import World
from tests.kit.world import world as open_world
from tests.servers.both import pytest_generate_tests  # noqa: F401

Kept = tuple[World, RenderRow, Saved]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """A world that signs nothing, with a render that is approved and right in every respect, one gate flagging it."""
    with open_world(tmp_path_factory.mktemp("kept") / "home", signer="recorded") as opened:
        render = opened.approved(flagged=("lip_sync",))
        yield opened, render, opened.save()


@pytest.fixture
def w(kept: Kept) -> Iterator[World]:
    """The kept world as it was saved. A module that uses it uses no other world."""
    opened, _, saved = kept
    opened.restore(saved)
    yield opened
    vars(opened.recorded).update(vars(Recorded()))
    opened.clock.back()
    get_settings.cache_clear()


@pytest.fixture
def approved(w: World, kept: Kept) -> RenderRow:
    """The kept world's render."""
    return w.now_is(kept[1])

"""What a crash left behind is swept late, and never from under a stage that is about to name it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from delivery.orphans import OLD_ENOUGH, sweep_orphans
from pipeline.runner import advance
from pipeline.states import State
from tests.kit.world import World
from tests.trust import seams


@pytest.fixture(autouse=True)
def _seams() -> Iterator[None]:
    with seams.installed():
        yield


def grow_old(world: World, role: str) -> list[str]:
    """Every blob of a role becomes older than the sweep's patience; their names."""
    long_ago = time.time() - OLD_ENOUGH - 3600
    files = [path for path in (world.home / "blobs" / role).rglob("*") if path.is_file()]
    for path in files:
        os.utime(path, (long_ago, long_ago))
    return [path.name for path in files]


def test_a_stage_that_makes_the_same_bytes_again_keeps_them(world: World):
    """The file of the first try is old and named by no row; the second try finds it there, and is about to name it."""
    render = world.render()
    killed_after = iter(["voice", "picture"])

    def kill(seam: str) -> None:
        if seam == "stage_done" and next(killed_after) == "picture":
            raise seams.Killed

    with pytest.raises(seams.Killed), seams.told(kill):
        advance(render.id)
    assert world.now_is(render).state == State.VOICED and grow_old(world, "examined")
    world.tick(120)

    def sweep(seam: str) -> None:
        if seam == "stage_done":
            sweep_orphans(every=-1)

    with seams.told(sweep):
        advance(render.id)
    assert world.now_is(render).state == State.IN_REVIEW


def test_what_a_killed_release_left_behind_goes_and_what_was_released_stays(world: World):
    render = world.approved()
    with seams.crashing("published", "kill"):
        world.release(render)
    orphans = grow_old(world, "published")
    world.tick(120)
    released = world.release(render)
    assert sweep_orphans(every=-1) == orphans
    assert [path.name for path in world.published()] == [released.published_sha256]

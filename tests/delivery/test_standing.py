"""What the world is told: the public verifier's registry asks the predicate, for the file and for copies of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.blobs import blobs
from core.models import AssetRole
from pipeline.registry import DatabaseRegistry
from pipeline.tables import RenderRow
from tests.kit import media
from tests.kit.workers import as_owner
from tests.kit.world import World


def copy_of(render: RenderRow, out: Path) -> Path:
    """A copy without credential: other packets, the same mark, and a fingerprint that agrees (tests/kit/media.py)."""
    data = media.write_clip(out, render.mark_id or 0).read_bytes()
    note = b"kit mark %010x." % (render.mark_id or 0)
    out.write_bytes(data.replace(note + b"  ", note + b"~~"))
    return out


def take_back(w: World, render: RenderRow, how: str) -> None:
    if how == "recalled":
        w.recall(render)
    else:
        w.withdraw(effect="recall")  # the message is not handled yet


@pytest.mark.parametrize("how", ["recalled", "withdrawn"])
def test_who_took_it_back_is_said_of_the_file_and_of_its_copy(real_world: World, tmp_path: Path, how: str):
    render = real_world.released()
    published = blobs().get_file(render.published_sha256, AssetRole.PUBLISHED)
    copy = copy_of(render, tmp_path / "copy.mp4")
    assert [real_world.verify(path).verdict for path in (published, copy)] == ["intact", "reencoded_copy"]
    take_back(real_world, render, how)
    for path in (published, copy):
        report = real_world.verify(path)
        assert (report.verdict, report.release, report.trusted) == (how, how, False)


def test_the_sealed_file_says_so_too(real_world: World):
    render = real_world.released()
    sealed = blobs().get_file(render.sealed_sha256, AssetRole.SEALED)
    real_world.recall(render)
    assert real_world.verify(sealed).verdict == "recalled"


@pytest.mark.parametrize("how", ["recalled", "withdrawn"])
def test_each_way_to_find_a_video_has_one_answer(world: World, how: str):
    render = world.released()
    registry = DatabaseRegistry()

    def answers() -> set[str | None]:
        found = (
            registry.find_mark(render.mark_id),
            registry.find_asset(render.published_sha256),
            registry.find_asset(render.sealed_sha256),
            registry.find_essence(render.essence),
        )
        return {entry.release if entry else None for entry in found}

    assert answers() == {"released"}
    take_back(world, render, how)
    assert answers() == {how}


def test_a_row_that_was_set_back_is_still_recalled_to_the_world(real_world: World):
    """One UPDATE does not un-recall a video."""
    render = real_world.recall(real_world.released())
    as_owner(real_world, "UPDATE renders SET state = 'released'")
    published = blobs().get_file(render.published_sha256)
    assert real_world.verify(published).verdict == "recalled"
    assert [problem.where for problem in real_world.ledger().problems] == [f"renders/{render.id}"]


def test_what_the_ledger_does_not_know_is_not_released_to_the_world(real_world: World):
    render = real_world.approved()
    as_owner(real_world, "UPDATE renders SET state = 'released', published_sha256 = sealed_sha256")
    report = real_world.verify(blobs().get_file(render.sealed_sha256))
    assert (report.verdict, report.release) == ("unreleased", "unreleased")


def test_an_authority_that_only_stops_leaves_the_verdict(real_world: World):
    """The video was released and stands: nobody is told otherwise."""
    render = real_world.released()
    real_world.withdraw(effect="stop")
    assert real_world.verify(blobs().get_file(render.published_sha256)).verdict == "intact"


def test_nobody_outside_is_told_of_what_is_not_ours(world: World):
    registry = DatabaseRegistry()
    assert registry.find_mark(1) is registry.find_asset("ab" * 32) is registry.find_essence("ab" * 32) is None

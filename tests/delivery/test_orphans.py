"""What a crash leaves behind is swept, late; what a row names stays, however old it is."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from core.blobs import blobs
from core.models import AssetRole
from delivery import orphans
from delivery.orphans import EVERY, OLD_ENOUGH, sweep_orphans
from tests.kit.workers import as_owner
from tests.kit.world import World

ROLES = [AssetRole.EXAMINED, AssetRole.SEALED, AssetRole.PUBLISHED, "manifest"]


@pytest.fixture(autouse=True)
def _not_swept_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "_last", 0.0)
    orphans._seen.clear()


def sweep() -> list[str]:
    return sweep_orphans(every=0.0)


def left(folder: Path, role: str, *, days: float = 2.0) -> Path:
    """A file that no row names."""
    source = folder / f"left-{role}"
    source.write_bytes(b"left behind: " + role.encode())
    path = blobs().put_file(source, role).path
    return aged(path, days)


def aged(path: Path, days: float = 2.0) -> Path:
    moment = time.time() - days * 24 * 3600
    os.utime(path, (moment, moment))
    return path


@pytest.mark.parametrize("role", ROLES)
def test_a_file_that_no_row_names_is_swept(world: World, tmp_path: Path, role: str):
    path = left(tmp_path, role)
    assert sweep() == [path.name]
    assert not path.exists()


@pytest.mark.parametrize("role", ROLES)
def test_a_young_file_is_let_be(world: World, tmp_path: Path, role: str):
    """Its transaction may be about to name it."""
    path = left(tmp_path, role, days=0.9 * OLD_ENOUGH / (24 * 3600))
    assert sweep() == [] and path.exists()


def test_what_rows_name_stays_however_old(world: World):
    render = world.released()
    files = [path for path in (world.home / "blobs").rglob("*") if path.is_file()]
    for path in files:
        aged(path, days=5000)
    assert sweep() == []
    assert all(path.exists() for path in files)
    assert world.verify(blobs().get_file(render.published_sha256)).verdict == "intact"


def test_a_recalled_video_keeps_its_file(world: World):
    """It is evidence; taking back closes doors and destroys nothing."""
    render = world.recall(world.released())
    aged(blobs().get_file(render.published_sha256), days=5000)
    assert sweep() == []


def test_references_material_and_sources_are_never_swept(world: World):
    """No asset row names them: personas and renders do."""
    for role in ("reference", "material", "speech", "source"):
        for path in (world.home / "blobs" / role).rglob("*"):
            if path.is_file():
                aged(path, days=5000)
    before = sorted((world.home / "blobs").rglob("*"))
    assert sweep() == [] and sorted((world.home / "blobs").rglob("*")) == before


def test_the_file_of_a_release_that_was_never_recorded_is_swept(world: World):
    """Somebody deleted the row, or the process was killed between the file and the commit."""
    render = world.released()
    path = aged(blobs().get_file(render.published_sha256))
    as_owner(world, "DELETE FROM assets WHERE role = 'published'")
    assert sweep() == [render.published_sha256] and not path.exists()


def test_it_looks_once_an_hour(world: World, tmp_path: Path):
    assert sweep_orphans() == []
    path = left(tmp_path, AssetRole.PUBLISHED)
    assert sweep_orphans() == [] and path.exists()
    assert sweep() == [path.name]


def test_folders_of_killed_stages_go(world: World):
    work = world.home / "work"
    old, young = work / "killed", work / "at-work"
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "out.mp4").write_bytes(b"half")
    aged(old)
    sweep()
    assert not old.exists() and young.exists()


def test_a_clock_that_jumps_ahead_takes_nothing_from_under_a_stage(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A file that was put a moment ago looks a week old: it goes at the next look, an hour later by no such clock."""
    path = left(tmp_path, AssetRole.SEALED, days=0)
    moment, running = time.time() + 7 * 24 * 3600, time.monotonic() + EVERY
    monkeypatch.setattr(time, "time", lambda: moment)
    assert sweep_orphans() == [] and path.exists()
    monkeypatch.setattr(time, "monotonic", lambda: running - 60)
    assert sweep_orphans() == [] and path.exists()
    monkeypatch.setattr(time, "monotonic", lambda: running + 60)
    again = (
        blobs().put_file(path, AssetRole.SEALED).path
    )  # who makes the same bytes again is about to name them
    assert sweep_orphans() == [] and again.exists()
    monkeypatch.setattr(
        time, "monotonic", lambda: running + 61 + EVERY
    )  # past it: a sum of floats may fall short of it
    assert sweep_orphans() == [path.name]

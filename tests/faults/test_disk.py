"""The disk is full, all of it: database, blobs, messages, tiles of the ledger."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.canonical import digest_bytes
from pipeline.states import State
from tests.faults.installation import Nursery, installation
from tests.faults.invariants import broken


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(place)], check=False).returncode:
        pytest.skip("this user may not mount a file system: a full disk was not tried")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Until not a byte more finds room."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue
    return ballast


def test_the_disk_is_full(small_disk: Path, nursery: Nursery) -> None:
    """Three times, at other places of two lives."""
    with installation(small_disk / "home", nursery) as greenroom:
        row, path = greenroom.released()
        campaign = greenroom.world.campaign(release_on_approval=True)
        renders = [greenroom.submit(campaign) for _ in range(2)]
        for state in (State.IN_REVIEW, State.IN_REVIEW, State.RELEASED):
            ballast = fill(small_disk)
            for _ in range(5):
                greenroom.supervise(free=False)
                time.sleep(0.15)
            status, body = greenroom.ask(path)
            assert status != 200 or digest_bytes(body) == row.published_sha256
            ballast.unlink()
            for render in renders[: 1 if state is State.RELEASED else 2]:
                if state is State.RELEASED:
                    greenroom.world.approve(render)
                greenroom.until_state(render, state)
        assert not broken(greenroom)

"""The disk is full, all of it: database, blobs, messages, tiles of the ledger."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.canonical import digest_bytes
from pipeline.states import State
from tests.faults.installation import AGAIN, Installation, Nursery, installation
from tests.faults.invariants import broken
from tests.faults.kills import ordered
from tests.faults.table import fault


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(place)], check=False).returncode:
        pytest.skip("this user may not mount a file system: a full disk was not tried")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def greenroom(small_disk: Path, nursery: Nursery) -> Iterator[Installation]:
    """One of its own, on the small disk."""
    with installation(small_disk / "home", nursery) as running:
        yield running


def fill(greenroom: Installation) -> Path:
    """Until not a byte more finds room."""
    greenroom.fault()
    ballast = greenroom.home.parent / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue
    return ballast


@fault("the disk is full", "at any moment", each=3, on=("files",))
@fault("the disk is full", "a seal", "the release", "the sequencer's tiles", each=AGAIN, on=("files",))
def test_the_disk_is_full(greenroom: Installation) -> None:
    """At three moments of two lives; then exactly where a worker is about to write a sealed or a published file, and
    the sequencer its tiles."""
    row, path = greenroom.released()
    campaign = greenroom.world.campaign(release_on_approval=True)
    renders = [greenroom.submit(campaign) for _ in range(2)]
    for state in (State.IN_REVIEW, State.IN_REVIEW, State.RELEASED):
        ballast = fill(greenroom)
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
    for _ in range(AGAIN):
        one_life(greenroom)
    assert not broken(greenroom)


def one_life(greenroom: Installation) -> None:
    """Where the worker writes a sealed file and a published one, and where the sequencer writes tiles."""
    campaign = greenroom.world.campaign(release_on_approval=True)
    render = ""

    def submit() -> None:
        nonlocal render
        render = greenroom.submit(campaign)

    def approve() -> None:
        greenroom.until_state(render, State.IN_REVIEW)
        greenroom.world.approve(render)

    for point, act in {
        "seal stage_begins": submit,
        "sequencer positions": lambda: None,
        "release checked": approve,
    }.items():
        pid = ordered(greenroom, point, act, what="STOP")
        ballast = fill(greenroom)
        greenroom.signal(next(name for name, one in greenroom.pids.items() if one == pid), signal.SIGCONT)
        time.sleep(0.5)
        ballast.unlink()
    greenroom.until_state(render, State.RELEASED)

"""Fixtures of all tests: a temporary home, the test media, the sample presenter, no network."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("GREENROOM_ENVIRONMENT", "test")

pytest_plugins = ["tests.servers.fixtures"]


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in the tests uses the network beyond loopback."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in (
            "127.0.0.1",
            "::1",
            "localhost",
        ):
            raise AssertionError(f"a test tried to reach {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_kind: str) -> Iterator[Path]:
    """A temporary Greenroom home with every table, and settings that point at it."""
    from core.database import engine
    from core.settings import get_settings
    from tests.kit.tables import make_tables

    monkeypatch.setenv("GREENROOM_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    make_tables()
    yield tmp_path / "home"
    engine().dispose()
    get_settings.cache_clear()


def import_tables() -> None:
    """Import every package's tables that exists, so that the metadata is complete."""
    import importlib
    import importlib.util

    for package in ("core", "audit", "provenance", "pipeline", "delivery", "review_ui", "review_ui.api"):
        if importlib.util.find_spec(f"{package}.tables"):
            importlib.import_module(f"{package}.tables")
    importlib.import_module("pipeline.capture.tables")
    importlib.import_module("pipeline.guard")  # the triggers come with the tables


@pytest.fixture(scope="session")
def test_media() -> Path:
    """The folder of real and synthetic clips; tests that need it skip and say so when it is unset."""
    folder = os.environ.get("GREENROOM_TEST_MEDIA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("GREENROOM_TEST_MEDIA is not set: real clips are not measured in this run")
    return Path(folder).resolve()


@pytest.fixture(scope="session")
def presenter() -> Path:
    """The sample presenter's reference clip: a person who does not exist. Never skips."""
    from generate.presenter import sample_presenter

    return sample_presenter()


@pytest.fixture(scope="session")
def short_presenter(presenter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 2.4 seconds of the sample presenter at half size, with sound: enough for most tests of pictures."""
    import cv2

    from core.media.decode import frames, sound
    from core.media.encode import VideoWriter
    from core.media.probe import probe

    video = probe(presenter).video
    path = tmp_path_factory.mktemp("presenter") / "short.mp4"
    width, height = video.width // 4 * 2, video.height // 4 * 2
    with VideoWriter(path, width, height, video.frame_rate, 48_000) as writer:
        for frame in frames(presenter):
            if frame.time >= 2.4:
                break
            writer.write(cv2.resize(frame.image, (width, height), interpolation=cv2.INTER_AREA))
        writer.write_sound(sound(presenter, 48_000)[: int(2.4 * 48_000)])
    return path

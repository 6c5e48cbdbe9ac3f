"""One small video that many tests read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.media_files import picture, tone, write_video


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds, 320x180, 25 frames a second, a tone of 440 Hz. Read only."""
    path = tmp_path_factory.mktemp("media") / "clip.mp4"
    return write_video(path, [picture(i) for i in range(50)], tone(2.0))

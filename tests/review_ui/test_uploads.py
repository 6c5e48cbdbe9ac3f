"""A stranger's file is gone with the answer; what a killed process left behind goes with the next one."""

from __future__ import annotations

import asyncio
import io
import os
import tempfile
import time
from pathlib import Path

import pytest
from fastapi import UploadFile

from review_ui.uploads import kept, sweep


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def old(folder: Path, seconds: float = 120) -> Path:
    os.utime(folder, (time.time() - seconds,) * 2)
    return folder


def test_an_upload_that_is_being_checked_is_let_be_and_gone_afterwards() -> None:
    async def check() -> Path:
        async with kept(UploadFile(io.BytesIO(b"a stranger's video"), filename="clip.mov")) as path:
            old(path.parent)
            assert sweep() == 0 and path.read_bytes() == b"a stranger's video"
        return path

    assert not asyncio.run(check()).parent.exists()


def test_what_a_killed_process_left_behind_goes(tmp_path: Path) -> None:
    left, young, other = (tmp_path / name for name in ("greenroom-upload-1", "greenroom-upload-2", "else"))
    for folder in (left, young, other):
        folder.mkdir()
        (folder / "upload.mp4").write_bytes(b"a stranger's video")
    old(left), old(other)
    assert sweep() == 1
    assert not left.exists() and young.exists() and other.exists()


def test_a_link_of_that_name_leads_nowhere(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.mkdir()
    (tmp_path / "greenroom-upload-3").symlink_to(target)
    os.utime(tmp_path / "greenroom-upload-3", (0, 0), follow_symlinks=False)
    assert sweep() == 0 and target.exists()

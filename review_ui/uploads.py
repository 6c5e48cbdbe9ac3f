"""An upload on disk for as long as it is checked, and gone after the answer.

A process that is killed meanwhile leaves its folder behind. A lock on the folder ends with its process: that is how the
web processes of the machine know such a folder, and remove it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile

from core.errors import InputError
from provenance.verdicts import NEXT

UNREADABLE = 422
"""The status for a file that nobody can read, at every address that takes one."""
_BLOCK = 1 << 20
_PREFIX = "greenroom-upload-"
_YOUNG_SECONDS = 60.0  # a folder may have been made a moment ago and have no lock yet


class Unreadable(InputError):
    """A file about which a verification says only that nobody can read it, with the first reason's code."""

    code = "unreadable"
    http_status = UNREADABLE

    def __init__(self, report: dict[str, Any]):
        reasons = report["problems"] or [{"code": self.code, "message": report["sentence"]}]
        what = str(reasons[0]["message"])
        super().__init__(
            f"{what[:1].lower()}{what[1:].rstrip('.')}",
            where="file",
            next_step=NEXT["unreadable"].rstrip("."),
            code=str(reasons[0]["code"]),
        )


@asynccontextmanager
async def kept(upload: UploadFile | None) -> AsyncIterator[Path]:
    """A path to the uploaded bytes, under a name of ours: the stranger's file name is never used."""
    if upload is None or not upload.filename:
        raise InputError("no file was sent", where="file", next_step="choose a video file", code="no_file")
    with room_for(upload.filename) as path:
        with path.open("wb") as file:
            while block := await upload.read(_BLOCK):
                file.write(block)
        yield path


@contextmanager
def room_for(name: str) -> Iterator[Path]:
    """A path for a stranger's file of this name, in a folder that goes with the block."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as folder, _locked(Path(folder)) as mine:
        assert mine
        yield Path(folder) / f"upload{_suffix(name)}"


def sweep() -> int:
    """Remove the uploads of processes that were killed; how many. Those of other users are let be."""
    gone = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            found = folder.lstat()
            if found.st_uid != os.getuid() or found.st_mtime > time.time() - _YOUNG_SECONDS:
                continue
            with _locked(folder) as left_behind:
                if left_behind:
                    shutil.rmtree(folder, ignore_errors=True)
                    gone += 1
    return gone


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Whether the folder is ours; it is until the block, or this process, ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def _suffix(name: str) -> str:
    # The C2PA reader goes by the extension; anything that is not a plain one is read as an mp4.
    suffix = Path(name).suffix.lower()
    known = {".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".mpg", ".jpg", ".jpeg", ".png", ".webp"}
    return suffix if suffix in known else ".mp4"

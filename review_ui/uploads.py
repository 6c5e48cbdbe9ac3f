"""An upload on disk for as long as it is checked, and gone after the answer."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import UploadFile

from core.errors import InputError
from provenance.verdicts import NEXT

UNREADABLE = 422
"""The status for a file that nobody can read, at every address that takes one."""
_BLOCK = 1 << 20


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
    with tempfile.TemporaryDirectory(prefix="greenroom-upload-") as folder:
        path = Path(folder) / f"upload{_suffix(upload.filename)}"
        with path.open("wb") as file:
            while block := await upload.read(_BLOCK):
                file.write(block)
        yield path


def _suffix(name: str) -> str:
    # The C2PA reader goes by the extension; anything that is not a plain one is read as an mp4.
    suffix = Path(name).suffix.lower()
    known = {".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".mpg", ".jpg", ".jpeg", ".png", ".webp"}
    return suffix if suffix in known else ".mp4"

"""Local copies of remote blobs: verified when they are written and when they are handed out, dropped by age."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from core.canonical import digest_file_once
from core.whole_files import PARTS, write_whole

KEEPS_SECONDS = 3600.0  # a path that was handed out stays good for at least this long
_TOUCH_SECONDS = 600.0  # a copy's time is moved on this often: each move has it verified again


class Cache:
    """A folder that several processes share. ``most``: bytes past which the oldest copies go."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder, self._most = folder, most
        self._since_pruned = most  # the first one looks

    def copy_of(self, sha256: str) -> Path | None:
        """A verified copy; None where there is none, or a damaged one, which then goes."""
        path = self._path(sha256)
        try:
            if path.stat().st_mtime < time.time() - _TOUCH_SECONDS:
                os.utime(
                    path
                )  # never Path.touch(): beside another process that prunes it would make an empty file
            if digest_file_once(path) == sha256:
                return path
        except FileNotFoundError:
            return None
        path.unlink(missing_ok=True)
        return None

    def keep(self, sha256: str, blocks: Iterable[Any], size: int) -> Path:
        """Make a copy of ``size`` bytes. Raises as :func:`core.whole_files.write_whole`."""
        path = self._path(sha256)
        write_whole(self._folder, path, blocks, sha256, longest=size)
        self._since_pruned += size
        if self._since_pruned > self._most // 100:
            self._since_pruned = 0
            self.prune()
        return path

    def forget(self, sha256: str) -> None:
        """One that is not there is no error."""
        self._path(sha256).unlink(missing_ok=True)

    def prune(self) -> None:
        """Drop the copies that were not read for longest, never one that was handed out just now."""
        entries = []
        for folder in self._folder.iterdir():
            for entry in os.scandir(folder) if folder.is_dir() and folder.name != PARTS else ():
                with contextlib.suppress(FileNotFoundError):  # another process prunes too
                    found = entry.stat()
                    entries.append((found.st_mtime, found.st_size, entry.path))
        total = sum(size for _, size, _ in entries)
        for moment, size, name in sorted(entries):
            if total <= self._most or moment > time.time() - KEEPS_SECONDS - _TOUCH_SECONDS:
                return
            Path(name).unlink(missing_ok=True)
            total -= size

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

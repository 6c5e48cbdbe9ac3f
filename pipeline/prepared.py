"""What the lip-sync engine made of a reference: a cache of this machine, made again from the reference's blob.

Nothing depends on it being there: a machine that takes a render up half way, or whose folder was lost, makes it again
from the bytes that the persona's row names. What was not used for longest goes when there is too much of it.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from core.settings import get_settings

if TYPE_CHECKING:
    from generate.lipsync.models import LipSync, Prepared, Progress

MOST_KEPT = 200  # references; some tens of megabytes each
KEPT_SECONDS = 86_400.0  # one that was used so lately may be in use, and stays


def prepared(lipsync: LipSync, reference: Path, progress: Progress | None = None) -> Prepared:
    """The engine's view of a reference clip, from the cache or made now.

    Raises:
        InputError: the engine cannot use the clip, and says why.
    """
    folder = get_settings().home / "prepared"
    _prune(folder)
    return lipsync.prepare(reference, folder, progress)


def _prune(folder: Path) -> None:
    """Forget the references that nobody asked for in a day, the oldest first, down to ``MOST_KEPT``."""
    try:
        found = [entry for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return
    if len(found) <= MOST_KEPT:
        return
    used = sorted((_used(Path(entry.path)), entry.path) for entry in found)
    for moment, path in used[: len(found) - MOST_KEPT]:
        if moment < time.time() - KEPT_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def _used(folder: Path) -> float:
    """When something of it was last read or written, as far as the file system says."""
    try:
        return max(
            (max(entry.stat().st_atime, entry.stat().st_mtime) for entry in os.scandir(folder)), default=0.0
        )
    except OSError:
        return time.time()

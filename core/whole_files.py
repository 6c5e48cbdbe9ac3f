"""Files that appear whole or not at all, whatever ends the writer: a full disk, an error, kill -9."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from core.errors import BlobStoreFull, IntegrityError
from core.heartbeat import beat

PARTS = ".parts"
_STALE_SECONDS = 24 * 3600.0  # a part this old belongs to nobody: its writer was killed
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_whole(root: Path, path: Path, blocks: Iterable[Any], sha256: str, *, longest: int) -> None:
    """Write ``blocks`` to ``path`` under ``root``, verified on the way.

    Bytes go to a part in ``root/.parts`` and get their name when their digest is right. Parts that killed writers left
    there a day ago are removed.

    Raises:
        IntegrityError: the bytes are not those of the digest, or more than ``longest``; nothing stays.
        BlobStoreFull: they could not be written; nothing stays.
        What reading the blocks raises; nothing stays.
    """
    digest, size = hashlib.sha256(), 0
    with _words(path):
        (root / PARTS).mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(root / PARTS)
        name = root / PARTS / uuid.uuid4().hex
        part = name.open("xb")
    try:
        for block in blocks:
            beat()
            size += len(block)
            if size > longest:
                break
            digest.update(block)
            with _words(path):
                part.write(block)
        with _words(path):
            part.close()
        if size > longest or digest.hexdigest() != sha256:
            raise IntegrityError(
                "the bytes that came are not those that were stored",
                where=f"blob {sha256[:12]}",
                next_step="restore this file from the backup; nothing was handed out",
            )
        with _words(path):
            name.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.close()  # writes what is held: on a full disk that fails again
        name.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _words(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in _FULL
        raise BlobStoreFull(
            "a file found no room: the disk is full" if full else "a file could not be written",
            where=f"the folder {path.parent.parent}",
            next_step="free space there" if full else "look at the disk and who may write to the folder",
        ) from error


def _sweep(parts: Path) -> None:
    for entry in os.scandir(parts):
        with contextlib.suppress(OSError):
            if entry.stat().st_mtime < time.time() - _STALE_SECONDS:
                Path(entry.path).unlink()

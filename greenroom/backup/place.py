"""Where backups lie: a folder, or an object store's URL. Objects are written whole or not at all, and never changed."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from greenroom.backup.errors import BackupDamaged, BackupProblem

BLOCK = 1 << 20


class Place:
    """Named objects. Every method raises :class:`BackupProblem` where the store does not answer.

    Args:
        where: a folder's path, ``file:///folder``, ``s3://bucket/prefix`` or another obstore URL.
        make: make the folder where it is not there.
    """

    def __init__(self, where: str, *, make: bool = False) -> None:
        self.where = where
        self._store: ObjectStore
        folder = Path(where.removeprefix("file://")) if "://" not in where or where[:7] == "file://" else None
        self._local = folder is not None
        with self._told():
            if folder is None:
                self._store = from_url(where)
                return
            if make:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not folder.is_dir():
                raise BackupProblem(
                    "there is no such folder of backups", where=where, next_step="name one that is there"
                )
            self._store = LocalStore(prefix=folder.resolve())

    def put(self, key: str, blocks: Iterable[bytes]) -> None:
        """Keep what the iterator gives; nothing is kept where it raises.

        An object store may hold the pieces of an upload that was cut off until its own rules remove them.
        """
        with self._told(key):
            # Not `put`: it would ask the iterator inside its own runtime, where no other store can be read.
            writer = obstore.open_writer(self._store, key, buffer_size=8 * BLOCK)
            for block in blocks:
                writer.write(block)
            writer.close()

    def put_file(self, key: str, path: Path) -> None:
        with self._told(key), path.open("rb") as file:
            self.put(key, iter(lambda: file.read(BLOCK), b""))

    def get(self, key: str) -> Iterator[bytes]:
        """The object's bytes, some at a time. Raises :class:`BackupDamaged` where there is none."""
        with self._told(key):
            try:
                for block in obstore.get(self._store, key).stream(min_chunk_size=BLOCK):
                    yield bytes(block)
            except FileNotFoundError as error:
                raise BackupDamaged("a part of the backup is missing", where=key) from error

    def size(self, key: str) -> int | None:
        """Bytes of an object, None where there is none."""
        with self._told(key):
            try:
                return obstore.head(self._store, key)["size"]
            except FileNotFoundError:
                return None

    def names(self, prefix: str, *, older_than: timedelta = timedelta(0)) -> Iterator[str]:
        """The keys under a prefix that were written at least so long ago, in no order."""
        before = datetime.now(UTC) - older_than
        with self._told(prefix):
            for found in obstore.list(self._store, prefix=prefix, chunk_size=1000):
                yield from (entry["path"] for entry in found if entry["last_modified"] <= before)

    def delete(self, key: str) -> None:
        with self._told(key), contextlib.suppress(FileNotFoundError):
            obstore.delete(self._store, key)

    def settle(self) -> None:
        """What was written so far survives a power cut, before anything is written that names it."""
        if self._local:
            os.sync()

    @contextlib.contextmanager
    def _told(self, key: str = "") -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except (BaseError, OSError, ValueError) as error:
            raise BackupProblem(
                f"the place of the backups does not answer as it should ({type(error).__name__})",
                where=f"{self.where} {key}".strip(),
                next_step="look whether it is there, has room, and may be written by this user",
            ) from error


def checked(blocks: Iterable[bytes], sha256: str, where: str) -> Iterator[bytes]:
    """The same blocks; raises :class:`BackupDamaged` after the last one where they are not those of that digest."""
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
        yield block
    if digest.hexdigest() != sha256:
        raise BackupDamaged("bytes are not those that were written", where=where)


def part_key(sha256: str) -> str:
    return f"parts/{sha256[:2]}/{sha256}"


def blob_key(role: str, sha256: str) -> str:
    return f"blobs/{role}/{sha256[:2]}/{sha256}"

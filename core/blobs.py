"""Bytes that never change, under the name of their SHA-256: a folder on one machine, S3 past it.

A key is ``<role>/<first two digits>/<sha256>``. What is read is verified: a blob store can lose a bit, and
somebody can reach behind it; a digest that does not fit raises, and nothing is handed out (fails closed). A process
reads a file for that once; as long as its inode, size and times stay, so does the answer
(:func:`core.canonical.digest_file_once`).
"""

from __future__ import annotations

import contextlib
import os
import re
import time
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO, Protocol

import obstore
from obstore.store import LocalStore, ObjectStore, from_url

from core.canonical import digest_file_once
from core.errors import DevelopmentPart, IntegrityError, NotFound
from core.metrics import blob_errors
from core.models import StoredBlob
from core.settings import get_settings

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_ROLE = re.compile(r"[a-z][a-z_]{0,39}\Z")
_CACHE_KEEPS_SECONDS = 3600.0  # a path that was handed out stays good for at least this long
_TOUCH_SECONDS = 600.0  # a cached copy's time is moved on this often: each move has it verified again


class BlobStore(Protocol):
    """Content-addressed bytes. ``sha256`` is 64 lower-case hex digits, ``role`` a word such as ``sealed``.

    Without a role, ``get_file`` and ``exists`` look in every role; ``delete`` deletes it from every role.
    """

    def put_file(self, path: Path, role: str) -> StoredBlob:
        """Keep a copy of a file. Atomic: wholly there, or not at all.

        The same bytes again are no error; where other bytes lie under their name, they are put right.
        """

    def get_file(self, sha256: str, role: str | None = None) -> Path:
        """A local path of those bytes, to be read only.

        Raises:
            NotFound: there is no such blob.
            IntegrityError: what is stored under that name is something else.
        """

    def open(self, sha256: str, role: str | None = None) -> BinaryIO:
        """As ``get_file``, opened for reading."""

    def exists(self, sha256: str, role: str | None = None) -> bool:
        """Whether there is such a blob. Its bytes are not verified."""

    def size(self, sha256: str, role: str) -> int | None:
        """Bytes of a blob, None where there is none. Nothing is read, nor verified."""

    def names(self, role: str) -> Iterator[tuple[str, float]]:
        """(digest, seconds since the epoch when it was put) of every blob of a role, in no order. Bounded memory."""

    def delete(self, sha256: str, role: str | None = None) -> None:
        """Forget a blob, in the local cache too. One that is not there is no error."""


@blob_errors
class ObstoreBlobs:
    """Blobs behind any obstore URL. Past ``file://`` a local cache holds what was read.

    Args:
        url: ``file:///folder``, ``s3://bucket/prefix``, ``memory:///`` …
        cache: folder for copies of remote blobs.
        cache_bytes: the oldest copies go when the cache is larger than this.
    """

    def __init__(self, url: str, cache: Path, cache_bytes: int) -> None:
        self._store: ObjectStore
        if url.startswith("file://"):
            folder = Path(url.removeprefix("file://"))
            folder.mkdir(parents=True, exist_ok=True)
            self._store = LocalStore(prefix=folder)
            self._folder: Path | None = folder
        else:
            self._store = from_url(url)
            self._folder = None
        self._cache, self._cache_bytes = cache, cache_bytes

    def put_file(self, path: Path, role: str) -> StoredBlob:
        sha256 = digest_file_once(path)
        key = _key(role, sha256)
        size = path.stat().st_size
        if not self._is_whole(key, sha256, size):
            obstore.put(self._store, key, path)
        elif self._folder:
            os.utime(self._folder / key)  # it counts as put now: who puts it is about to name it
        if self._folder:
            return StoredBlob(sha256, size, self._folder / key)
        # The next reader is most often this machine, and the caller's own file will go away.
        with path.open("rb") as file:
            return StoredBlob(sha256, size, self._keep(sha256, iter(lambda: file.read(1 << 20), b"")))

    def get_file(self, sha256: str, role: str | None = None) -> Path:
        key = self._find(sha256, role)
        if key is None:
            raise NotFound(
                "the stored file is not there",
                where=f"blob {sha256[:12]}",
                next_step="restore the blob store from its backup",
            )
        path = self._folder / key if self._folder else self._fetch(key, sha256)
        if digest_file_once(path) != sha256:
            if self._folder is None:
                path.unlink(missing_ok=True)
            raise IntegrityError(
                "the stored bytes are not those that were stored",
                where=f"blob {key[:-52]}",
                next_step="restore this file from the backup; nothing was handed out",
            )
        return path

    def open(self, sha256: str, role: str | None = None) -> BinaryIO:
        return self.get_file(sha256, role).open("rb")

    def exists(self, sha256: str, role: str | None = None) -> bool:
        return self._find(sha256, role) is not None

    def size(self, sha256: str, role: str) -> int | None:
        return self._size_at(_key(role, sha256))

    def names(self, role: str) -> Iterator[tuple[str, float]]:
        _check_role(role)
        for found in obstore.list(self._store, prefix=role, chunk_size=1000):
            for entry in found:
                sha256 = entry["path"].rpartition("/")[2]
                # A part of an unfinished upload, or what somebody left in the folder, is no blob.
                if _SHA256.match(sha256) and entry["path"] == _key(role, sha256):
                    yield sha256, entry["last_modified"].timestamp()

    def delete(self, sha256: str, role: str | None = None) -> None:
        _check(sha256)
        for name in [role] if role else self._roles():
            with contextlib.suppress(FileNotFoundError):
                obstore.delete(self._store, _key(name, sha256))
        self._cached(sha256).unlink(missing_ok=True)

    def _roles(self) -> list[str]:
        prefixes = obstore.list_with_delimiter(self._store)["common_prefixes"]
        return [prefix for prefix in prefixes if _ROLE.match(prefix)]

    def _find(self, sha256: str, role: str | None) -> str | None:
        _check(sha256)
        keys = [_key(name, sha256) for name in ([role] if role else self._roles())]
        return next((key for key in keys if self._size_at(key) is not None), None)

    def _size_at(self, key: str) -> int | None:
        try:
            # On a folder the system's own call: a door asks this each time, and it is ten times as quick.
            return (
                (self._folder / key).stat().st_size
                if self._folder
                else obstore.head(self._store, key)["size"]
            )
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _is_whole(self, key: str, sha256: str, size: int) -> bool:
        """The blob is there and undamaged. Past a folder nobody looks: sending it again costs no more than that."""
        if self._folder is None or self._size_at(key) != size:
            return False
        return digest_file_once(self._folder / key) == sha256

    def _cached(self, sha256: str) -> Path:
        return self._cache / sha256[:2] / sha256

    def _fetch(self, key: str, sha256: str) -> Path:
        path = self._cached(sha256)
        if path.exists():
            if path.stat().st_mtime < time.time() - _TOUCH_SECONDS:
                path.touch()
            return path
        return self._keep(sha256, obstore.get(self._store, key).stream(min_chunk_size=1 << 20))

    def _keep(self, sha256: str, blocks: Iterable[Any]) -> Path:
        path = self._cached(sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as part:
            try:
                for block in blocks:
                    part.write(block)
                part.close()
                Path(part.name).replace(path)
            except BaseException:
                Path(part.name).unlink(missing_ok=True)
                raise
        self._prune()
        return path

    def _prune(self) -> None:
        """Drop the copies that were not read for longest, never one that was handed out just now."""
        files = [entry for folder in self._cache.iterdir() if folder.is_dir() for entry in os.scandir(folder)]
        entries = sorted((entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in files)
        total = sum(size for _, size, _ in entries)
        for moment, size, name in entries:
            if total <= self._cache_bytes or moment > time.time() - _CACHE_KEEPS_SECONDS - _TOUCH_SECONDS:
                return
            Path(name).unlink(missing_ok=True)
            total -= size


class NullBlobs:
    """Keeps nothing: for dry runs. Says so loudly, and can hand nothing out, so nothing can be released."""

    def __init__(self) -> None:
        warnings.warn("NullBlobs keeps nothing that is put into it", DevelopmentPart, stacklevel=2)

    def put_file(self, path: Path, role: str) -> StoredBlob:
        sha256 = digest_file_once(path)
        _key(role, sha256)
        return StoredBlob(sha256, path.stat().st_size, path)

    def get_file(self, sha256: str, role: str | None = None) -> Path:
        _check(sha256)
        raise NotFound("the null blob store keeps nothing", next_step="set GREENROOM_BLOB_URL")

    def open(self, sha256: str, role: str | None = None) -> BinaryIO:
        return self.get_file(sha256, role).open("rb")

    def exists(self, sha256: str, role: str | None = None) -> bool:
        _check(sha256)
        return False

    def size(self, sha256: str, role: str) -> int | None:
        _key(role, sha256)
        return None

    def names(self, role: str) -> Iterator[tuple[str, float]]:
        _check_role(role)
        return iter(())

    def delete(self, sha256: str, role: str | None = None) -> None:
        _check(sha256)


def blobs() -> BlobStore:
    """The store of this process's settings. ``null://`` keeps nothing."""
    settings = get_settings()
    url = settings.effective_blob_url
    if url == "null://":
        return NullBlobs()
    return ObstoreBlobs(url, settings.home / "cache" / "blobs", settings.blob_cache_bytes)


def _check(sha256: str) -> None:
    if not _SHA256.match(sha256):
        raise NotFound("a blob is named by its SHA-256", next_step="pass 64 lower-case hex digits")


def _key(role: str, sha256: str) -> str:
    _check(sha256)
    _check_role(role)
    return f"{role}/{sha256[:2]}/{sha256}"


def _check_role(role: str) -> None:
    if not _ROLE.match(role):
        raise ValueError(f"not a role: {role!r}")

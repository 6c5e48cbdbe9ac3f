"""Bytes that never change, under the name of their SHA-256: a folder on one machine, S3 past it.

A key is ``<role>/<first two digits>/<sha256>``. What is read is verified: a blob store can lose a bit, and
somebody can reach behind it; a digest that does not fit raises, and nothing is handed out (fails closed). A process
reads a file for that once; as long as its inode, size and times stay, so does the answer
(:func:`core.canonical.digest_file_once`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
import warnings
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import obstore
from obstore.store import LocalStore, MemoryStore, ObjectStore

from core.blob_cache import Cache
from core.canonical import digest_file_once
from core.errors import DevelopmentPart, IntegrityError, NotFound
from core.heartbeat import beat
from core.metrics import blob_errors
from core.models import StoredBlob
from core.remote import in_words, open_store, unavailable
from core.settings import get_settings
from core.whole_files import write_whole

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_ROLE = re.compile(r"[a-z][a-z_]{0,39}\Z")
_KNOWN_SECONDS = 5.0  # that a remote blob is there is not asked again for so long
_MOST_KNOWN = 10_000


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
        """Bytes of a blob, None where there is none. Nothing is read, nor verified.

        Past one machine, another process's deletion may be seen a few seconds late.
        """

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
        silence: a request that brings nothing for so many seconds is given up (``GREENROOM_BLOB_SECONDS``).

    Every method raises :class:`core.errors.BlobStoreUnavailable` where the store fails.
    """

    def __init__(self, url: str, cache: Path, cache_bytes: int, silence: float = 10.0) -> None:
        self._folder: Path | None = None
        if url.startswith("file://"):
            self._folder = Path(url.removeprefix("file://"))
            self._folder.mkdir(parents=True, exist_ok=True)
            self._store: ObjectStore = LocalStore(prefix=self._folder)
            self._asked: ObjectStore = self._store
        else:
            self._store = open_store(url, silence=silence, retries=2)
            # Doors ask whether a blob is there, some of them in a transaction: they hear soon, or not at all.
            self._asked = (
                self._store
                if isinstance(self._store, MemoryStore)
                else open_store(url, silence=min(3.0, silence), retries=1)
            )
        self._known: dict[str, tuple[float, int]] = {}  # key -> when it was found there, and its size
        self._cache = Cache(cache, cache_bytes)

    def put_file(self, path: Path, role: str) -> StoredBlob:
        sha256 = digest_file_once(path)
        key = _key(role, sha256)
        size = path.stat().st_size
        if self._folder:
            with in_words("writing"):
                whole = self._size_at(key) == size and digest_file_once(self._folder / key) == sha256
                if whole:
                    os.utime(self._folder / key)  # it counts as put now: who puts it is about to name it
            if not whole:
                write_whole(self._folder, self._folder / key, _blocks(path), sha256, longest=size)
            return StoredBlob(sha256, size, self._folder / key)
        if not self._is_whole(key, sha256, size):
            with in_words("writing"):
                # No condition on it: whoever else puts this key puts the same bytes, and one on its absence would
                # have the whole file in memory.
                obstore.put(self._store, key, path, max_concurrency=4)
            if self._ask(key) != size:  # a row is about to name it: the store's "done" alone does not do
                raise unavailable("writing")
        # The next reader is most often this machine, and the caller's own file will go away.
        return StoredBlob(sha256, size, self._cache.keep(sha256, _blocks(path), size))

    def get_file(self, sha256: str, role: str | None = None) -> Path:
        for key in self._keys(sha256, role):
            try:
                return self._verified(key, sha256)
            except (FileNotFoundError, NotADirectoryError):
                continue
        raise NotFound(
            "the stored file is not there",
            where=f"blob {sha256[:12]}",
            next_step="restore the blob store from its backup",
        )

    def open(self, sha256: str, role: str | None = None) -> BinaryIO:
        return self.get_file(sha256, role).open("rb")

    def exists(self, sha256: str, role: str | None = None) -> bool:
        return any(self._size_at(key) is not None for key in self._keys(sha256, role))

    def size(self, sha256: str, role: str) -> int | None:
        return self._size_at(_key(role, sha256))

    def names(self, role: str) -> Iterator[tuple[str, float]]:
        _check_role(role)
        with in_words("listing"):
            for found in obstore.list(self._store, prefix=role, chunk_size=1000):
                for entry in found:
                    sha256 = entry["path"].rpartition("/")[2]
                    # What somebody left in the folder is no blob.
                    if _SHA256.match(sha256) and entry["path"] == _key(role, sha256):
                        yield sha256, entry["last_modified"].timestamp()

    def delete(self, sha256: str, role: str | None = None) -> None:
        self._cache.forget(sha256)
        for key in self._keys(sha256, role):
            self._known.pop(key, None)
            with in_words("deleting", may_be_absent=True), contextlib.suppress(FileNotFoundError):
                obstore.delete(self._store, key)

    def _keys(self, sha256: str, role: str | None) -> list[str]:
        _check(sha256)
        if role is not None:
            return [_key(role, sha256)]
        with in_words("listing"):
            prefixes = obstore.list_with_delimiter(self._asked)["common_prefixes"]
        return [_key(prefix, sha256) for prefix in prefixes if _ROLE.match(prefix)]

    def _verified(self, key: str, sha256: str) -> Path:
        """Raises FileNotFoundError where there is no such blob."""
        if self._folder:
            path = self._folder / key
            with in_words("reading", may_be_absent=True):
                right = digest_file_once(path) == sha256
            if not right:
                raise IntegrityError(
                    "the stored bytes are not those that were stored",
                    where=f"blob {key[:-52]}",
                    next_step="restore this file from the backup; nothing was handed out",
                )
            return path
        # Asked of the store even where there is a copy: what was deleted elsewhere is not handed out here.
        size = self._size_at(key)
        if size is None:
            raise FileNotFoundError(key)
        return self._cache.copy_of(sha256) or self._cache.keep(sha256, self._fetched(key), size)

    def _fetched(self, key: str) -> Iterator[Any]:
        with in_words("reading", may_be_absent=True):
            yield from obstore.get(self._store, key).stream(min_chunk_size=1 << 20)

    def _size_at(self, key: str) -> int | None:
        """Past this machine an answer is used again for a few seconds: a door asks each time. An absence is not."""
        if self._folder:
            with (
                in_words("looking", may_be_absent=True),
                contextlib.suppress(FileNotFoundError, NotADirectoryError),
            ):
                # The system's own call is ten times as quick as the library's.
                return (self._folder / key).stat().st_size
            return None
        found, size = self._known.get(key, (0.0, 0))
        if found and time.monotonic() - found < _KNOWN_SECONDS:
            return size
        return self._ask(key)

    def _ask(self, key: str) -> int | None:
        self._known.pop(key, None)
        with in_words("looking", may_be_absent=True), contextlib.suppress(FileNotFoundError):
            size: int = obstore.head(self._asked, key)["size"]
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = time.monotonic(), size
            return size
        return None

    def _is_whole(self, key: str, sha256: str, size: int) -> bool:
        """A remote blob is there and undamaged: it is read for that. Its ETag would be the store's word for it."""
        if self._ask(key) != size:
            return False
        digest = hashlib.sha256()
        try:
            for block in self._fetched(key):
                beat()
                digest.update(block)
        except FileNotFoundError:
            return False
        return digest.hexdigest() == sha256


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(1 << 20), b"")


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
    # Its connections serve every caller; another environment of the client's is another store. Files have no client.
    named = () if url.startswith("file:") else os.environ.items()
    client = tuple(sorted((name, value) for name, value in named if name.startswith("AWS_")))
    return _store_of(
        url, settings.home / "cache" / "blobs", settings.blob_cache_bytes, settings.blob_seconds, client
    )


@lru_cache(maxsize=4)
def _store_of(
    url: str, cache: Path, cache_bytes: int, silence: float, _client: tuple[tuple[str, str], ...]
) -> ObstoreBlobs:
    return ObstoreBlobs(url, cache, cache_bytes, silence)


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

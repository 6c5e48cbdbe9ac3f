"""Where the files of the ledger lie: a folder, or an object store. Each is written whole or not at all.

A folder's files are synced to the disk before they count. In an object store a write counts when the store says so;
many are written side by side. The checkpoint is the only one that is ever replaced by other bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import obstore
from obstore.exceptions import AlreadyExistsError, NotSupportedError, PreconditionError
from obstore.store import ObjectStore

from core.durable import sync_folder, write_durably
from core.remote import in_words, open_store
from core.settings import get_settings

AT_ONCE = 16  # writes to an object store that are under way together

Version = str | None
"""What a file was when it was read (an ETag); None: it was not there, or the store knows no versions."""


class Files(Protocol):
    """Named files (``tile/0/000``). ``read`` gives None for one that is not there."""

    def read(self, name: str) -> bytes | None: ...

    def read_version(self, name: str) -> tuple[bytes | None, Version]:
        """A file, and what :meth:`replace` needs to know of it."""
        ...

    def write(self, name: str, data: bytes) -> None: ...

    def write_all(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Several, in any order; when it returns all are there."""
        ...

    def replace(self, name: str, data: bytes, version: Version) -> bool:
        """Write it if it is still what was read; False where somebody else wrote. Without versions it is written."""
        ...

    def drop(self, folder: str) -> None:
        """Remove every file below a folder; one that is not there is no error."""
        ...


class Folder:
    """A folder on this machine. Whoever replaces a file here holds the sequencer's lock: versions are not needed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str) -> bytes | None:
        try:
            return (self.path / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read_version(self, name: str) -> tuple[bytes | None, Version]:
        return self.read(name), None

    def write(self, name: str, data: bytes) -> None:
        target = self.path / name
        if not target.parent.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            sync_folder(target.parent.parent)
        write_durably(target, data)

    def write_all(self, files: Iterable[tuple[str, bytes]]) -> None:
        for name, data in files:
            self.write(name, data)

    def replace(self, name: str, data: bytes, version: Version) -> bool:
        self.write(name, data)
        return True

    def drop(self, folder: str) -> None:
        shutil.rmtree(self.path / folder, ignore_errors=True)


def _in_words(doing: str, *, may_be_absent: bool = False) -> AbstractContextManager[None]:
    return in_words(
        f"{doing} the ledger's files", may_be_absent=may_be_absent, setting="GREENROOM_LEDGER_URL"
    )


class Objects:
    """An object store behind any obstore URL. Raises :class:`core.errors.BlobStoreUnavailable` where it fails."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def read(self, name: str) -> bytes | None:
        return self.read_version(name)[0]

    def read_version(self, name: str) -> tuple[bytes | None, Version]:
        try:
            with _in_words("reading", may_be_absent=True):
                found = obstore.get(self._store, name)
                return bytes(found.bytes()), found.meta.get("e_tag")
        except FileNotFoundError:
            return None, None

    def write(self, name: str, data: bytes) -> None:
        with _in_words("writing"):
            obstore.put(self._store, name, data)

    def write_all(self, files: Iterable[tuple[str, bytes]]) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda file: self.write(*file), files))

    def replace(self, name: str, data: bytes, version: Version) -> bool:
        with _in_words("writing"):
            try:
                obstore.put(self._store, name, data, mode={"e_tag": version} if version else "create")
            except (PreconditionError, AlreadyExistsError):
                return False
            except (NotSupportedError, NotImplementedError):
                obstore.put(self._store, name, data)
        return True

    def drop(self, folder: str) -> None:
        with _in_words("removing"):
            for found in obstore.list(self._store, prefix=folder, chunk_size=1000):
                obstore.delete(self._store, [entry["path"] for entry in found])


def files() -> Files:
    """The store of this process's settings."""
    return files_at(get_settings().effective_ledger_url)


@lru_cache(maxsize=8)
def files_at(url: str) -> Files:
    """One store a URL: its connections are kept."""
    if url.startswith("file://"):
        return Folder(Path(url.removeprefix("file://")))
    return Objects(open_store(url, silence=get_settings().blob_seconds, retries=2))

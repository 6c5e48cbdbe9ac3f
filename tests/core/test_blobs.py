"""One contract over every blob store, and what each adds to it."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obstore
import pytest

from core import canonical
from core.blobs import BlobStore, NullBlobs, ObstoreBlobs, blobs
from core.errors import DevelopmentPart, IntegrityError, NotFound
from core.models import AssetRole
from core.settings import get_settings

DATA = b"a sealed video" * 5000
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "video.mp4"
    path.write_bytes(DATA)
    return path


@pytest.fixture(params=["folder", "remote", "null"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlobStore]:
    """``remote`` is obstore's memory store: everything past ``file://`` goes through the same cache."""
    url = {"folder": f"file://{tmp_path / 'blobs'}", "remote": "memory:///"}.get(request.param)
    if url is None:
        with pytest.warns(DevelopmentPart, match="keeps nothing"):
            yield NullBlobs()
    else:
        yield ObstoreBlobs(url, tmp_path / "cache", 10**9)


@pytest.fixture
def folder(tmp_path: Path) -> ObstoreBlobs:
    return ObstoreBlobs(f"file://{tmp_path / 'blobs'}", tmp_path / "cache", 10**9)


@pytest.fixture
def digests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one with each file that is digested."""
    seen: list[str] = []
    digest = hashlib.file_digest

    def counted(opened: Any, name: str) -> Any:
        seen.append(opened.name)
        return digest(opened, name)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    return seen


def test_a_file_is_named_by_its_digest(store: BlobStore, file: Path) -> None:
    stored = store.put_file(file, AssetRole.SEALED)
    assert (stored.sha256, stored.size) == (SHA256, len(DATA))
    assert stored.path.read_bytes() == DATA
    assert store.put_file(file, AssetRole.SEALED).sha256 == SHA256


def test_what_is_handed_out_is_what_was_put_in_or_nothing(store: BlobStore, file: Path) -> None:
    store.put_file(file, AssetRole.SEALED)
    if store.exists(SHA256):
        assert store.get_file(SHA256).read_bytes() == DATA
        with store.open(SHA256, AssetRole.SEALED) as opened:
            assert opened.read() == DATA
    else:
        with pytest.raises(NotFound):
            store.get_file(SHA256)


def test_what_is_not_there_says_so(store: BlobStore) -> None:
    assert not store.exists("0" * 64)
    with pytest.raises(NotFound):
        store.get_file("0" * 64)
    with pytest.raises(NotFound):
        store.open("0" * 64, AssetRole.SEALED)
    store.delete("0" * 64)


def test_a_deleted_blob_is_gone(store: BlobStore, file: Path) -> None:
    store.put_file(file, AssetRole.PUBLISHED)
    store.delete(SHA256, AssetRole.PUBLISHED)
    assert not store.exists(SHA256)
    with pytest.raises(NotFound):
        store.get_file(SHA256)
    assert file.exists()


def test_its_size_is_known_without_reading_it(store: BlobStore, file: Path) -> None:
    store.put_file(file, AssetRole.PUBLISHED)
    kept = store.exists(SHA256)
    assert store.size(SHA256, AssetRole.PUBLISHED) == (len(DATA) if kept else None)
    assert store.size(SHA256, AssetRole.SEALED) is None
    assert store.size("0" * 64, AssetRole.PUBLISHED) is None


def test_what_a_role_holds_is_listed_with_its_time(store: BlobStore, file: Path) -> None:
    before = time.time()
    store.put_file(file, AssetRole.PUBLISHED)
    listed = list(store.names(AssetRole.PUBLISHED))
    assert [name for name, _ in listed] == ([SHA256] if store.exists(SHA256) else [])
    assert all(abs(moment - before) < 10 for _, moment in listed)
    assert list(store.names(AssetRole.SEALED)) == []
    store.delete(SHA256, AssetRole.PUBLISHED)
    assert list(store.names(AssetRole.PUBLISHED)) == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_only_a_digest_is_a_name(store: BlobStore, name: str) -> None:
    with pytest.raises(NotFound):
        store.get_file(name)
    with pytest.raises(NotFound):
        store.exists(name)
    with pytest.raises(NotFound):
        store.delete(name)
    with pytest.raises(NotFound):
        store.size(name, AssetRole.SEALED)


@pytest.mark.parametrize("role", ["../x", "", "Sealed", "a/b"])
def test_only_a_word_is_a_role(store: BlobStore, file: Path, role: str) -> None:
    with pytest.raises(ValueError, match="not a role"):
        store.put_file(file, role)
    with pytest.raises(ValueError, match="not a role"):
        list(store.names(role))


def test_roles_are_kept_apart(tmp_path: Path, file: Path) -> None:
    store = ObstoreBlobs(f"file://{tmp_path / 'blobs'}", tmp_path / "cache", 10**9)
    store.put_file(file, AssetRole.SEALED)
    assert store.exists(SHA256, AssetRole.SEALED)
    assert not store.exists(SHA256, AssetRole.PUBLISHED)
    assert (tmp_path / "blobs" / "sealed" / SHA256[:2] / SHA256).is_file()
    with pytest.raises(NotFound):
        store.get_file(SHA256, AssetRole.PUBLISHED)


def test_bytes_that_changed_behind_the_store_are_never_handed_out(folder: ObstoreBlobs, file: Path) -> None:
    path = folder.put_file(file, AssetRole.SEALED).path
    path.write_bytes(DATA[:-1] + b"!")
    with pytest.raises(IntegrityError) as caught:
        folder.get_file(SHA256)
    assert str(caught.value) == (
        f"the stored bytes are not those that were stored. Where: blob sealed/{SHA256[:2]}/{SHA256[:12]}. Next: "
        "restore this file from the backup; nothing was handed out."
    )


def test_a_damaged_copy_is_dropped_and_fetched_again(tmp_path: Path, file: Path) -> None:
    remote = ObstoreBlobs("memory:///", tmp_path / "cache", 10**9)
    remote.put_file(file, AssetRole.SEALED).path.write_bytes(DATA[:-1] + b"!")
    assert remote.get_file(SHA256).read_bytes() == DATA


@pytest.mark.parametrize("url", ["folder", "remote"])
def test_a_damaged_blob_is_put_right_by_a_new_put(tmp_path: Path, file: Path, url: str) -> None:
    """Of the same size too: the name and the size alone say nothing about the bytes."""
    where = f"file://{tmp_path / 'blobs'}" if url == "folder" else "memory:///"
    store = ObstoreBlobs(where, tmp_path / "cache", 10**9)
    store.put_file(file, AssetRole.SEALED)
    key = f"sealed/{SHA256[:2]}/{SHA256}"
    obstore.put(store._store, key, DATA[:-1] + b"!")
    store._cache.forget(SHA256)
    with pytest.raises(IntegrityError):
        store.get_file(SHA256)
    assert store.put_file(file, AssetRole.SEALED).path.read_bytes() == DATA
    assert bytes(obstore.get(store._store, key).bytes()) == DATA
    assert store.get_file(SHA256).read_bytes() == DATA


def test_a_whole_blob_is_not_written_again(folder: ObstoreBlobs, file: Path) -> None:
    inode = folder.put_file(file, AssetRole.SEALED).path.stat().st_ino
    assert folder.put_file(file, AssetRole.SEALED).path.stat().st_ino == inode


def test_what_lies_in_the_folder_and_is_no_blob_is_not_listed(folder: ObstoreBlobs, file: Path) -> None:
    kept = folder.put_file(file, AssetRole.SEALED).path
    for name in ("notes.txt", SHA256[:-1], f"{SHA256}#1"):
        (kept.parent / name).write_bytes(b"x")
    (kept.parent.parent / SHA256).write_bytes(b"x")
    assert [name for name, _ in folder.names(AssetRole.SEALED)] == [SHA256]


def test_a_file_is_verified_once(folder: ObstoreBlobs, file: Path, digests: list[str]) -> None:
    folder.put_file(file, AssetRole.SEALED)
    settle()
    digests.clear()
    for _ in range(20):
        folder.get_file(SHA256, AssetRole.SEALED)
    assert len(digests) == 1


def test_a_file_that_was_written_a_moment_ago_is_verified_each_time(
    folder: ObstoreBlobs, file: Path, digests: list[str]
) -> None:
    """Another write in the same tick of the file system's clock would leave the same times."""
    path = folder.put_file(file, AssetRole.SEALED).path
    folder.get_file(SHA256)
    os.utime(path)
    digests.clear()
    folder.get_file(SHA256)
    folder.get_file(SHA256)
    assert len(digests) == 2


CHANGES = {
    "a byte": lambda path: rewrite(path, DATA[:-1] + b"!"),
    "a byte, its time set back": lambda path: backdated(path, DATA[:-1] + b"!"),
    "its length": lambda path: rewrite(path, DATA[:-1]),
    "another file in its place": lambda path: replaced(path, DATA[:-1] + b"!"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_verified_file_that_is_changed_is_seen(folder: ObstoreBlobs, file: Path, change: str) -> None:
    path = folder.put_file(file, AssetRole.SEALED).path
    settle()
    folder.get_file(SHA256)  # remembered from here on
    CHANGES[change](path)
    with pytest.raises(IntegrityError):
        folder.get_file(SHA256)
    with pytest.raises(IntegrityError):
        folder.open(SHA256)


def rewrite(path: Path, data: bytes) -> None:
    with path.open("r+b") as opened:
        opened.write(data)
        opened.truncate()


def backdated(path: Path, data: bytes) -> None:
    before = path.stat()
    rewrite(path, data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(path: Path, data: bytes) -> None:
    before = path.stat()
    other = path.with_name("other")
    other.write_bytes(data)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def settle() -> None:
    """Until a file's times are old enough to tell a later write by them."""
    time.sleep(canonical._SETTLED_SECONDS + 0.02)


def test_a_cached_copy_is_verified_once_too(tmp_path: Path, file: Path, digests: list[str]) -> None:
    remote = ObstoreBlobs("memory:///", tmp_path / "cache", 10**9)
    remote.put_file(file, AssetRole.SEALED)
    settle()
    digests.clear()
    for _ in range(20):
        remote.get_file(SHA256, AssetRole.SEALED)
    assert len(digests) == 1


def test_the_cache_keeps_to_its_size(tmp_path: Path) -> None:
    store = ObstoreBlobs("memory:///", tmp_path / "cache", 250_000)
    for i in range(4):
        path = tmp_path / f"{i}.bin"
        path.write_bytes(bytes([i]) * 100_000)
        kept = store.put_file(path, "speech").path
        os.utime(kept, (1_000 + i, 1_000 + i))  # long ago, in this order
        store._cache.prune()
    cached = [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]
    assert len(cached) == 2
    oldest = hashlib.sha256(bytes([0]) * 100_000).hexdigest()
    assert store.get_file(oldest).stat().st_size == 100_000


def test_the_store_comes_from_the_settings(home: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = blobs().put_file(file, AssetRole.EXAMINED)
    assert stored.path == (home / "blobs" / "examined" / SHA256[:2] / SHA256).resolve()
    monkeypatch.setenv("GREENROOM_BLOB_URL", "null://")
    get_settings.cache_clear()
    assert isinstance(blobs(), NullBlobs)

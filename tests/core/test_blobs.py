"""One contract over every blob store, and what each adds to it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_only_a_digest_is_a_name(store: BlobStore, name: str) -> None:
    with pytest.raises(NotFound):
        store.get_file(name)
    with pytest.raises(NotFound):
        store.exists(name)
    with pytest.raises(NotFound):
        store.delete(name)


@pytest.mark.parametrize("role", ["../x", "", "Sealed", "a/b"])
def test_only_a_word_is_a_role(store: BlobStore, file: Path, role: str) -> None:
    with pytest.raises(ValueError, match="not a role"):
        store.put_file(file, role)


def test_roles_are_kept_apart(tmp_path: Path, file: Path) -> None:
    store = ObstoreBlobs(f"file://{tmp_path / 'blobs'}", tmp_path / "cache", 10**9)
    store.put_file(file, AssetRole.SEALED)
    assert store.exists(SHA256, AssetRole.SEALED)
    assert not store.exists(SHA256, AssetRole.PUBLISHED)
    assert (tmp_path / "blobs" / "sealed" / SHA256[:2] / SHA256).is_file()
    with pytest.raises(NotFound):
        store.get_file(SHA256, AssetRole.PUBLISHED)


@pytest.mark.parametrize("url", ["folder", "remote"])
def test_bytes_that_changed_behind_the_store_are_never_handed_out(
    tmp_path: Path, file: Path, url: str
) -> None:
    where = f"file://{tmp_path / 'blobs'}" if url == "folder" else "memory:///"
    store = ObstoreBlobs(where, tmp_path / "cache", 10**9)
    path = store.put_file(file, AssetRole.SEALED).path
    path.write_bytes(DATA[:-1] + b"!")
    with pytest.raises(IntegrityError) as caught:
        store.get_file(SHA256)
    assert str(caught.value) == (
        f"the stored bytes are not those that were stored. Where: blob sealed/{SHA256[:2]}/{SHA256[:12]}. Next: "
        "restore this file from the backup; nothing was handed out."
    )
    if url == "remote":
        # Only the cached copy was hurt, and it was dropped: the next read fetches the blob itself.
        assert store.get_file(SHA256).read_bytes() == DATA


def test_the_cache_keeps_to_its_size(tmp_path: Path) -> None:
    import os

    store = ObstoreBlobs("memory:///", tmp_path / "cache", 250_000)
    for i in range(4):
        path = tmp_path / f"{i}.bin"
        path.write_bytes(bytes([i]) * 100_000)
        kept = store.put_file(path, "speech").path
        os.utime(kept, (1_000 + i, 1_000 + i))  # long ago, in this order
        store._prune()
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

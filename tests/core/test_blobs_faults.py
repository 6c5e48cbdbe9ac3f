"""What a blob store past this machine does to us when it fails, and what a full disk does: words, and nothing half."""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest

from core import blob_cache, whole_files
from core.blobs import ObstoreBlobs, blobs
from core.errors import BlobStoreFull, BlobStoreUnavailable, IntegrityError, NotFound
from core.models import AssetRole
from core.settings import get_settings
from tests.faults.faulty_store import FaultyStore, faulty_store
from tests.servers.s3 import S3

DATA = b"a published video" * 8000
SHA256 = hashlib.sha256(DATA).hexdigest()
KEY = f"published/{SHA256[:2]}/{SHA256}"
PUBLISHED = AssetRole.PUBLISHED


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "video.mp4"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def server(s3: S3, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyStore]:
    """What stands between: it misbehaves on demand."""
    with faulty_store(s3.port) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.address)
        yield server


@pytest.fixture
def store(server: FaultyStore, s3_url: str, tmp_path: Path) -> ObstoreBlobs:
    return ObstoreBlobs(s3_url, tmp_path / "cache", 10**9, silence=0.3)


def cached(tmp_path: Path) -> list[Path]:
    """Everything in the cache, halves of files too."""
    return [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def forget(store: ObstoreBlobs) -> None:
    """No copy here, and no memory of what is there."""
    store._cache.forget(SHA256)
    store._known.clear()


# The store fails


@pytest.mark.parametrize("mode", ["500", "silent", "403"])
def test_a_store_that_fails_is_said_in_words_within_a_bounded_time(
    store: ObstoreBlobs, server: FaultyStore, file: Path, mode: str
) -> None:
    store.put_file(file, PUBLISHED)
    forget(store)
    server.mode = mode
    for ask in (
        lambda: store.get_file(SHA256, PUBLISHED),
        lambda: store.get_file(SHA256),
        lambda: store.size(SHA256, PUBLISHED),
        lambda: store.exists(SHA256, PUBLISHED),
        lambda: list(store.names(PUBLISHED)),
        lambda: store.put_file(file, PUBLISHED),
        lambda: store.delete(SHA256, PUBLISHED),
    ):
        began = time.monotonic()
        with pytest.raises(BlobStoreUnavailable) as caught:
            ask()
        assert time.monotonic() - began < 4.0
        assert caught.value.retryable
        assert "127.0.0.1" not in str(caught.value)
    server.mode = ""
    assert store.get_file(SHA256, PUBLISHED).read_bytes() == DATA


def test_a_store_that_is_not_there(store: ObstoreBlobs, server: FaultyStore, file: Path) -> None:
    server.server_close()
    with pytest.raises(BlobStoreUnavailable, match="did not answer as it should"):
        store.put_file(file, PUBLISHED)


def test_a_bucket_that_is_gone_is_no_absent_file(server: FaultyStore, tmp_path: Path, file: Path) -> None:
    lost = ObstoreBlobs("s3://no-such-bucket", tmp_path / "cache", 10**9, silence=0.3)
    with pytest.raises(BlobStoreUnavailable):
        lost.put_file(file, PUBLISHED)
    with pytest.raises(NotFound):
        lost.get_file(SHA256, PUBLISHED)


def test_one_500_is_tried_again(store: ObstoreBlobs, server: FaultyStore, file: Path) -> None:
    """Twice more for the bytes, once more for a question: no caller hears of a hiccup."""
    server.mode = "500"
    with pytest.raises(BlobStoreUnavailable):
        store.size(SHA256, PUBLISHED)
    assert server.asked["HEAD"] == 2


# The store lies


@pytest.mark.parametrize("mode", ["wrong", "longer"])
def test_wrong_bytes_are_caught_and_never_kept(
    store: ObstoreBlobs, server: FaultyStore, file: Path, tmp_path: Path, mode: str
) -> None:
    """The ETag and the size of the question beforehand stay those of the right bytes."""
    store.put_file(file, PUBLISHED)
    forget(store)
    server.mode = mode
    with pytest.raises(IntegrityError, match="not those that were stored"):
        store.get_file(SHA256, PUBLISHED)
    assert cached(tmp_path) == []


def test_a_body_that_breaks_off_is_tried_again_later(
    store: ObstoreBlobs, server: FaultyStore, file: Path, tmp_path: Path
) -> None:
    store.put_file(file, PUBLISHED)
    forget(store)
    server.mode = "cut"
    with pytest.raises((BlobStoreUnavailable, IntegrityError)):
        store.get_file(SHA256, PUBLISHED)
    assert cached(tmp_path) == []


def test_other_bytes_under_a_name_are_put_right(store: ObstoreBlobs, server: FaultyStore, file: Path) -> None:
    """Of the same size too."""
    obstore.put(store._store, KEY, DATA[:-1] + b"!")
    with pytest.raises(IntegrityError):
        store.get_file(SHA256, PUBLISHED)
    store.put_file(file, PUBLISHED)
    assert bytes(obstore.get(store._store, KEY).bytes()) == DATA


def test_what_is_there_is_not_sent_again(store: ObstoreBlobs, server: FaultyStore, file: Path) -> None:
    store.put_file(file, PUBLISHED)
    sent = server.asked["PUT"]
    assert sent == 1
    store.put_file(file, PUBLISHED)
    assert server.asked["PUT"] == sent


def test_what_the_store_took_and_lost_is_no_blob(
    store: ObstoreBlobs, server: FaultyStore, file: Path
) -> None:
    """It is asked whether the file is there before anybody names it."""
    server.mode = "lost"
    with pytest.raises(BlobStoreUnavailable) as caught:
        store.put_file(file, PUBLISHED)
    assert caught.value.retryable
    server.mode = ""
    store.put_file(file, PUBLISHED)
    forget(store)
    assert store.get_file(SHA256, PUBLISHED).read_bytes() == DATA


# A door


def test_a_door_asks_once_in_some_seconds(store: ObstoreBlobs, server: FaultyStore, file: Path) -> None:
    store.put_file(file, PUBLISHED)
    store._known.clear()  # another process than the one that put it
    server.asked.clear()
    for _ in range(50):
        assert store.size(SHA256, PUBLISHED) == len(DATA)
        store.get_file(SHA256, PUBLISHED)
    assert server.asked == {"HEAD": 1}


def test_what_was_deleted_elsewhere_is_not_handed_out_from_the_cache(
    store: ObstoreBlobs, server: FaultyStore, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put_file(file, PUBLISHED)
    store.get_file(SHA256, PUBLISHED)
    obstore.delete(store._store, KEY)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 5.1)
    assert store.size(SHA256, PUBLISHED) is None
    with pytest.raises(NotFound):
        store.get_file(SHA256, PUBLISHED)


def test_an_absence_is_never_remembered(store: ObstoreBlobs, server: FaultyStore, file: Path) -> None:
    assert store.size(SHA256, PUBLISHED) is None
    obstore.put(store._store, KEY, DATA)
    assert store.size(SHA256, PUBLISHED) == len(DATA)


def test_what_this_process_deletes_is_gone_at_once(
    store: ObstoreBlobs, server: FaultyStore, file: Path
) -> None:
    store.put_file(file, PUBLISHED)
    assert store.exists(SHA256, PUBLISHED)
    store.delete(SHA256, PUBLISHED)
    store.delete(SHA256, PUBLISHED)  # of what is not there: no error
    assert store.size(SHA256, PUBLISHED) is None


def test_the_processes_store_keeps_its_connections(
    server: FaultyStore, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENROOM_BLOB_URL", s3_url)
    get_settings.cache_clear()
    first = blobs()
    assert blobs() is first
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert blobs() is not first
    monkeypatch.undo()
    get_settings.cache_clear()


# The disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB, where this user may mount one."""
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(place)], check=False).returncode:
        pytest.skip("this user may not mount a file system: a full disk was not tried")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("which", ["blobs", "cache"])
def test_a_full_disk_leaves_no_half_file(small_disk: Path, tmp_path: Path, file: Path, which: str) -> None:
    url = f"file://{small_disk}" if which == "blobs" else "memory:///"
    store = ObstoreBlobs(url, small_disk if which == "cache" else tmp_path / "cache", 10**9)
    with pytest.raises(BlobStoreFull) as caught:
        store.put_file(file, PUBLISHED)
    assert "the disk is full" in str(caught.value)
    assert caught.value.retryable
    assert [path for path in small_disk.rglob("*") if path.is_file()] == []
    small = tmp_path / "small.bin"
    small.write_bytes(b"x" * 1000)
    assert store.put_file(small, PUBLISHED).path.read_bytes() == b"x" * 1000


def test_a_file_that_may_not_grow_leaves_no_half_file(tmp_path: Path, file: Path) -> None:
    """The same by a limit of the process, where nobody may mount anything."""
    child = (
        "import resource, signal, sys; from pathlib import Path\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "from core.blobs import ObstoreBlobs\n"
        "from core.errors import BlobStoreFull\n"
        "store = ObstoreBlobs('file://' + sys.argv[2], Path(sys.argv[2] + '-cache'), 1)\n"
        "try: store.put_file(Path(sys.argv[1]), 'sealed')\n"
        "except BlobStoreFull as error: print(error)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", child, str(file), str(tmp_path / "blobs")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.startswith("a file found no room: the disk is full.")
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


def test_a_killed_writer_leaves_a_part_that_is_swept_a_day_later(tmp_path: Path, file: Path) -> None:
    store = ObstoreBlobs(f"file://{tmp_path / 'blobs'}", tmp_path / "cache", 10**9)
    left = tmp_path / "blobs" / whole_files.PARTS / "left"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    store.put_file(file, PUBLISHED)
    assert left.exists()
    assert not store.exists(hashlib.sha256(b"half").hexdigest())
    os.utime(left, (time.time() - 90_000,) * 2)
    store.delete(SHA256, PUBLISHED)
    store.put_file(file, PUBLISHED)
    assert not left.exists()


def test_a_folder_that_cannot_be_read_is_said_in_words(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ObstoreBlobs(f"file://{tmp_path / 'blobs'}", tmp_path / "cache", 10**9)
    store.put_file(file, PUBLISHED)

    def broken(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "stat", broken)
    with pytest.raises(BlobStoreUnavailable):
        store.size(SHA256, PUBLISHED)


# Several processes


def _read(url: str, cache: Path, times: int, answers: multiprocessing.Queue) -> None:
    store = ObstoreBlobs(url, cache, 1_000, silence=5.0)  # a cache that is always too full
    blob_cache.KEEPS_SECONDS = blob_cache._TOUCH_SECONDS = -1.0  # so that it prunes what was just handed out
    right = 0
    for _ in range(times):
        try:
            right += store.get_file(SHA256, PUBLISHED).read_bytes() == DATA
        except FileNotFoundError:  # pruned between the answer and the look, as only this test does
            right += 1
    answers.put(right)


def test_two_processes_read_and_prune_one_cache(s3_url: str, tmp_path: Path, file: Path) -> None:
    ObstoreBlobs(s3_url, tmp_path / "cache", 1_000, silence=5.0).put_file(file, PUBLISHED)
    spawn = multiprocessing.get_context("spawn")
    answers = spawn.Queue()
    readers = [spawn.Process(target=_read, args=(s3_url, tmp_path / "cache", 60, answers)) for _ in range(2)]
    for reader in readers:
        reader.start()
    assert [answers.get(timeout=60) for _ in readers] == [60, 60]
    for reader in readers:
        reader.join()
    assert list((tmp_path / "cache" / whole_files.PARTS).iterdir()) == []

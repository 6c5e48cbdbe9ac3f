"""The decoding child: it can do little, it ends with its reader, and nothing it says is trusted."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.canonical import digest_file
from core.errors import MediaError
from core.media import confined, nurseries
from core.media.decode import frames
from core.media.essence import essence
from core.media.own import OwnFile
from core.media.wire import HEADER
from core.settings import MediaSettings
from tests.core.media_files import picture, write_video

ROOT = Path(__file__).resolve().parents[2]


WAYS = ("fresh", "nursery")
LIBRARIES = "from core.media import child_jobs\n"


def in_a_child(program: str, way: str, *, locked: bool = True) -> str:
    """What a confined process prints (through a pipe: it may write no file). One of a nursery is a fork of a process
    that had loaded the libraries before it gave up anything."""
    confined = (
        "import socket, subprocess, sys; from core.media import child; child.confine(2_000_000_000, 20)\n"
    )
    forked = LIBRARIES + "import os\nif os.fork(): os.wait(); sys.exit()\n"
    prepared = "import sys\n" + (forked if way == "nursery" else "") + confined + LIBRARIES
    prepared += "child.lock()\n" if locked else ""
    run = subprocess.run(
        [sys.executable, "-c", prepared + program],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return run.stdout.strip() or run.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("way", WAYS)
def test_it_opens_no_file(way: str) -> None:
    answer = in_a_child(
        """
try:
    open('/etc/passwd'); print('opened')
except OSError as error:
    print(type(error).__name__)
""",
        way,
    )
    assert answer == "PermissionError"


@pytest.mark.parametrize("way", WAYS)
def test_it_writes_no_file_and_starts_no_program(way: str, tmp_path: Path) -> None:
    answer = in_a_child(
        f"""
for attempt in (lambda: open({str(tmp_path / "x")!r}, 'w'), lambda: subprocess.run(['/bin/true'])):
    try:
        attempt(); print('done')
    except OSError as error:
        print(type(error).__name__, end=' ')
""",
        way,
    )
    assert answer == "PermissionError PermissionError"


@pytest.mark.parametrize("way", WAYS)
def test_it_reaches_no_network(way: str) -> None:
    program = """
try:
    socket.socket().connect(('127.0.0.1', 9)); print('connected')
except OSError as error:
    print(error.errno)
"""
    assert (
        in_a_child(program, way, locked=False) == "101"
    )  # unreachable: its namespace has no interface that is up
    assert in_a_child(program, way) == "1"  # EPERM: no socket is made at all, on hosts without namespaces too


@pytest.mark.parametrize("way", WAYS)
def test_it_has_little_memory(way: str) -> None:
    assert (
        in_a_child(
            """
try:
    bytearray(3_000_000_000); print('got it')
except MemoryError:
    print('refused')
""",
            way,
        )
        == "refused"
    )


def children() -> list[psutil.Process]:
    """Readers that are there: children of this process, and of its nursery."""
    mine = [p for p in psutil.Process().children() if "core.media.child" in " ".join(p.cmdline())]
    nursery = [p for p in mine if "core.media.nursery" in p.cmdline()]
    forked = [p for n in nursery for p in n.children() if p.status() != psutil.STATUS_ZOMBIE]
    return [p for p in mine if p not in nursery] + forked


@pytest.fixture
def own(
    request: pytest.FixtureRequest, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OwnFile | None]:
    """The word for the clip, as if it were our own, or none: the two ways to be read."""
    monkeypatch.setattr(nurseries, "OPEN", {})
    yield OwnFile(digest_file(clip)) if request.param == "nursery" else None
    assert bool(nurseries.OPEN) == (request.param == "nursery")
    for nursery in nurseries.OPEN.values():
        nursery.close()


@pytest.mark.parametrize("own", WAYS, indirect=True)
def test_it_dies_with_the_generator(clip: Path, own: OwnFile | None) -> None:
    reader = frames(clip, own=own)
    next(reader)
    (child,) = children()
    reader.close()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert children() == []


def test_it_dies_when_its_parent_is_killed(clip: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from core.media.decode import frames\n"
        "reader = frames(Path(sys.argv[1])); next(reader); print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(clip)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        (child,) = psutil.Process(parent.pid).children()
        parent.kill()
    _gone, alive = psutil.wait_procs([child], timeout=10)
    assert alive == []


@pytest.mark.parametrize("own", WAYS, indirect=True)
def test_no_descriptor_and_no_process_is_left_over(clip: Path, own: OwnFile | None) -> None:
    essence(clip, own=own)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        essence(clip, own=own)
        next(iter(frames(clip, own=own)))
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1
    assert children() == []


def test_too_little_memory_is_an_error_of_the_file(clip: Path) -> None:
    with pytest.raises(MediaError):
        list(frames(clip, MediaSettings(child_memory_mb=150)))
    assert children() == []


def test_too_little_time_is_an_error_of_the_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "long.mp4", [picture(i) for i in range(10)] * 30)
    with pytest.raises(MediaError) as caught:
        list(frames(path, MediaSettings(child_seconds=0)))
    assert caught.value.code == "decoder_died"


def test_a_hang_is_ended_by_the_deadline(clip: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A child that says nothing: a stand-in for libav in an endless loop."""
    (tmp_path / "core" / "media").mkdir(parents=True)
    (tmp_path / "core" / "__init__.py").touch()
    (tmp_path / "core" / "media" / "__init__.py").touch()
    (tmp_path / "core" / "media" / "child.py").write_text("import time; time.sleep(60)")
    monkeypatch.setitem(confined._ENVIRONMENT, "PYTHONPATH", str(tmp_path))
    started = time.monotonic()
    with pytest.raises(MediaError) as caught:
        list(frames(clip, MediaSettings(stall_seconds=0.5)))
    assert caught.value.code == "stalled"
    assert time.monotonic() - started < 5
    assert children() == []
    assert str(caught.value) == (
        "the decoder made no progress for 0 s and was stopped. Where: clip.mp4. Next: export the video again (MP4 "
        "with H.264 and AAC is safest) and try that file."
    )


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"nonsense that is no header at all",
        HEADER.pack(b"F", 1 << 30, 0),
        HEADER.pack(b"F", 0, 1 << 60),
        HEADER.pack(b"F", 32, 3) + b"\xff" * 35,
        HEADER.pack(b"E", 4, 0) + b"null",
        HEADER.pack(b"E", 3, 0) + b"\xff\xfe{",
        HEADER.pack(b"A", 2, 0) + b"xx",
    ],
)
def test_nothing_a_child_says_breaks_its_parent(
    clip: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    """A child that was taken over may send anything: the parent answers with a MediaError."""

    def whisper(reader: int, path: Path, limits: MediaSettings) -> Iterator[confined.Message]:
        ours, theirs = os.pipe()

        def say() -> None:
            os.write(theirs, said)
            os.close(theirs)

        threading.Thread(target=say).start()
        try:
            yield from original(ours, path, limits)
        finally:
            os.close(ours)

    original = confined._messages
    monkeypatch.setattr(confined, "_messages", whisper)
    with pytest.raises(MediaError):
        list(frames(clip))

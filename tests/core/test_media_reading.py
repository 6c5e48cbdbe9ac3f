"""What a reading makes of what its child says: nothing is trusted, nothing is waited for without end, and silence and
a full disk are borne."""

from __future__ import annotations

import errno
import gc
import json
import os
import resource
import signal
import struct
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import GreenroomError, MediaError
from core.media import confined, reading
from core.media.boxes import declared_seconds
from core.media.confined import Message, converse
from core.media.heard import Heard
from core.media.models import Samples
from core.media.reading import read
from core.media.wire import HEADER
from core.rows import Rows
from core.settings import MediaSettings

Say = Callable[..., None]
NOTHING = np.zeros(0, np.uint8)
DECODED = {"pictures": 0, "undecodable": [], "damaged": [], "repeated": []}


@pytest.fixture(scope="module")
def honest(clip: Path) -> dict[str, Any]:
    """What the real child says of the clip: 320x180, 25 frames a second, 2 s, 16 kHz."""
    (facts,) = converse("read", clip, want="", rate=16_000)
    return facts.json()


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Say:
    """``say(*messages)``: what the next child says."""

    def say(*messages: Message) -> None:
        def fake(*_: Any, **__: Any) -> Iterator[Message]:
            yield from messages

        monkeypatch.setattr(reading, "converse", fake)

    return say


def facts(kind: bytes, said: Any) -> Message:
    return Message(kind, json.dumps(said).encode(), NOTHING)


def frame(index: int, numerator: int, denominator: int = 25, width: int = 320, height: int = 180) -> Message:
    head = struct.pack("<qqqii", index, numerator, denominator, width, height)
    return Message(b"F", head, np.zeros(max(0, width * height * 3), np.uint8))


def sound(samples: int, numerator: int = 0, denominator: int = 1, kind: bytes = b"H") -> Message:
    block = np.full((samples, 2), 0.5, np.float32)
    return Message(kind, struct.pack("<qq", numerator, denominator), block.reshape(-1).view(np.uint8))


def changed(honest: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """A copy with one fact changed, such as ``video.width`` or ``tracks.0.packets``."""
    copy: Any = json.loads(json.dumps(honest))
    inner, names = copy, [int(name) if name.isdigit() else name for name in place.split(".")]
    for name in names[:-1]:
        inner = inner[name]
    inner[names[-1]] = value
    return copy  # type: ignore[no-any-return]


def refused(path: Path, limits: MediaSettings | None = None) -> None:
    with pytest.raises(MediaError) as caught, read(path, limits) as found:
        found.finish()
    assert caught.value.code == "unreadable"


def test_an_honest_child_is_believed(clip: Path, honest: dict[str, Any], say: Say) -> None:
    end = facts(b"D", DECODED | {"pictures": 2})
    say(facts(b"I", honest), frame(0, 0), sound(100), frame(1, 1), end)
    with read(clip) as found:
        assert [f.time for f in found.pictures()] == [0, Fraction(1, 25)]
        assert found.heard is not None
        assert len(found.heard) == 100
        assert found.decoded.pictures == 2


def test_a_sum_of_many_clocks_is_taken_to_the_nanosecond(
    clip: Path, honest: dict[str, Any], say: Say
) -> None:
    """A long file with an uneven rate: its exact end is a fraction of more than 64 bits."""
    end = Fraction(1, 3) + Fraction(1, 10**10 + 19) + Fraction(1, 10**6 + 3) + Fraction(1, 90_007)
    assert end.denominator > 2**63
    say(facts(b"I", changed(honest, "duration", [end.numerator, end.denominator])))
    with read(clip) as found:
        assert abs(found.presentation.duration - end) < Fraction(1, 10**9)
        assert found.presentation.duration.denominator < 2**63


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("duration", [10**400, 1]),
        ("duration", [1, 0]),
        ("duration", [1, -1]),
        ("duration", [601, 1]),
        ("duration", [-1, 1]),
        ("duration", [1]),
        ("duration", [0.5, 1]),
        ("zero", [2**63, 1]),
        ("zero", [1, 2**200]),
        ("video.frame_rate", [10**400, 1]),
        ("video.frame_rate", [0, 1]),
        ("video.aspect", [0, 1]),
        ("video.width", 0),
        ("video.width", float("inf")),
        ("video.height", -180),
        ("video.width", 3840 * 2160),
        ("video.frames", -1),
        ("video.rotation", 45),
        ("video.start", [-1, 1]),
        ("audio.end", [10**9, 1]),
        ("audio.sample_rate", 0),
        ("tracks.0.packets", -1),
        ("tracks.0.span", []),
        ("tracks", 7),
        ("essence.0.packets", -1),
        ("essence.0.sha256", "none"),
        ("resets", [10**400]),
        ("resets", [0.0] * 1001),
        ("resets", [float("nan")]),
    ],
)
def test_impossible_facts_are_refused(
    clip: Path, honest: dict[str, Any], say: Say, place: str, value: Any
) -> None:
    say(facts(b"I", changed(honest, place, value)))
    refused(clip)


def test_facts_that_nest_without_end_are_refused(clip: Path, honest: dict[str, Any], say: Say) -> None:
    deep = b"[" * 200_000
    say(Message(b"I", deep, NOTHING))
    refused(clip)
    say(facts(b"I", honest), Message(b"D", deep, NOTHING))
    refused(clip)


@pytest.mark.parametrize(
    "lie",
    [
        {"undecodable": [[0.0, 1.0]] * 1001},
        {"gaps": [[0.0, float("inf")]]},
        {"damaged": [[10**400, 1]]},
        {"overlaps": {"a": 1}},
        {"layout_changes": [0.0] * 1001},
        {"sound_end": float("nan")},
        {"pictures": -1},
        {"pictures": 5},
    ],
)
def test_what_is_said_to_have_come_out_is_checked(
    clip: Path, honest: dict[str, Any], say: Say, lie: dict[str, Any]
) -> None:
    say(facts(b"I", honest), facts(b"D", DECODED | lie))
    refused(clip)


def test_nothing_comes_after_the_end(clip: Path, honest: dict[str, Any], say: Say) -> None:
    say(facts(b"I", honest), facts(b"D", DECODED), facts(b"D", DECODED))
    refused(clip)


@pytest.mark.parametrize(
    "frames",
    [
        [frame(0, 0, width=0, height=0)],
        [frame(0, 0, width=-320, height=-180)],
        [frame(0, 0, width=1, height=1)],
        [frame(0, 0), frame(1, 1, width=180, height=320)],
        [frame(0, -1)],
        [frame(0, 10**15)],
        [frame(0, 601, 1)],
        [frame(0, 0, 0)],
        [frame(0, -1, -25)],
        [frame(0, 0), frame(1, 0)],
        [frame(0, 2), frame(1, 1)],
        [frame(1, 0)],
    ],
)
def test_impossible_pictures_are_refused(
    clip: Path, honest: dict[str, Any], say: Say, frames: list[Message]
) -> None:
    say(facts(b"I", honest), *frames)
    refused(clip)


def test_more_pictures_than_the_limits_allow_are_refused(
    clip: Path, honest: dict[str, Any], say: Say
) -> None:
    say(facts(b"I", honest), *(frame(n, n, 1_000_000) for n in range(200)))
    refused(clip, MediaSettings(max_seconds=3, max_frame_rate=30))


@pytest.mark.parametrize(
    "said", [sound(0), sound(0, kind=b"A"), sound(10, 1, 0), sound(10, 1, -1), sound(10, 10**15)]
)
def test_impossible_sound_is_refused(clip: Path, honest: dict[str, Any], say: Say, said: Message) -> None:
    say(facts(b"I", honest), said)
    refused(clip)


def test_a_defect_of_a_listener_is_not_the_file_s(clip: Path, honest: dict[str, Any], say: Say) -> None:
    def hear(block: Samples) -> None:
        raise ZeroDivisionError

    say(facts(b"I", honest), sound(10, kind=b"A"))
    with pytest.raises(ZeroDivisionError), read(clip, hear=hear) as found:
        found.finish()


def through_a_pipe(limits: MediaSettings, write: Callable[[int], None]) -> Iterator[Message]:
    ours, theirs = os.pipe()

    def child() -> None:
        try:
            write(theirs)
        except BrokenPipeError:
            pass
        finally:
            os.close(theirs)

    writing = threading.Thread(target=child)
    writing.start()
    try:
        yield from confined._messages(ours, Path("clip.mp4"), limits)
    finally:
        os.close(ours)
        writing.join()


def test_a_child_that_dribbles_is_stalled() -> None:
    def dribble(out: int) -> None:
        for byte in HEADER.pack(b"I", 16, 0) + b"x" * 16:
            os.write(out, bytes([byte]))
            time.sleep(0.15)

    began = time.monotonic()
    with pytest.raises(MediaError) as caught:
        list(through_a_pipe(MediaSettings(stall_seconds=0.5), dribble))
    assert caught.value.code == "stalled"
    assert time.monotonic() - began < 2


def test_each_message_has_its_own_time() -> None:
    def slowly(out: int) -> None:
        for _ in range(5):
            time.sleep(0.2)
            os.write(out, HEADER.pack(b"H", 0, 0))
        os.write(out, HEADER.pack(b"Z", 0, 0))

    assert len(list(through_a_pipe(MediaSettings(stall_seconds=0.8), slowly))) == 5


def test_the_time_of_the_reader_does_not_count() -> None:
    def at_once(out: int) -> None:
        os.write(out, HEADER.pack(b"H", 0, 0) * 3 + HEADER.pack(b"Z", 0, 0))

    count = 0
    for _ in through_a_pipe(MediaSettings(stall_seconds=0.2), at_once):
        time.sleep(0.3)
        count += 1
    assert count == 3


@pytest.mark.parametrize(
    "said",
    [
        b'{"code": "too_long", "found": 1' + b"0" * 400 + b"}",
        b'{"code": "too_small", "width": Infinity}',
        b'{"code": "too_small", "width": "wide"}',
        b'{"code": "several_pictures", "tracks": 5}',
        b"[" * 200_000,
        b"null",
    ],
)
def test_a_refusal_that_is_none_is_an_unreadable_file(said: bytes) -> None:
    with pytest.raises(MediaError) as caught:
        list(
            through_a_pipe(
                MediaSettings(), lambda out: _write_all(out, HEADER.pack(b"E", len(said), 0) + said)
            )
        )
    assert caught.value.code == "unreadable"


def _write_all(out: int, said: bytes) -> None:
    while said:
        said = said[os.write(out, said) :]


def test_two_hours_of_silence_cost_no_room(clip: Path, honest: dict[str, Any], say: Say) -> None:
    say(facts(b"I", honest), sound(8000), sound(8000, 7200), facts(b"D", DECODED))
    with read(clip, MediaSettings(max_seconds=14_400), want="H") as found:
        found.finish()
        heard = found.heard
    assert heard is not None
    assert len(heard) == 7200 * 16_000 + 8000
    assert os.fstat(heard._file.fileno()).st_blocks * 512 < 10_000_000
    assert not heard.read("mid", 8000, 16_000).any()
    assert np.all(heard.read("left", len(heard) - 8000, len(heard)) == 0.5)


def test_the_native_sound_gets_its_silence_by_the_second(
    clip: Path, honest: dict[str, Any], say: Say
) -> None:
    blocks: list[Samples] = []
    said = changed(honest, "audio.sample_rate", 16_000)
    say(facts(b"I", said), sound(8000, kind=b"A"), sound(8000, 3, kind=b"A"))
    with read(clip, want="", hear=blocks.append) as found:
        found.finish()
    assert [len(block) for block in blocks] == [8000, 16_000, 16_000, 8000, 8000]
    assert [bool(block.any()) for block in blocks] == [True, False, False, False, True]


@pytest.mark.parametrize("gap", [0, 1, 15_999, 16_000, 40_000, 12_345])
def test_silence_is_what_zeros_are(gap: int) -> None:
    rng = np.random.default_rng(gap)
    parts = [rng.uniform(-0.5, 0.5, (n, 2)).astype(np.float32) for n in (5000, 30_000, 9000)]
    sparse, plain = Heard(2), Heard(2)
    for part in parts:
        sparse.feed(part)
        sparse.silence(gap)
        sparse.read("mid", 0, 10)
        plain.feed(part)
        plain.feed(np.zeros((gap, 2), np.float32))
    assert len(sparse) == len(plain)
    assert [(e.name, e.level) for e in sparse.ears] == [(e.name, e.level) for e in plain.ears]
    for ear in ("mid", "right", "side"):
        assert np.array_equal(sparse.read(ear, 0, len(sparse)), plain.read(ear, 0, len(plain)))


@pytest.fixture
def little_room() -> Iterator[None]:
    """No file may grow beyond 100 kB: a write fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def fill_sound() -> None:
    heard = Heard(2)
    for _ in range(20):
        heard.feed(np.full((8000, 2), 0.5, np.float32))


def silence_too_long() -> None:
    Heard(2).silence(16_000)


def fill_rows() -> None:
    rows = Rows((100,))
    for _ in range(20):
        rows.append(np.ones((200, 100)))


def fill_rows_and_read() -> None:
    rows = Rows((100,))  # less than is held before it is written: the read writes it
    rows.append(np.ones((500, 100)))
    rows[0:1]


@pytest.mark.parametrize("fill", [fill_sound, silence_too_long, fill_rows, fill_rows_and_read])
@pytest.mark.usefixtures("little_room")
def test_a_full_disk_is_said(fill: Callable[[], None]) -> None:
    with pytest.raises(GreenroomError) as caught:
        fill()
    assert caught.value.code == "no_room"
    assert "TMPDIR" in str(caught.value)
    del caught
    gc.collect()  # the files close, and complain no more: a warning would fail this test


def test_the_words_of_a_full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(**_: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device", "secret name")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/tmp/x")
    for make in (lambda: Heard(1), lambda: Rows((2,))):
        with pytest.raises(GreenroomError) as caught:
            make()
        assert str(caught.value) == (
            "what is kept on disk while a video is read found no room: the disk is full. Where: the temporary folder "
            "(/tmp/x). Next: free space there, or set TMPDIR to a folder on a larger disk, and start again."
        )


@pytest.mark.parametrize(
    ("version", "scale", "length", "seconds"),
    [
        (0, 1000, 2500, 2.5),
        (1, 1000, 2500, 2.5),
        (0, 1000, 2**32 - 1, None),
        (1, 1000, 2**64 - 1, None),
        (1, 1000, 2**32 - 1, 4294967.295),
        (0, 0, 2500, None),
    ],
)
def test_a_duration_of_all_ones_is_unknown(
    tmp_path: Path, version: int, scale: int, length: int, seconds: float | None
) -> None:
    times = struct.pack(">IIII" if version == 0 else ">QQIQ", 7, 7, scale, length)
    header = struct.pack(">I", version << 24) + times + bytes(80)
    header = struct.pack(">I4s", len(header) + 8, b"mvhd") + header
    path = tmp_path / "header.mp4"
    path.write_bytes(
        struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0)
        + struct.pack(">I4s", len(header) + 8, b"moov")
        + header
    )
    assert declared_seconds(path) == seconds

"""The filesystem transport: whole messages only, and a worker that survives whatever lies in its folder."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu import Connection
from kombu.simple import SimpleQueue

from core.settings import get_settings
from pipeline.celery_app import make_app
from pipeline.transport import LARGEST_MESSAGE, Transport


@pytest.fixture
def app(home: Path) -> Celery:
    Transport.global_state.clear()  # as in a process that has just begun
    return make_app()


@pytest.fixture
def folders(app: Celery, home: Path) -> Path:
    return home / "broker"


@pytest.fixture
def queue(app: Celery) -> Iterator[SimpleQueue]:
    with connection(app) as connected, connected.SimpleQueue("cpu") as opened:
        yield opened


def connection(app: Celery) -> Connection:
    return app.connection_for_write()


def take(queue: SimpleQueue) -> Any:
    message = queue.get(timeout=2)
    message.ack()
    return message.payload


def lay(folders: Path, data: bytes, name: str = "0000000000000_a.cpu.msg") -> Path:
    """A file that sorts before every message, so that the reader meets it first."""
    path = folders / "queue" / name
    path.write_bytes(data)
    return path


def broken(folders: Path) -> list[str]:
    return sorted(path.name for path in (folders / "broken").glob("*"))


def test_celery_uses_it_on_one_machine_and_only_there(
    home: Path, app: Celery, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(connection(app).transport, Transport)
    assert connection(app).transport.polling_interval == 0.05
    monkeypatch.setenv("GREENROOM_BROKER_URL", "redis://localhost:1/0")
    get_settings.cache_clear()
    assert make_app().conf.broker_transport is None


def test_a_message_comes_once_and_in_order(queue: SimpleQueue, folders: Path) -> None:
    for number in range(3):
        queue.put({"render": number})
        time.sleep(0.002)
    assert [take(queue)["render"] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(queue.Empty):
        queue.get(timeout=0.1)
    assert list((folders / "queue").iterdir()) == list((folders / "processed").iterdir()) == []


def whole(queue: SimpleQueue, folders: Path) -> bytes:
    """What a message of ours looks like on disk."""
    queue.put({"render": "one"})
    (path,) = (folders / "queue").iterdir()
    data = path.read_bytes()
    path.unlink()
    return data


NO_MESSAGES = {
    "empty": b"",
    "not JSON": b"hello",
    "not text": b"\xff\xfe\x00",
    "a list": b"[1, 2]",
    "a number": b"7",
    "no properties": b'{"body": "aGVsbG8="}',
    "no tag": b'{"body": "aGVsbG8=", "properties": {}, "headers": {}}',
    "no headers": b'{"body": "", "properties": {"delivery_tag": "x", "delivery_info": {}}, "headers": 3}',
    "a strange encoding": b'{"body": "x", "properties": {"delivery_tag": "x", "body_encoding": "rot13"}}',
    "no base64": b'{"body": 5, "properties": {"delivery_tag": "x", "body_encoding": "base64"}}',
    "deep": b"[" * 100_000,
    "too large": b'"' + b"x" * (LARGEST_MESSAGE + 1) + b'"',
}


@pytest.mark.parametrize("name", NO_MESSAGES)
def test_a_file_that_is_no_message_is_put_aside_and_the_next_one_is_read(
    queue: SimpleQueue, folders: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    lay(folders, NO_MESSAGES[name])
    queue.put({"render": "one"})
    with caplog.at_level(logging.ERROR, "greenroom.broker"):
        assert take(queue) == {"render": "one"}
    assert broken(folders) == ["0000000000000_a.cpu.msg"]
    assert "0000000000000_a.cpu.msg" in caplog.text
    content = NO_MESSAGES[name][:20].decode("latin-1")
    assert len(content) < 3 or content not in caplog.text  # by its name only: it may hold anything


def test_half_a_message_is_put_aside_wherever_it_was_cut(queue: SimpleQueue, folders: Path) -> None:
    data = whole(queue, folders)
    for cut in range(0, len(data), 7):
        lay(folders, data[:cut], f"0000000000000_{cut:05d}.cpu.msg")
    queue.put({"render": "one"})
    assert take(queue) == {"render": "one"}
    assert len(broken(folders)) == len(range(0, len(data), 7))


def test_what_is_no_file_is_put_aside_and_holds_nobody(queue: SimpleQueue, folders: Path) -> None:
    secret = folders / "elsewhere"
    secret.write_bytes(whole(queue, folders))
    (folders / "queue" / "0_a.cpu.msg").symlink_to(secret)
    (folders / "queue" / "0_b.cpu.msg").mkdir()
    os.mkfifo(folders / "queue" / "0_c.cpu.msg")
    queue.put({"render": "one"})
    assert take(queue) == {"render": "one"}
    assert broken(folders) == ["0_a.cpu.msg", "0_b.cpu.msg", "0_c.cpu.msg"]
    assert secret.exists()


def test_what_speaks_of_another_queue_or_of_none_is_let_be(queue: SimpleQueue, folders: Path) -> None:
    for name in ("notes.txt", "0_a.gpu.msg", ".0_a.cpu.msg.123.part", "cpu.msg.bak"):
        lay(folders, b"", name)
    queue.put({"render": "one"})
    assert take(queue) == {"render": "one"}
    assert len(list((folders / "queue").iterdir())) == 4
    assert broken(folders) == []


def test_the_part_of_a_writer_that_was_killed_goes_after_an_hour(queue: SimpleQueue, folders: Path) -> None:
    part = lay(folders, b"half", ".0_a.cpu.msg.123.part")
    os.utime(part, (time.time() - 4000,) * 2)
    queue.put({"render": "one"})
    take(queue)
    assert not part.exists()


def test_a_reader_never_meets_half_a_message(
    queue: SimpleQueue, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that is stopped in the middle of its writing: the reader sees nothing, and puts nothing aside."""
    writing, go_on = threading.Event(), threading.Event()
    write_bytes = Path.write_bytes

    def slowly(self: Path, data: bytes) -> int:
        write_bytes(self, data[: len(data) // 2])
        writing.set()
        assert go_on.wait(5)
        return write_bytes(self, data)

    monkeypatch.setattr(Path, "write_bytes", slowly)
    writer = threading.Thread(target=queue.put, args=({"render": "one"},))
    writer.start()
    assert writing.wait(5)
    with pytest.raises(queue.Empty):
        queue.get(timeout=0.2)
    go_on.set()
    writer.join()
    assert take(queue) == {"render": "one"}
    assert broken(folders) == []


def test_a_full_disk_leaves_no_part_and_says_so(
    queue: SimpleQueue, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_part: Path, _path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(Exception, match="a message cannot be written"):
        queue.put({"render": "one"})
    assert list((folders / "queue").iterdir()) == []


@pytest.mark.parametrize("rest", [b"", b"[[", b"{}", b"7", b'[["cpu"]]'])
def test_a_broken_table_of_an_exchange_stops_nobody_and_is_written_anew(
    app: Celery, folders: Path, rest: bytes
) -> None:
    with connection(app) as connected, connected.SimpleQueue("cpu") as queue:
        (table,) = (folders / "control").glob("*.exchange")
        table.write_bytes(rest)
        queue.put({"render": "one"})
        assert take(queue) == {"render": "one"}
    Transport.global_state.clear()
    with connection(app) as connected, connected.SimpleQueue("cpu") as queue:
        assert ["cpu", "", "cpu"] in json.loads(table.read_bytes())


def test_a_sender_goes_on_where_the_broker_was_wiped(queue: SimpleQueue, folders: Path) -> None:
    for path in [*(folders / "control").iterdir(), *(folders / "queue").iterdir()]:
        path.unlink()
    queue.put({"render": "one"})
    assert take(queue) == {"render": "one"}


def test_a_real_worker_lives_through_a_folder_of_rubbish(home: Path, folders: Path) -> None:
    """It handles the message after the rubbish, and is still the same process."""
    for number, data in enumerate(NO_MESSAGES.values()):
        lay(folders, data, f"0_{number:02d}.cpu.msg")
    script = home / "spoken.py"
    script.write_text(
        "from pathlib import Path\n"
        "from pipeline.celery_app import make_app\n"
        "app = make_app()\n"
        "@app.task(name='write')\n"
        "def write(path):\n"
        "    Path(path).write_text('done')\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{home}:{Path(__file__).parents[2]}"}
    worker = subprocess.Popen(
        f"{sys.executable} -m celery -A spoken:app worker -P solo -Q cpu --without-gossip --without-mingle "
        "--without-heartbeat -l ERROR".split(),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        sender = make_app()
        for name in ("first", "second"):
            sender.send_task("write", [str(home / name)], queue="cpu")
            deadline = time.monotonic() + 15
            while not (home / name).exists():
                assert worker.poll() is None, "the worker died"
                assert time.monotonic() < deadline, "the message was not handled"
                time.sleep(0.02)
            lay(folders, b"{", "0_again.cpu.msg")
    finally:
        worker.terminate()
        worker.wait(10)
    assert len(broken(folders)) >= len(NO_MESSAGES)

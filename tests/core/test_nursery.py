"""Children of a nursery are confined as those that start from nothing, each file has one of its own, and only a file
that somebody vouches for is read there."""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.media import nurseries, starting
from core.media.own import OwnFile
from core.settings import get_settings

CHILD = "tests.core.nursery_child"


@pytest.fixture(autouse=True)
def no_nursery_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(nurseries, "OPEN", {})
    yield
    for nursery in nurseries.OPEN.values():
        nursery.close()
    get_settings.cache_clear()


def files_a_nursery(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setenv("GREENROOM_MEDIA_FILES_A_NURSERY", str(count))
    get_settings.cache_clear()


def told(path: Path, text: str = "one", *, own: bool = True, **request: Any) -> dict[str, Any]:
    """What a child says about itself; {} where it ends without a word."""
    path.write_text(text)
    word = OwnFile(hashlib.sha256(text.encode()).hexdigest()) if own else None
    return answer(path, word, **request)


def answer(path: Path, own: OwnFile | None, **request: Any) -> dict[str, Any]:
    reader, writer = os.pipe()
    with path.open("rb") as file:
        asked = {"memory_bytes": 4_000_000_000, **request}
        child = starting.start(CHILD, asked, file=file, out=writer, given=b"settings", own=own)
        os.close(writer)
    if request.get("hang"):
        child.kill()
    with os.fdopen(reader, "rb") as answers:
        said = answers.read()
    child.kill()
    child.wait()
    return dict(json.loads(said or b"{}"))


def nursery() -> nurseries.Nursery:
    return nurseries.OPEN[os.getpid(), CHILD]


def test_a_forked_child_is_confined_as_one_that_started_from_nothing(tmp_path: Path):
    fresh = told(tmp_path / "a", own=False)
    forked = told(tmp_path / "a")
    assert fresh["loaded"] == [] and len(forked["loaded"]) == 1, "one of them came from a nursery"
    same = ("content", "given", "files", "network", "limits", "walls", "signals")
    assert {name: forked[name] for name in same} == {name: fresh[name] for name in same}
    assert sorted(forked["open"]) == sorted(fresh["open"]), "it has no way to the nursery"


def test_a_file_that_nobody_vouches_for_has_a_fresh_process(tmp_path: Path):
    assert told(tmp_path / "a", own=False)["loaded"] == []
    assert nurseries.OPEN == {}


def test_a_word_for_other_bytes_is_worth_nothing(tmp_path: Path):
    """A path that was mixed up, or a file that changed since: whatever the caller says, its bytes decide."""
    (tmp_path / "a").write_text("one")
    assert answer(tmp_path / "a", OwnFile(hashlib.sha256(b"two").hexdigest()))["loaded"] == []
    assert answer(tmp_path / "a", OwnFile(""))["loaded"] == []
    assert nurseries.OPEN == {}


def test_where_the_setting_says_so_every_file_has_a_fresh_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    files_a_nursery(monkeypatch, 0)
    assert told(tmp_path / "a")["loaded"] == []


def test_each_file_has_a_process_of_its_own_and_a_nursery_ends_after_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    files_a_nursery(monkeypatch, 2)
    children = [told(tmp_path / "a", text) for text in "abcde"]
    assert [child["content"] for child in children] == list("abcde")
    loaded = [child["loaded"][0] for child in children]
    assert len({child["pid"] for child in children} | set(loaded)) == 5 + 3
    assert [loaded.index(one) for one in loaded] == [0, 0, 2, 2, 4]


def test_a_nursery_ends_after_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    before = told(tmp_path / "a")["loaded"]
    assert told(tmp_path / "a")["loaded"] == before
    monkeypatch.setattr(nurseries, "OLDEST_SECONDS", 0.0)
    assert told(tmp_path / "a")["loaded"] not in (before, [])


def test_a_nursery_without_work_gives_its_memory_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nurseries, "IDLE_SECONDS", 0.2)
    first = told(tmp_path / "a")["loaded"]
    process = nursery().process
    assert process is not None
    assert process.wait(10) == 0
    assert told(tmp_path / "a")["loaded"] not in (first, [])


def test_a_child_that_crashes_or_hangs_takes_nobody_along(tmp_path: Path):
    before = told(tmp_path / "a")["loaded"]
    assert told(tmp_path / "a", crash=True) == {}
    began = time.monotonic()
    assert told(tmp_path / "a", hang=True) == {} and time.monotonic() - began < 10
    assert told(tmp_path / "a")["loaded"] == before


def test_a_nursery_that_died_is_replaced_by_fresh_processes_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    os.kill(told(tmp_path / "a")["loaded"][0], signal.SIGKILL)
    for text in ("two", "three"):
        said = told(tmp_path / "a", text)
        assert (said["content"], said["loaded"]) == (text, [])
    monkeypatch.setattr(nurseries, "PAUSE_SECONDS", 0.0)
    assert told(tmp_path / "a", "four")["loaded"] != []


def test_a_nursery_that_hangs_is_ended_and_its_file_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(nurseries, "_FORK_SECONDS", 0.3)
    stopped = told(tmp_path / "a")["loaded"][0]
    os.kill(stopped, signal.SIGSTOP)
    said = told(tmp_path / "a", "two")
    assert (said["content"], said["loaded"]) == ("two", [])
    assert not Path(f"/proc/{stopped}").exists()


def test_a_process_that_cannot_be_forked_safely_is_not(tmp_path: Path):
    """A library that started a thread: its locks would stay locked in a copy."""
    path = tmp_path / "a"
    path.write_text("one")
    own = OwnFile(hashlib.sha256(b"one").hexdigest())
    reader, writer = os.pipe()
    with path.open("rb") as file:
        asked = {"memory_bytes": 4_000_000_000}
        environment = {"NURSERY_CHILD_THREAD": "1"}
        child = starting.start(CHILD, asked, file=file, out=writer, environment=environment, own=own)
        os.close(writer)
    with os.fdopen(reader, "rb") as answers:
        assert json.loads(answers.read())["loaded"] == []
    child.wait()


def test_an_ended_child_is_gone_when_its_end_was_waited_for(tmp_path: Path):
    path = tmp_path / "a"
    path.write_text("one")
    reader, writer = os.pipe()
    with path.open("rb") as file:
        own = OwnFile(hashlib.sha256(b"one").hexdigest())
        request = {"memory_bytes": 4_000_000_000, "hang": True}
        child = starting.start(CHILD, request, file=file, out=writer, own=own)
    os.close(writer)
    child.kill()
    child.wait()
    ready, _, _ = select.select([reader], [], [], 0)
    assert ready and os.read(reader, 1) == b"", "nobody holds the other end"
    os.close(reader)


def test_nothing_is_left_when_a_nursery_ends(tmp_path: Path):
    process = told(tmp_path / "a")["loaded"][0]
    nursery().close()
    assert not Path(f"/proc/{process}").exists()


def test_a_nursery_ends_with_its_worker_and_not_with_a_signal_to_stop(tmp_path: Path):
    """A worker that is told to stop finishes what it has in hand: its readings go on."""
    process = told(tmp_path / "a")["loaded"][0]
    for each in (signal.SIGTERM, signal.SIGINT):
        os.kill(process, each)
    assert told(tmp_path / "a")["loaded"] == [process]

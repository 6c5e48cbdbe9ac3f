"""Children of a nursery are confined as those that start from nothing, and each file has one of its own."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.media import starting
from core.settings import get_settings

CHILD = "tests.core.nursery_child"


@pytest.fixture(autouse=True)
def no_nursery_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(starting, "_nurseries", {})
    yield
    for nursery in starting._nurseries.values():
        nursery.close()
    get_settings.cache_clear()


def files_a_nursery(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setenv("GREENROOM_MEDIA_FILES_A_NURSERY", str(count))
    get_settings.cache_clear()


def told(path: Path, text: str = "one", **request: Any) -> dict[str, Any]:
    """What a child says about itself; {} where it ends without a word."""
    path.write_text(text)
    reader, writer = os.pipe()
    with path.open("rb") as file:
        asked = {"memory_bytes": 4_000_000_000, **request}
        child = starting.start(CHILD, asked, file=file.fileno(), out=writer, given=b"settings")
        os.close(writer)
    if request.get("hang"):
        child.kill()
    with os.fdopen(reader, "rb") as answers:
        answer = answers.read()
    child.kill()
    child.wait()
    return dict(json.loads(answer or b"{}"))


def test_a_forked_child_is_confined_as_one_that_started_from_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    files_a_nursery(monkeypatch, 0)
    fresh = told(tmp_path / "a")
    files_a_nursery(monkeypatch, 10)
    forked = told(tmp_path / "a")
    assert fresh["loaded"] == [] and len(forked["loaded"]) == 1, "one of them came from a nursery"
    same = ("content", "given", "files", "network", "limits")
    assert {name: forked[name] for name in same} == {name: fresh[name] for name in same}
    assert sorted(forked["open"]) == sorted([*fresh["open"], "file"]), (
        "beside its own: the copy of what it was given"
    )
    assert "socket" not in forked["open"], "it has no way to the nursery"


def test_each_file_has_a_process_of_its_own_and_a_nursery_ends_after_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    files_a_nursery(monkeypatch, 2)
    children = [told(tmp_path / "a", text) for text in "abcde"]
    assert [child["content"] for child in children] == list("abcde")
    nurseries = [child["loaded"][0] for child in children]
    assert len({child["pid"] for child in children} | set(nurseries)) == 5 + 3
    assert [nurseries.index(one) for one in nurseries] == [0, 0, 2, 2, 4]


def test_a_child_that_crashes_or_hangs_takes_nobody_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    files_a_nursery(monkeypatch, 10)
    before = told(tmp_path / "a")["loaded"]
    assert told(tmp_path / "a", crash=True) == {}
    began = time.monotonic()
    assert told(tmp_path / "a", hang=True) == {} and time.monotonic() - began < 10
    assert told(tmp_path / "a")["loaded"] == before


def test_without_a_nursery_the_child_starts_from_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    files_a_nursery(monkeypatch, 10)
    os.kill(told(tmp_path / "a")["loaded"][0], signal.SIGKILL)
    assert told(tmp_path / "a", "two")["content"] == "two"
    assert told(tmp_path / "a", "three")["content"] == "three"


def test_nothing_is_left_when_a_nursery_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    files_a_nursery(monkeypatch, 10)
    process = told(tmp_path / "a")["loaded"][0]
    starting._nurseries[os.getpid(), CHILD].close()
    assert not Path(f"/proc/{process}").exists()

"""A process's file says that it lives and can work; silence, a dead process and rubbish say that it does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.errors import InputError
from greenroom import status
from greenroom.status import Status, health_of, status_file


def codes(name: str = "relay") -> tuple[bool, bool, str]:
    health = health_of(name)
    return health.alive, health.ready, health.code


def test_a_process_that_works_is_well(home: Path) -> None:
    Status("relay").alive()
    assert codes() == (True, True, "ok") and health_of("relay").pid == os.getpid()


def test_one_that_never_said_anything_or_has_ended_does_not_run(home: Path) -> None:
    assert codes() == (False, False, "not_running")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    Status("relay").alive()
    sign = json.loads(status_file("relay").read_text())
    status_file("relay").write_text(json.dumps(sign | {"pid": ended.pid}))
    assert codes() == (False, False, "not_running")


def test_one_that_says_nothing_for_too_long_is_silent_or_hangs(home: Path) -> None:
    it = Status("worker-1")
    it.doing(within=0.05)
    time.sleep(0.1)
    assert codes("worker-1") == (False, False, "silent")
    it.doing("render.advance rnd_1", within=0.05)
    assert codes("worker-1") == (True, True, "ok")
    time.sleep(0.1)
    assert (
        codes("worker-1") == (False, False, "hung") and health_of("worker-1").doing == "render.advance rnd_1"
    )


def test_what_keeps_it_from_its_work_makes_it_unready_and_not_dead(home: Path) -> None:
    it = Status("relay")
    it.trouble("broker_away")
    assert codes() == (True, False, "broker_away") and it.in_trouble
    it.trouble()
    assert codes() == (True, True, "ok")


def test_signs_are_written_at_most_once_a_second(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    it = Status("relay")
    it.alive()
    written = status_file("relay").stat().st_mtime_ns
    for _ in range(1000):
        it.alive()
    assert status_file("relay").stat().st_mtime_ns == written
    monkeypatch.setattr(status, "_EVERY", 0.0)
    it.alive()
    assert status_file("relay").stat().st_mtime_ns > written


def test_a_file_from_before_the_machine_was_started_is_no_sign(home: Path) -> None:
    Status("relay").alive()
    sign = json.loads(status_file("relay").read_text())
    status_file("relay").write_text(json.dumps(sign | {"at": time.monotonic() + 1e6}))
    assert codes() == (False, False, "not_running")


@pytest.mark.parametrize("rubbish", ["", "{", "[]", '{"name": "relay"}', '{"pid": "x"}', '{"at": null}', "7"])
def test_rubbish_is_no_sign(home: Path, rubbish: str) -> None:
    status_file("relay").parent.mkdir(parents=True)
    status_file("relay").write_text(rubbish)
    assert codes() == (False, False, "not_running")


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "a/b", "Worker", "w" * 50, "-x", "a\n"])
def test_a_name_leads_nowhere_else(home: Path, name: str) -> None:
    with pytest.raises(InputError):
        health_of(name)


def test_a_full_disk_ends_no_work(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    Status("relay").alive()
    assert codes() == (False, False, "not_running")

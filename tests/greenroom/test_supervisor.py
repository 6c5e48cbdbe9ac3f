"""A child that died or hangs is started again, whatever the database does meanwhile."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import sys
from pathlib import Path

import pytest

import core.database
import core.engines
from core.settings import get_settings
from greenroom.cli import main
from greenroom.status import health_of
from greenroom.supervisor import Supervisor
from greenroom.web import AddressTaken, check_free
from review_ui.beginning import begin
from tests.greenroom.processes import until


def test_a_dead_child_is_started_again_while_the_database_is_locked(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its leases then end by themselves; `greenroom up` must not end with it."""
    monkeypatch.setattr(core.engines, "BUSY_SECONDS", 0.1)
    core.database._engine_for.cache_clear()
    monkeypatch.setattr(Supervisor, "commands", lambda _self: {"relay": [sys.executable, "-c", ""]})
    supervisor = Supervisor()
    supervisor.start()
    first = supervisor.children["relay"]
    first.wait(10)
    held = sqlite3.connect(home / "greenroom.db", isolation_level=None)
    try:
        held.execute("BEGIN IMMEDIATE")
        assert supervisor.check() == ["relay"]
    finally:
        held.close()
    assert supervisor.children["relay"] is not first
    supervisor.stop()


def test_one_machine_runs_every_process_by_the_commands_that_many_machines_use(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENROOM_PIPELINE_WORKERS", "2")
    get_settings.cache_clear()
    verbs = {name: command[3:] for name, command in Supervisor().commands().items()}
    assert verbs == {
        "relay": ["relay"],
        "sequencer": ["sequencer"],
        "worker-1": ["worker", "--name", "worker-1"],
        "worker-2": ["worker", "--name", "worker-2"],
        "worker-io": ["worker", "--name", "worker-io", "--queues", "io"],
        "web": ["web"],
    }


def test_what_was_approved_waits_behind_no_long_video_where_this_machine_may_sign(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kinds, workers, beside in (("cpu,io", "1", True), ("cpu", "1", False), ("cpu,io", "0", False)):
        monkeypatch.setenv("GREENROOM_PIPELINE_KINDS", kinds)
        monkeypatch.setenv("GREENROOM_PIPELINE_WORKERS", workers)
        get_settings.cache_clear()
        assert ("worker-io" in Supervisor().commands()) is beside, (kinds, workers)


@pytest.mark.parametrize("verb", [["up"], ["web"], ["demo"]])
def test_on_a_port_that_is_taken_nothing_starts(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: list[str]
) -> None:
    """It says so and ends: no child starts again for ever, and no address is printed that another program answers."""
    monkeypatch.setattr(Supervisor, "start", lambda _self: pytest.fail("a child was started"))
    monkeypatch.setattr("uvicorn.run", lambda *_, **__: pytest.fail("it was served"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setenv("GREENROOM_WEB_PORT", str(other.getsockname()[1]))
        get_settings.cache_clear()
        assert main([*verb, "--json"]) == 3
    told = json.loads(capsys.readouterr().out)["error"]
    assert told["code"] == "address_taken" and "GREENROOM_WEB_PORT" in told["where"]


def test_an_address_that_this_machine_has_not_is_said_too() -> None:
    for host, port in (("203.0.113.1", 8321), ("127.0.0.1", 99_999_999)):
        with pytest.raises(AddressTaken, match="cannot listen"):
            check_free(host, port)


def test_where_nobody_has_an_account_up_prints_where_to_begin(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Supervisor, "start", lambda _self: None)
    monkeypatch.setattr(Supervisor, "watch", lambda _self: None)
    monkeypatch.setattr("greenroom.web.check_free", lambda *_: None)
    monkeypatch.setattr("greenroom.database.migrate", lambda: None)  # the home has its tables
    assert main(["up", "--json"]) == 0
    printed = capsys.readouterr()
    assert "/begin?code=" in printed.err and json.loads(printed.out) == {"stopped": True}
    begin(
        organisation="Example", brand="Tea", email="a@brand.example", password="a made-up password", code=None
    )
    assert main(["up", "--json"]) == 0
    assert "/begin" not in capsys.readouterr().err


# It says once that it lives, that the next sign is due at once, and then nothing more.
HANGS = """
import time
from greenroom.status import Status
Status("relay").doing("pass", within=0.1)
time.sleep(60)
"""


def test_a_child_that_hangs_is_ended_and_started_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Supervisor, "commands", lambda _self: {"relay": [sys.executable, "-c", HANGS]})
    supervisor = Supervisor()
    supervisor.start()
    first = supervisor.children["relay"]
    try:
        assert supervisor.check() == [], "it has said nothing yet, and is about to"
        until(lambda: health_of("relay").code == "hung", first)
        assert supervisor.check() == ["relay"]
        assert first.returncode == -signal.SIGKILL and supervisor.children["relay"].poll() is None
    finally:
        supervisor.stop()

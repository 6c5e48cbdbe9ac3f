"""A child that died or hangs is started again, whatever the database does meanwhile."""

from __future__ import annotations

import signal
import sqlite3
import sys
from pathlib import Path

import pytest

import core.database
import core.engines
from core.settings import get_settings
from greenroom.status import health_of
from greenroom.supervisor import Supervisor
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
        "web": ["web"],
    }


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

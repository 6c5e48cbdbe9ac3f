"""A dead child is started again, whatever the database does meanwhile."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

import core.database
from greenroom.supervisor import Supervisor


def test_a_dead_child_is_started_again_while_the_database_is_locked(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its leases then end by themselves; `greenroom up` must not end with it."""
    monkeypatch.setattr(core.database, "BUSY_SECONDS", 0.1)
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

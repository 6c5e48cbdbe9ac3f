"""A worker steps back behind pages and links: its priority is lower, and so is that of what it starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from greenroom.priority import NICENESS

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import os, subprocess, sys
from pathlib import Path
from greenroom.priority import step_back
step_back()
step_back()
session = Path("/proc/self/autogroup")
print(os.nice(0), subprocess.check_output([sys.executable, "-c", "import os; print(os.nice(0))"], text=True).strip())
print((session.read_text() if session.exists() else "").rpartition(" ")[2] or "none")  # empty: of no group
"""


def said(*, leader: bool) -> list[str]:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        start_new_session=leader,
    )
    return ran.stdout.split()


def test_a_worker_and_its_children_have_a_lower_priority():
    lowest = max(NICENESS, os.nice(0))
    assert said(leader=False)[:2] == [str(lowest)] * 2


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="no autogroup here")
def test_the_leader_of_a_session_lowers_the_session_and_nobody_elses():
    """`greenroom up` starts each worker in a session of its own; one that is started by hand shares a terminal's."""
    before = Path("/proc/self/autogroup").read_text(
        encoding="ascii"
    )  # "": the root of a group of cgroups has none
    assert said(leader=True)[2] == str(NICENESS)
    said(leader=False)
    assert Path("/proc/self/autogroup").read_text(encoding="ascii") == before


def test_units_and_containers_give_workers_a_smaller_share():
    for unit in ("greenroom-cpu@", "greenroom-io"):
        text = (ROOT / f"deploy/systemd/{unit}.service").read_text(encoding="utf-8")
        assert int(text.partition("CPUWeight=")[2].split()[0]) < 100
    services = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text(encoding="utf-8"))["services"]
    assert {name for name, service in services.items() if service.get("cpu_shares", 1024) < 1024} == {
        "cpu",
        "io",
    }

"""One real demonstration for all end-to-end tests: ``greenroom demo --once`` in a fresh home, as a person runs it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.database import engine
from core.settings import get_settings
from tests.conftest import import_tables

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class DemoRun:
    """A finished ``greenroom demo --once``: its home, its report, the accounts that it made."""

    home: Path
    out: Path
    report: dict[str, Any]
    accounts: dict[str, Any]
    stderr: str

    def render(self, name: str) -> dict[str, Any]:
        return next(render for render in self.report["renders"] if render["name"] == name)

    @property
    def released(self) -> Path:
        return Path(self.report["paths"]["released"])


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a process that works in this home, as a demonstration."""
    return {**os.environ, "GREENROOM_HOME": str(home), "GREENROOM_ENVIRONMENT": "demo", **more}


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    """It takes minutes, so that it is made once for all workers of a test run; each has a copy to work on."""
    base, work = tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp("demo")
    made = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "the-demo"
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (made / "stdout").exists():
            _make_demo(made)
    shutil.copytree(made, work, dirs_exist_ok=True)
    report = json.loads((work / "stdout").read_text().replace(str(made), str(work)))
    assert "error" not in report, report
    home = work / "home"
    accounts = json.loads((home / "demo.json").read_text())
    return DemoRun(home, work / "out", report, accounts, (work / "stderr").read_text())


def _make_demo(folder: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "greenroom.cli", "demo", "--once", "--json", "--out", str(folder / "out")],
        cwd=ROOT,
        env=environment(folder / "home"),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert answer.stdout.strip(), answer.stderr[-3000:]
    (folder / "stderr").write_text(answer.stderr)
    (folder / "stdout").write_text(answer.stdout)


@pytest.fixture
def in_demo(demo_run: DemoRun, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoRun]:
    """The demonstration's home as this process's own."""
    monkeypatch.setenv("GREENROOM_HOME", str(demo_run.home))
    monkeypatch.setenv("GREENROOM_ENVIRONMENT", "demo")
    get_settings.cache_clear()
    import_tables()  # whoever verifies the ledger knows them all
    yield demo_run
    engine().dispose()
    get_settings.cache_clear()


@dataclass(frozen=True)
class Console:
    """A running ``greenroom up`` on the demonstration's home."""

    address: str
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="session")
def console(demo_run: DemoRun) -> Iterator[Console]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "greenroom.cli", "up"],
        cwd=ROOT,
        env=environment(demo_run.home, GREENROOM_WEB_PORT=str(port)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{address}/verify", timeout=2)
            break
        except OSError:
            assert process.poll() is None, "greenroom up ended"
            time.sleep(0.1)
    else:
        pytest.fail("the console did not answer within a minute")
    yield Console(address, process)
    process.terminate()
    process.wait(30)

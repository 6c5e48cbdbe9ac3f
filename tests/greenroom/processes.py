"""Real processes of Greenroom on a test's home, ended by their id whatever happens."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
START_SECONDS = 120.0  # the machine may be busy: a worker imports every model's library


@contextmanager
def running(*arguments: str, script: str = "", **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """``greenroom ARGUMENTS`` (or a script in its place) as a child of this process, in this process's home."""
    program = ["-c", script] if script else ["-m", "greenroom.cli"]
    command = [sys.executable, *program, *arguments]
    child = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {f"GREENROOM_{name}": value for name, value in settings.items()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.wait(10)


def until(
    what: Callable[[], Any], child: subprocess.Popen[bytes] | None = None, seconds: float = START_SECONDS
) -> Any:
    """What a question answers once it is true. Fails when the time is over, or the child ended meanwhile."""
    deadline = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < deadline, "it did not come about"
        assert child is None or child.poll() is None, f"the process ended with {child.returncode}"  # type: ignore[union-attr]
        time.sleep(0.05)
    return answer


def pause(child: subprocess.Popen[bytes], database: Path) -> None:
    """SIGSTOP, between two transactions: on SQLite nobody could write while a process stands still in one."""
    while True:
        os.kill(child.pid, signal.SIGSTOP)
        if nobody_writes(database):
            return
        os.kill(child.pid, signal.SIGCONT)
        time.sleep(0.05)


def nobody_writes(database: Path) -> bool:
    """Whether the write lock of a SQLite file can be had."""
    with closing(sqlite3.connect(database, timeout=1, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        connection.execute("ROLLBACK")
        return True


def drain(child: subprocess.Popen[bytes], seconds: float = 30.0) -> float:
    """SIGTERM, and how many seconds the process took to end."""
    began = time.monotonic()
    child.send_signal(signal.SIGTERM)
    child.wait(seconds)
    return time.monotonic() - began


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port

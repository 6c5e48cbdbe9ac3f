"""Redis, with nothing on disk."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from tests.servers.processes import answers, folder, free_port, program, spawn, stop, wait_until


@dataclass
class Redis:
    """A running server; ``stop`` and ``start`` are a broker that is down and comes back empty."""

    port: int
    root: Path
    child: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """What GREENROOM_BROKER_URL is set to."""
        return f"redis://127.0.0.1:{self.port}/0"

    def stop(self, end: signal.Signals = signal.SIGKILL) -> None:
        stop(self.child, end)

    def wipe(self) -> None:
        """Every message is gone."""
        with redis.Redis(port=self.port) as client:
            client.flushall()

    def start(self) -> None:
        self.child = _start(self.port, self.root)


@contextmanager
def redis_server() -> Iterator[Redis]:
    """A fresh server, gone at the end."""
    with folder() as root:
        port = free_port()
        running = Redis(port, root, _start(port, root))
        try:
            yield running
        finally:
            running.stop()


def _start(port: int, root: Path) -> subprocess.Popen[bytes]:
    command = [program("redis-server", "redis-server"), "--bind", "127.0.0.1", "--port", str(port), "--save", "",
               "--appendonly", "no", "--dir", str(root)]  # fmt: skip
    child = spawn(command, root / "log")
    wait_until(lambda: answers(port), child, command[0], root / "log")
    return child

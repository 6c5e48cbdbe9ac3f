"""Real web processes on a home, for benchmarks that ask them over loopback."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


@contextmanager
def web_process(home: Path) -> Iterator[int]:
    """The product's web application as `greenroom up` starts it, on a free port."""
    port = _free_port()
    command = [
        sys.executable, "-m", "uvicorn", "review_ui.app:make_app", "--factory", "--host", "127.0.0.1",
        "--port", str(port), "--log-level", "error", "--no-server-header",
    ]  # fmt: skip
    process = subprocess.Popen(command, env={**os.environ, "GREENROOM_HOME": str(home)})
    try:
        _wait(port, process)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the web process ended with {process.returncode}")
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
                connection.request("GET", "/verify")
                if connection.getresponse().status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the web process did not answer within a minute")

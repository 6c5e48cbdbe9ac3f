"""A server as a child process: a free port, a wait until it answers, an end by its pid whatever becomes of us."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

PATIENCE_SECONDS = 30.0
_PR_SET_PDEATHSIG = 1


class ServerMissing(AssertionError):
    """A server of the tests is not installed or does not start."""


def program(name: str, package: str, *folders: str) -> str:
    """Path of a server's program. Raises ServerMissing with what to install."""
    found = shutil.which(name, path=os.pathsep.join([*folders, os.environ.get("PATH", "")]))
    if found is None:
        raise ServerMissing(f"{name} is not installed. Next: `make servers`, or apt-get install {package}")
    return found


def free_port() -> int:
    """A port of loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def folder(user: str | None = None) -> Iterator[Path]:
    """A folder of a server's own, outside of pytest's: another user cannot enter that."""
    path = Path(tempfile.mkdtemp(prefix="greenroom-server-"))
    try:
        if user is not None:
            shutil.chown(path, user)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def unprivileged() -> str | None:
    """Whom a server runs as that refuses to run as root; None where we are not root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def spawn(
    command: Sequence[str],
    log: Path,
    *,
    user: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a server in a group of its own, as that user; the kernel ends it if we die first."""
    group = pwd.getpwnam(user).pw_gid if user else None
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            user=user,
            group=group,
            extra_groups=[] if user else None,
            cwd=log.parent,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
            preexec_fn=_die_with_us,  # noqa: PLW1509 - one call of the kernel, which takes no lock
        )


@contextmanager
def server(
    command: Sequence[str],
    ready: Callable[[], bool],
    *,
    log: Path,
    user: str | None = None,
    environment: Mapping[str, str] | None = None,
    end: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """The process, once it is ready; ended with ``end``, and killed where that does not help."""
    child = spawn(command, log, user=user, environment=environment)
    try:
        wait_until(ready, child, command[0], log)
        yield child
    finally:
        stop(child, end)


def wait_until(
    ready: Callable[[], bool],
    child: subprocess.Popen[bytes],
    name: str,
    log: Path,
    patience: float = PATIENCE_SECONDS,
) -> None:
    """Until the server answers. Raises ServerMissing when it ends first or takes longer than ``patience`` seconds."""
    deadline = time.monotonic() + patience
    while not ready():
        if child.poll() is not None or time.monotonic() > deadline:
            said = log.read_text(errors="replace")[-2000:]
            raise ServerMissing(f"{Path(name).name} did not start (exit {child.returncode}):\n{said}")
        time.sleep(0.02)


def stop(child: subprocess.Popen[bytes], end: signal.Signals = signal.SIGTERM) -> None:
    """End a server's process group, first by asking."""
    if child.poll() is None:
        child.send_signal(end)
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _die_with_us() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

"""Starting a confined child: from nothing, or by a nursery that is ready (:mod:`core.media.nursery`)."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from core.media.nursery import READY
from core.settings import get_settings

_ROOT = Path(__file__).resolve().parents[2]
_READY_SECONDS = 30.0


class Child(Protocol):
    """A child that can be ended. ``wait`` after ``kill``: it is gone then."""

    def kill(self) -> None: ...
    def wait(self) -> Any: ...


def start(
    module: str,
    request: Mapping[str, Any],
    *,
    file: int,
    out: int,
    given: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> Child:
    """A confined child on one open file.

    Args:
        module: its code: ``main(request)``, and ``load()`` that imports what it works with.
        request: a JSON object; ``file`` and ``out`` are added to it.
        out: where it writes its answer; the caller closes its own copy of both descriptors.
        given: what it reads on stdin.

    Raises OSError when no process can be started.
    """
    with os.fdopen(os.memfd_create("greenroom-request"), "w+b") as stdin:
        stdin.write(given)
        stdin.seek(0)
        variables = {"PYTHONPATH": str(_ROOT), "PYTHONUTF8": "1", **(environment or {})}
        if get_settings().media.files_a_nursery > 0:
            forked = _nursery(module, variables).fork(request, (file, out, stdin.fileno()))
            if forked is not None:
                return forked
        return subprocess.Popen(
            [sys.executable, "-s", "-P", "-m", module, json.dumps({**request, "file": file, "out": out})],
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(file, out),
            env=variables,
            cwd="/",
        )


@dataclass
class _Forked:
    """A child of a nursery, by a handle that stays its own."""

    handle: int | None

    def kill(self) -> None:
        if self.handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.handle, signal.SIGKILL)

    def wait(self) -> None:
        if self.handle is not None:
            os.close(self.handle)  # the nursery's kernel takes it away
            self.handle = None


@dataclass
class _Nursery:
    """One process's nursery for one kind of child; started at the first file, and anew after a number of files."""

    module: str
    environment: Mapping[str, str]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _process: subprocess.Popen[bytes] | None = None
    _socket: socket.socket | None = None
    _files: int = 0

    def fork(self, request: Mapping[str, Any], descriptors: tuple[int, ...]) -> _Forked | None:
        """None where there is no nursery to be had: the child is started from nothing then."""
        with self._lock:
            if self._files >= get_settings().media.files_a_nursery:
                self.close()
            try:
                ready = self._socket or self._open()
                self._files += 1
                socket.send_fds(ready, [json.dumps(request).encode()], list(descriptors))
                said, handles, _, _ = socket.recv_fds(ready, 64, 1)
            except OSError:
                said, handles = b"", []
            if not said:
                self.close()
                return None
            return _Forked(handles[0] if handles else None)

    def _open(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-P", "-m", "core.media.nursery", str(theirs.fileno()), self.module],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=dict(self.environment),
                cwd="/",
            )
        ours.settimeout(_READY_SECONDS)
        self._socket, self._files = ours, 0
        if ours.recv(64) != READY:
            raise ConnectionError("the nursery did not start")
        return ours

    def close(self) -> None:
        """Its children go on to their ends."""
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._socket, self._process, self._files = None, None, 0


_nurseries: dict[tuple[int, str], _Nursery] = {}
_lock = threading.Lock()


def _nursery(module: str, environment: Mapping[str, str]) -> _Nursery:
    key = (os.getpid(), module)  # a forked copy of this process has none yet
    with _lock:
        if key not in _nurseries:
            _nurseries[key] = _Nursery(module, environment)
            atexit.register(_nurseries[key].close)
        return _nurseries[key]

"""A process's nurseries, one for each kind of child: started when a file of our own comes, used, and replaced.

A nursery ends after a number of files (``GREENROOM_MEDIA_FILES_A_NURSERY``), after ``OLDEST_SECONDS``, when no file
comes, and with the process that asks it. Where none is to be had, or one does not answer, the child is started from
nothing, and for ``PAUSE_SECONDS`` no nursery is tried.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.media.nursery import READY
from core.settings import get_settings

ROOT = Path(__file__).resolve().parents[2]
OLDEST_SECONDS = 600.0
IDLE_SECONDS = 60.0
PAUSE_SECONDS = 60.0
_READY_SECONDS = 30.0
_FORK_SECONDS = 10.0
_GONE_SECONDS = 10.0


@dataclass
class Forked:
    """A child of a nursery, by a handle that stays its own."""

    handle: int | None

    def kill(self) -> None:
        if self.handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.handle, signal.SIGKILL)

    def wait(self) -> None:
        if self.handle is not None:
            ended = select.poll()
            ended.register(self.handle, select.POLLIN)
            ended.poll(_GONE_SECONDS * 1000)
            os.close(self.handle)
            self.handle = None


@dataclass
class Nursery:
    """One process's nursery for one kind of child."""

    module: str
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    _socket: socket.socket | None = None
    _files: int = 0
    _opened: float = 0.0
    _asked: float = 0.0
    _failed: float = -PAUSE_SECONDS
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fork(self, request: Mapping[str, Any], descriptors: Sequence[int]) -> Forked | None:
        """None where there is no nursery to be had: nobody has touched the descriptors then."""
        with self._lock:
            if self._is_spent():
                self.close()
            if time.monotonic() - self._failed < PAUSE_SECONDS:
                return None
            try:
                ready = self._socket or self._open()
                self._files, self._asked = self._files + 1, time.monotonic()
                socket.send_fds(ready, [json.dumps(request).encode()], list(descriptors))
                said, handles, _, _ = socket.recv_fds(ready, 64, 2)
            except OSError:
                said, handles = b"", []
            if not said or len(handles) != 2:
                for each in handles:
                    os.close(each)
                self.close()
                self._failed = time.monotonic()
                return None
            handle, go = handles
            with contextlib.suppress(BrokenPipeError):  # it was ended already
                os.write(go, b"1")
            os.close(go)
            return Forked(handle)

    def _is_spent(self) -> bool:
        now = time.monotonic()
        return (
            self._files >= get_settings().media.files_a_nursery
            or now - self._opened > OLDEST_SECONDS
            or now - self._asked > IDLE_SECONDS / 2  # it may be ending by itself
        )

    def _open(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket = ours
        program = ["-m", "core.media.nursery", str(theirs.fileno()), self.module, str(IDLE_SECONDS)]
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-s", "-P", *program],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=dict(self.environment),
                cwd="/",
            )
        ours.settimeout(_READY_SECONDS)
        if ours.recv(64) != READY:
            raise ConnectionError("the nursery did not start")
        ours.settimeout(_FORK_SECONDS)
        self._files, self._opened = 0, time.monotonic()
        return ours

    def close(self) -> None:
        """Its children go on to their ends."""
        if self._socket is not None:
            self._socket.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self._socket, self.process, self._files = None, None, 0


OPEN: dict[tuple[int, str], Nursery] = {}
_lock = threading.Lock()


def nursery_of(module: str, environment: Mapping[str, str]) -> Nursery:
    """This process's nursery for one kind of child."""
    key = (os.getpid(), module)  # a forked copy of this process has none yet
    with _lock:
        if key not in OPEN:
            OPEN[key] = Nursery(module, environment)
            atexit.register(OPEN[key].close)
        return OPEN[key]

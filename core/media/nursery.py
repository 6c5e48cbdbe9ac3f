"""A process that is ready to become a confined child: it has loaded one library, and forks once for each file.

Started by :mod:`core.media.nurseries` as ``python -m core.media.nursery SOCKET MODULE SECONDS``. Starting Python and
loading libav or the C2PA library is most of what a short reading costs; here that is done once.

What stays as it is: each file is read by a process of its own, that was made for it, gave up memory, network and
files before it sees the first byte, and ends with it. This process sees no byte of any file: it hands descriptors on.
What is less: children of one nursery have the same layout of memory, stack canary and hash seeds, so that who learned
them in one child could use them in the next. So only files of our own are read here (:mod:`core.media.own`).
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

LARGEST_REQUEST = 1 << 16
MOST_DESCRIPTORS = 16
READY, STARTED = b"ready", b"started"


def main(descriptor: int, name: str, idle_seconds: float) -> int:
    child: Any = import_module(name)
    child.load()
    gc.freeze()
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.SIG_IGN)  # it ends with whoever asks it: a worker that drains still reads
    with socket.socket(fileno=descriptor) as parent:
        parent.settimeout(idle_seconds)
        parent.send(READY)
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(parent, LARGEST_REQUEST, MOST_DESCRIPTORS)
            except TimeoutError:
                return 0  # no file comes: its memory is given back
            if not data:
                return 0  # whoever asked is gone
            if len(list(Path("/proc/self/task").iterdir())) != 1:
                return 1  # a fork copies one thread: the others' locks would stay locked
            _reap()
            _fork(child, parent, data, descriptors)
            for each in descriptors:
                os.close(each)


def _fork(child: Any, parent: socket.socket, data: bytes, descriptors: list[int]) -> None:
    """One child. It touches nothing until whoever asked has its handle and says so: who has none starts another for the
    same file, and two would write one answer."""
    go, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(tell)
        _become(child, parent, data, descriptors, go)
    os.close(go)
    # A handle on the child: its number could be another process's by the time that it is ended.
    handle = os.pidfd_open(pid)
    try:
        socket.send_fds(parent, [STARTED], [handle, tell])
    finally:
        os.close(handle)
        os.close(tell)


def _become(child: Any, parent: socket.socket, data: bytes, descriptors: list[int], go: int) -> None:
    """The forked child: it can reach its file, its pipe and nothing of the nursery."""
    code = 1
    try:
        parent.close()
        told = os.read(go, 1)
        os.close(go)
        if not told:
            return
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)
        file, out, given, *more = descriptors
        request = json.loads(data) | {"file": file, "out": out} | ({"more": more} if more else {})
        os.dup2(given, 0)
        os.close(given)
        code = child.main(json.dumps(request))
    finally:
        os._exit(code)


def _reap() -> None:
    """Take away the children that have ended; the last ones are taken with the nursery."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3])))

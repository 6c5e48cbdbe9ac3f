"""A process that is ready to become a confined child: it has loaded the libraries, and forks once for each file.

Started by :mod:`core.media.starting` as ``python -m core.media.nursery SOCKET MODULE``. Starting Python and loading
libav or the C2PA library is most of what a short reading costs; here that is done once.

What stays as it is: each file is read by a process of its own, that was made for it, gave up memory, network and
files before it sees the first byte, and ends with it. This process sees no byte of any file: it hands descriptors on.
What is less: children of one nursery have the same layout of memory, so that who learned it in one child could use it
in the next. So a nursery ends after a bounded number of files, and none is used unless the settings say so.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import socket
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

LARGEST_REQUEST = 1 << 16
READY, STARTED = b"ready", b"started"


def main(descriptor: int, name: str) -> int:
    child: Any = import_module(name)
    child.load()
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        return 1  # a fork copies one thread: the others' locks would stay locked
    gc.freeze()
    with socket.socket(fileno=descriptor) as parent:
        parent.send(READY)
        while True:
            data, descriptors, _, _ = socket.recv_fds(parent, LARGEST_REQUEST, 3)
            if not data:
                return 0  # whoever asked is gone
            pid = os.fork()
            if pid == 0:
                _become(child, parent, data, descriptors)
            # A handle on the child: its number could be another process's by the time that it is ended.
            handle = os.pidfd_open(pid)
            socket.send_fds(parent, [STARTED], [handle])
            for each in (handle, *descriptors):
                os.close(each)
            _reap()


def _become(child: Any, parent: socket.socket, data: bytes, descriptors: list[int]) -> None:
    """The forked child: it can reach its file, its pipe and nothing of the nursery."""
    code = 1
    try:
        parent.close()
        request = json.loads(data) | {"file": descriptors[0], "out": descriptors[1]}
        if len(descriptors) == 3:
            os.dup2(descriptors[2], 0)
        code = child.main(json.dumps(request))
    finally:
        os._exit(code)


def _reap() -> None:
    """Take away the children that have ended; the last ones are taken with the nursery."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2]))

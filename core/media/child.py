"""The confined child: the only process in which libav touches bytes that came from outside.

Started by :mod:`core.media.confined` as ``python -m core.media.child REQUEST``. It gets the file as an open
descriptor, so it needs no path, and writes messages to another descriptor. It imports av and numpy and nothing
of Greenroom beyond its own jobs, so that it starts in 0.15 s.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys

from core.media.walls import lock
from core.media.wire import Refused, Wire


def confine(memory_bytes: int, cpu_seconds: int, file_bytes: int = 0) -> None:
    """Give up what decoding does not need: memory, CPU time, files, core dumps, network.

    ``file_bytes``: how long a file that is open already may become by what is written; 0: nothing is written to files.
    """
    import ctypes
    import resource

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # the reader went away: die at once
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
        new_user, new_net = 0x10000000, 0x40000000
        if libc.unshare(new_net) != 0:
            # Without privileges a network namespace needs a user namespace; some hosts forbid that too.
            libc.unshare(new_user | new_net)


def load() -> None:
    """Import what the child works with: in a nursery, before it forks."""
    from core.media import child_jobs  # noqa: F401


def main(argument: str) -> int:
    request = json.loads(argument)
    confine(request["memory_bytes"], request["cpu_seconds"])
    wire = Wire(request["out"])
    try:
        from core.media import child_jobs  # after the limits: even the import is confined

        lock()
        child_jobs.JOBS[request["job"]](request, wire)
        wire.send(b"Z")
    except Refused as refusal:
        wire.send_json(b"E", {"code": refusal.code, **refusal.facts})
    except MemoryError:
        wire.send_json(b"E", {"code": "too_much_memory"})
    except Exception as error:
        # Not the text: it can quote the file. The class name is enough to find a defect of ours.
        wire.send_json(b"E", {"code": "unreadable", "error": type(error).__name__})
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1])
    os._exit(code)  # libav's own shutdown of a damaged file is not worth waiting for

"""A confined child for the tests of nurseries: it tells what it is and what it can reach."""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
import sys
import threading
import time
from pathlib import Path

from core.media.child import confine
from core.media.walls import lock

LOADED: list[int] = []


def load() -> None:
    LOADED.append(os.getpid())
    if "NURSERY_CHILD_THREAD" in os.environ:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


def main(argument: str) -> int:
    request = json.loads(argument)
    if request.get("crash"):
        os.abort()
    if request.get("hang"):
        time.sleep(60)
    given = sys.stdin.read()
    confine(request["memory_bytes"], 5)
    network = len(Path("/proc/self/net/dev").read_text().splitlines()) - 3  # beside the loopback
    walls = sorted(lock())
    with os.fdopen(os.dup(request["file"]), "rb") as file:
        content = file.read().decode()
    told = {
        "pid": os.getpid(),
        "loaded": LOADED,
        "content": content,
        "given": given,
        "open": [_kind(number) for number in range(1024) if _kind(number)],
        "files": _opens("/etc/hostname"),
        "network": network,
        "walls": walls,
        "signals": [signal.getsignal(each) == signal.SIG_DFL for each in (signal.SIGTERM, signal.SIGPIPE)],
        "limits": [
            resource.getrlimit(each)
            for each in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE)
        ],
    }
    os.write(request["out"], json.dumps(told).encode())
    return 0


def _kind(number: int) -> str:
    try:
        mode = os.fstat(number).st_mode
    except OSError:
        return ""
    kinds = {stat.S_ISSOCK: "socket", stat.S_ISREG: "file", stat.S_ISFIFO: "pipe", stat.S_ISCHR: "null"}
    return next((name for is_one, name in kinds.items() if is_one(mode)), "other")


def _opens(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError:
        return False
    return True


if __name__ == "__main__":
    os._exit(main(sys.argv[1]))

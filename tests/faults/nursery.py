"""``python -m tests.faults.nursery``: imports the product once, then forks the processes that a test asks for.

A line of JSON on stdin, ``{"role": "worker", "name": ..., "environment": {...}, "log": ...}``, is answered with the pid
of a new process in that role. It has what a started one has: nothing was connected, opened or configured before the
fork, and no thread ran. All of them end with this process, and this process with its parent.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any


def main() -> None:
    _die_with_parent()
    _import_everything()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are gone at once
    _answer("ready")
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _be(asked)
        _answer(pid)


def _answer(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def _import_everything() -> None:
    import celery.apps.worker
    import celery.bin.celery
    import celery.concurrency.solo
    import celery.worker.worker
    import kombu.transport.filesystem
    import kombu.transport.redis
    import psycopg
    import uvicorn

    import delivery.tasks
    import delivery.withdrawal
    import review_ui.app
    import tests.faults.points
    import tests.faults.roles
    import tests.kit.world
    from tests.kit import media

    media._plain()  # the clip that every recorded video is a variation of
    del celery, kombu, psycopg, uvicorn, delivery, review_ui, tests


def _be(asked: dict[str, Any]) -> None:
    code = 1
    try:
        _die_with_parent()
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        for name in [name for name in os.environ if name.startswith(("GREENROOM_", "AWS_"))]:
            del os.environ[name]
        os.environ.update(asked["environment"])
        from tests.faults.roles import run

        run(asked["role"], asked["name"], Path(asked["environment"]["GREENROOM_HOME"]))
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


if __name__ == "__main__":
    main()

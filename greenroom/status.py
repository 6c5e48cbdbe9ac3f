"""A process's sign of life: one small file, ``run/<name>.json`` in its home, that ``greenroom health NAME`` reads.

A file and no port: any number of workers run on a machine without one to choose, nothing listens that somebody
could reach, and it is written by the work itself (a pass of the loop, a beat of a stage), never by a thread of its own
that would go on while the work hangs. Times are of the machine's monotonic clock: a step of the wall clock is no
silence.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from core.errors import InputError
from core.settings import get_settings

IDLE_SECONDS = 30.0
"""A process with nothing to do gives a sign at least this often."""
_EVERY = 1.0  # seconds between two writes, unless something changed
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


@dataclass(frozen=True)
class Sign:
    """What a process says of itself. No field holds a secret or a person.

    Attributes:
        at: when, seconds of the monotonic clock.
        within: the next sign is due in this many seconds.
        doing: a word for what it has in hand, with the id of what it concerns; empty when idle.
        trouble: code of what keeps it from its work (the broker or the database is away); empty when nothing does.
    """

    name: str
    pid: int
    at: float
    within: float
    doing: str = ""
    trouble: str = ""


class Status:
    """The file of this process. ``name`` tells the processes of one home apart."""

    def __init__(self, name: str) -> None:
        self._path = status_file(name)
        self._sign = Sign(name, os.getpid(), 0.0, IDLE_SECONDS)

    def alive(self) -> None:
        """The work goes on. Cheap: the file is written at most once a second."""
        if time.monotonic() - self._sign.at > _EVERY:
            self._say()

    def doing(self, what: str = "", *, within: float = IDLE_SECONDS) -> None:
        """What is in hand from now on, and within how many seconds the next sign is due."""
        self._say(doing=what, within=within)

    def trouble(self, code: str = "") -> None:
        """What keeps this process from its work; empty: nothing any more."""
        if code != self._sign.trouble:
            self._say(trouble=code)
        else:
            self.alive()

    @property
    def busy(self) -> bool:
        return bool(self._sign.doing)

    @property
    def in_trouble(self) -> bool:
        return bool(self._sign.trouble)

    def _say(self, **changed: object) -> None:
        self._sign = Sign(**{**asdict(self._sign), **changed, "at": time.monotonic()})
        part = self._path.with_suffix(f".{os.getpid()}.part")
        with contextlib.suppress(OSError):  # a full disk must not end the work; silence is then the sign
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(asdict(self._sign)))
            part.replace(self._path)


@dataclass(frozen=True)
class Health:
    """What a process's file says, as of now.

    Attributes:
        alive: it runs and its work goes on; where not, only a restart helps.
        ready: and nothing keeps it from its work.
        code: ``ok``, or why not.
    """

    name: str
    alive: bool
    ready: bool
    code: str
    doing: str = ""
    pid: int | None = None


def health_of(name: str) -> Health:
    """The health of a process of this home, from its file."""
    try:
        sign = Sign(**json.loads(status_file(name).read_text()))
        silent = time.monotonic() - sign.at
        running = _runs(sign.pid)
    except (OSError, ValueError, TypeError):
        return Health(name, False, False, "not_running")
    if not running or silent < 0:  # from before the machine was started
        return Health(name, False, False, "not_running")
    if silent > sign.within:
        return Health(name, False, False, "hung" if sign.doing else "silent", sign.doing, sign.pid)
    return Health(name, True, not sign.trouble, sign.trouble or "ok", sign.doing, sign.pid)


def status_file(name: str) -> Path:
    """Where the process of that name says that it lives. Raises InputError for what is no name."""
    if not _NAME.fullmatch(name):
        raise InputError(
            "a process's name is a word of small letters, digits and '-'",
            where=name[:40],
            next_step="use one such as worker-1",
        )
    return get_settings().home / "run" / f"{name}.json"


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True  # another user's
    except (ProcessLookupError, OverflowError):
        return False
    return True

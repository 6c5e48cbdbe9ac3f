"""Verify or analyze one uploaded file in a process of its own, which ends with the answer.

The web process never opens a stranger's bytes: a file that hangs or crashes a parser ends its child alone, and the
models' memory goes with it. ``python -m review_ui.child verify|show|analyze PATH PARENT`` prints JSON documents, one a
line: ``{"part": name}`` as it comes to each part, and last the answer. With a further word, ``fetch``, the file is not
there yet: its address comes on standard input, where no list of processes shows it.

A check takes a core or two, so a few run at once and the others wait their turn: a machine that is busy is slow to
begin, and does not give up on a file for what its neighbours cost.
"""

from __future__ import annotations

import asyncio
import base64
import ctypes
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, Literal

from core.errors import GreenroomError, MediaError

Task = Literal["verify", "show", "analyze"]
"""``show``: verify, with what a page shows beside it: a picture of the file and its digest."""

SECONDS: dict[Task, float] = {"verify": 300.0, "show": 300.0, "analyze": 900.0}
"""That a check may take, from the moment its turn comes."""
_TELLS = 1.0  # seconds between two words on how many are before one
_LONGEST_LINE = 8_000_000

PICTURE_AT, PICTURE_WIDEST = 1.0, 360
_PR_SET_PDEATHSIG = 1


class Busy(GreenroomError):
    """Too many files wait to be checked."""

    code = "busy"
    http_status = 503
    retryable = True


class CheckFailed(GreenroomError):
    """The child did not answer."""

    code = "check_failed"


class _Line:
    """Who is checked now, and who waits: first come, first served."""

    def __init__(self, at_once: int, *, waiting: int = 8) -> None:
        self._at_once = at_once
        self.places = at_once + waiting
        self._tickets: list[asyncio.Event] = []

    def join(self) -> asyncio.Event:
        """A ticket, which is set when its turn comes. Raises Busy."""
        self.check_room()
        self._tickets.append(ticket := asyncio.Event())
        self._call()
        return ticket

    def check_room(self) -> None:
        """Raises Busy where there is no place."""
        if len(self._tickets) >= self.places:
            raise Busy(
                f"{len(self._tickets)} files are being checked or wait for it",
                next_step="try again in a few minutes",
            )

    def ahead(self, ticket: asyncio.Event) -> int:
        """How many files came before and are not done."""
        return self._tickets.index(ticket)

    def leave(self, ticket: asyncio.Event) -> None:
        self._tickets.remove(ticket)
        self._call()

    def _call(self) -> None:
        for ticket in self._tickets[: self._at_once]:
            ticket.set()


_VERIFY = _Line(max(1, (os.cpu_count() or 1) // 2))
_LINES: dict[Task, _Line] = {"verify": _VERIFY, "show": _VERIFY, "analyze": _Line(1, waiting=3)}


def places(task: Task) -> int:
    """How many files the task's line holds: those that are checked, and those that wait."""
    return _LINES[task].places


def check_room(task: Task) -> None:
    """Raises Busy where no further file finds a place in the task's line."""
    _LINES[task].check_room()


async def run_child(task: Task, path: Path, url: str = "") -> dict[str, Any]:
    """The task's document. Raises Busy, CheckFailed, or whatever error the child told of.

    Args:
        url: where the child fetches the file from first (:mod:`review_ui.fetching`); "" where it lies at the path.
    """
    async with aclosing(steps(task, path, url)) as told:
        *_, answer = [step async for step in told]
    return answer


async def steps(task: Task, path: Path, url: str = "") -> AsyncGenerator[dict[str, Any], None]:
    """What happens as it happens: ``{"ahead": n}`` each second while others are before it, ``{"part": name}``, and at
    the end the task's document. As :func:`run_child`."""
    line = _LINES[task]
    ticket = line.join()
    try:
        while not ticket.is_set():
            yield {"ahead": line.ahead(ticket)}
            with suppress(TimeoutError):
                await asyncio.wait_for(ticket.wait(), _TELLS)
        async with aclosing(_run(task, path, url)) as told:
            async for step in told:
                yield step
    finally:
        line.leave(ticket)


async def _run(task: Task, path: Path, url: str) -> AsyncGenerator[dict[str, Any], None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "review_ui.child", task, str(path), str(os.getpid()), *(["fetch"] if url else []),
        stdin=asyncio.subprocess.PIPE if url else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, limit=_LONGEST_LINE,
    )  # fmt: skip
    assert process.stdout is not None
    if process.stdin is not None:
        process.stdin.write(url.encode())  # shorter than what a pipe holds
        process.stdin.close()
    answer: dict[str, Any] | None = None
    ends = asyncio.get_running_loop().time() + SECONDS[task]
    try:
        while said := await asyncio.wait_for(
            process.stdout.readline(), max(0.0, ends - asyncio.get_running_loop().time())
        ):
            answer = json.loads(said)
            if not isinstance(answer, dict):
                raise ValueError("no document")
            if set(answer) == {"part"}:
                yield answer
                answer = None
    except TimeoutError as error:
        late = CheckFailed(
            f"this check took longer than {SECONDS[task] / 60:.0f} minutes and was given up",
            next_step="try again later; a shorter part of the video takes less time",
            code="check_timeout",
        )
        late.http_status = 503
        raise late from error
    except ValueError as error:
        raise _no_answer() from error
    finally:
        if process.returncode is None:  # it has said all that it had to say, or all that is waited for
            process.kill()
            await process.wait()
    if answer is None:
        raise _no_answer()
    if "error" in answer:
        told = answer["error"]
        problem = CheckFailed(told["what"], where=told["where"], next_step=told["next"], code=told["code"])
        problem.http_status = told["http_status"]
        raise problem
    yield answer


def _no_answer() -> CheckFailed:
    return CheckFailed("this file could not be checked", next_step="is it a complete video file?")


def main(task: Task, path: Path, url: str = "") -> None:
    """In the child."""
    from core.settings import get_settings
    from pipeline.analyze import analyze
    from pipeline.registry import DatabaseRegistry
    from provenance.verify import verify
    from review_ui.fetching import fetch

    answer: Any
    try:
        if url:
            _say({"part": "fetching"})
            fetch(url, path, most_bytes=get_settings().web.upload_max_bytes)
        if task == "analyze":
            answer = analyze(path)
        else:
            registry = DatabaseRegistry()
            answer = verify(path, registry=registry, progress=lambda part: _say({"part": part})).as_dict()
        if task == "show":
            answer |= _shown(path)
    except GreenroomError as error:
        answer = {"error": {**error.as_dict(), "http_status": error.http_status}}
    _say(answer)


def _shown(path: Path) -> dict[str, Any]:
    """``sha256`` of the file, and ``picture``: a small JPEG in base64, None of what has none."""
    from core.canonical import digest_file_once
    from core.media.still import still

    _say({"part": "picture"})
    try:
        jpeg = still(path, at=PICTURE_AT, widest=PICTURE_WIDEST)
    except MediaError:
        return {"sha256": digest_file_once(path), "picture": None}
    return {"sha256": digest_file_once(path), "picture": base64.b64encode(jpeg).decode()}


def _say(document: dict[str, Any]) -> None:
    print(json.dumps(document), flush=True)  # noqa: T201 - the answer


def _end_with(parent: int) -> None:
    """A web process that is killed stops no check by itself: the kernel does it for us (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was gone before we asked
        sys.exit(1)


if __name__ == "__main__":
    _end_with(int(sys.argv[3]))
    main(sys.argv[1], Path(sys.argv[2]), sys.stdin.read() if sys.argv[4:] == ["fetch"] else "")  # type: ignore[arg-type]

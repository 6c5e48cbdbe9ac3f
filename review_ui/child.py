"""Verify or analyze one uploaded file in a process of its own, which ends with the answer.

The web process never opens a stranger's bytes: a file that hangs or crashes a parser ends its child alone, and the
models' memory goes with it. ``python -m review_ui.child verify|analyze PATH`` prints one JSON document.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Literal

from core.errors import GreenroomError

Task = Literal["verify", "analyze"]

SECONDS = {"verify": 120.0, "analyze": 900.0}
_AT_ONCE = {"verify": asyncio.Semaphore(2), "analyze": asyncio.Semaphore(1)}
_MOST_WAITING = 8


class Busy(GreenroomError):
    """Too many files are being checked."""

    code = "busy"
    http_status = 503


class CheckFailed(GreenroomError):
    """The child did not answer."""

    code = "check_failed"


async def run_child(task: Task, path: Path) -> dict[str, Any]:
    """The task's document. Raises Busy, CheckFailed, or whatever error the child told of."""
    if len(_AT_ONCE[task]._waiters or ()) >= _MOST_WAITING:
        raise Busy("many files are being checked just now", next_step="try again in a minute")
    async with _AT_ONCE[task]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "review_ui.child", task, str(path),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            output, _ = await asyncio.wait_for(process.communicate(), SECONDS[task])
        except TimeoutError as error:
            raise CheckFailed(
                "checking this file took too long", next_step="send a shorter video", code="check_timeout"
            ) from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    try:
        answer = json.loads(output)
    except ValueError as error:
        raise CheckFailed(
            "this file could not be checked", next_step="is it a complete video file?"
        ) from error
    if "error" in answer:
        told = answer["error"]
        problem = CheckFailed(told["what"], where=told["where"], next_step=told["next"], code=told["code"])
        problem.http_status = told["http_status"]
        raise problem
    return dict(answer)


def main(task: str, path: Path) -> None:
    """In the child."""
    from pipeline.analyze import analyze
    from pipeline.registry import DatabaseRegistry
    from provenance.verify import verify

    try:
        registry = DatabaseRegistry()
        answer = analyze(path) if task == "analyze" else verify(path, registry=registry).as_dict()
    except GreenroomError as error:
        answer = {"error": {**error.as_dict(), "http_status": error.http_status}}
    print(json.dumps(answer))  # noqa: T201 - the answer


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

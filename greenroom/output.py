"""What a command answers, printed for people or as one JSON document."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from core.errors import GreenroomError


@dataclass(frozen=True)
class Answer:
    """A command's result.

    Attributes:
        document: what ``--json`` prints.
        text: what a person reads.
        yes: False when the answer is no; the exit code is then 1.
    """

    document: Any
    text: str
    yes: bool = True

    @property
    def exit_code(self) -> int:
        return 0 if self.yes else 1


def print_answer(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(answer.document, ensure_ascii=False))
    elif answer.text:
        print(answer.text)


def print_error(error: GreenroomError, *, as_json: bool) -> None:
    """The error on stderr for people; under --json also as the one document on stdout."""
    if as_json:
        print(json.dumps({"error": error.as_dict()}, ensure_ascii=False))
    print(f"greenroom: {error}", file=sys.stderr)


def seconds(t0: float | None, t1: float | None) -> str:
    """Where on the time axis, in brackets with a space before; nothing for what concerns the whole file."""
    if t0 is None:
        return ""
    return f" ({t0:.1f} s)" if t1 is None else f" ({t0:.1f}-{t1:.1f} s)"


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[float], None]]:
    """A bar on stderr; the block gets a function that takes a fraction in [0, 1]."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description:<34}"),
        BarColumn(30),
        TimeElapsedColumn(),
        console=console,
        transient=False,
    ) as progress:
        task = progress.add_task(label, total=1.0)
        yield lambda fraction: progress.update(task, completed=max(0.0, min(1.0, fraction)))
        progress.update(task, completed=1.0)

"""What was tried how often, read from the tests' marks: the table of docs/faults.md.

``@fault("kill -9 of the worker", "seal", "release")`` on a test: each of its cases makes this fault once (``each``: so
often) in each of these places (``on``: on these shapes alone). conftest.py counts the faults that a test made and holds
its marks to it.
``python -m tests.faults.table`` rewrites the page.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pytest

from tests.faults import installation

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
BEGIN, END = "<!-- the tests' own count: python -m tests.faults.table -->", "<!-- end -->"
SHAPES = {"files": "SQLite, files", "servers": "PostgreSQL, S3, Redis"}

fault = pytest.mark.fault


@dataclass(frozen=True)
class Fault:
    """One mark: how often each case makes this fault in each of these places."""

    what: str
    places: tuple[str, ...]
    each: int
    on: tuple[str, ...]

    @property
    def times(self) -> int:
        return self.each * len(self.places)


def marked(marks: Iterable[pytest.Mark]) -> Iterator[Fault]:
    for mark in marks:
        what, *places = mark.args
        yield Fault(what, tuple(places), mark.kwargs.get("each", 1), mark.kwargs.get("on", tuple(SHAPES)))


Counted = dict[tuple[str, str], dict[str, int]]
"""(fault, place) -> shape -> how often it is made."""


@cache
def counted(*, full: bool) -> Counted:
    """What every test of this folder says of itself, as `make test` runs it or as FULL=1 does."""
    rows: Counted = defaultdict(lambda: dict.fromkeys(SHAPES, 0))
    with patch.object(installation, "AGAIN", 3 if full else 1):
        for path in sorted(Path(__file__).parent.glob("test_*.py")):
            if path.stem == "test_table":
                continue
            module = _read(path)
            of_module = _list(getattr(module, "pytestmark", []))
            for name, test in inspect.getmembers(module, inspect.isfunction):
                if name.startswith("test_"):
                    _add(rows, [*of_module, *getattr(test, "pytestmark", [])])
    return dict(rows)


def _read(path: Path) -> ModuleType:
    """The module anew, whatever was imported before."""
    spec = importlib.util.spec_from_file_location(f"counted_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _add(rows: Counted, marks: list[pytest.Mark]) -> None:
    sets = {mark.args[0]: mark.args[1] for mark in marks if mark.name == "parametrize"}
    shapes = sets.pop("shape", list(SHAPES))
    cases = prod(len(values) for values in sets.values())
    made = [(fault, cases) for fault in marked(mark for mark in marks if mark.name == "fault")]
    for values in sets.values():
        for value in values:  # pytest.param may bring marks of its own
            own = [mark.mark for mark in getattr(value, "marks", ()) if mark.name == "fault"]
            made += [(fault, cases // len(values)) for fault in marked(own)]
    for one, times in made:
        for place in one.places:
            for shape in set(shapes) & set(one.on):
                rows[one.what, place][shape] += one.each * times


def _list(marks: Any) -> list[pytest.Mark]:
    return [getattr(mark, "mark", mark) for mark in (marks if isinstance(marks, list) else [marks])]


def table() -> str:
    """Markdown: places of one fault that were tried as often share a line."""
    lines: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    usual = counted(full=False)
    for (what, place), times in counted(full=True).items():
        lines[what, tuple(_cell(usual[what, place][shape], times[shape]) for shape in SHAPES)].append(place)
    head = ["fault", "where", *SHAPES.values()]
    body = [[what, ", ".join(places), *cells] for (what, cells), places in sorted(lines.items())]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *body])


def _cell(usual: int, full: int) -> str:
    if usual == full:
        return str(usual) if usual else ""
    return f"{usual} ({full})"


def page(text: str) -> str:
    """The page with the table as it is now."""
    pattern = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
    return pattern.sub(lambda _: f"{BEGIN}\n{table()}\n{END}", text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

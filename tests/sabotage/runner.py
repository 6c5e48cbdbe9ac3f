"""Runs sabotages: with each check switched off, the tests that are named for it must fail. One process for all.

``python -m tests.sabotage.runner [NAME ...]`` prints one JSON document. The named tests are first run as they are: a
test that fails without any sabotage proves nothing.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.sabotage.patching import ROOT, PatchFails, patched
from tests.sabotage.table import SABOTAGES, Sabotage

# A test that fails by one of these was broken by the patch, and did not notice the missing check.
NOT_A_CHECK = (NameError, SyntaxError, ImportError)


@dataclass
class Report:
    """What came of it.

    Attributes:
        uncaught: sabotages of which a named test passed, and which tests.
        broken: tests that fail without any sabotage, and patches that do not fit.
    """

    tried: int = 0
    caught: int = 0
    uncaught: dict[str, list[str]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Saboteur:
    """A pytest plugin that runs the collected tests once as they are, and then each sabotage's with its patch."""

    def __init__(self, sabotages: Sequence[Sabotage], deadline: float) -> None:
        self.sabotages, self.report = sabotages, Report()
        self._deadline, self._failure = time.monotonic() + deadline, None

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        both = [
            item for item in items if "[postgresql" in item.nodeid and "test_two_at_once" not in item.nodeid
        ]
        known = {item.nodeid for item in items}
        items[:] = [
            item
            for item in items
            if item not in both or item.nodeid.replace("[postgresql", "[sqlite") not in known
        ]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        began = time.monotonic()
        items: dict[str, list[pytest.Item]] = {}
        for item in session.items:
            items.setdefault(item.nodeid.partition("[")[0], []).append(item)
            items.setdefault(item.nodeid, []).append(item)
        sound = {id(item): self._passes(item) for item in session.items}
        self.report.broken += [item.nodeid for item in session.items if not sound[id(item)]]
        for sabotage in self.sabotages:
            if time.monotonic() > self._deadline:
                self.report.broken.append(f"no time was left for: {sabotage.name}")
                break
            self.report.tried += 1
            try:
                with patched(sabotage.patch):
                    passed = [
                        test
                        for test in sabotage.tests
                        if not self._fails(item for item in items.get(test, []) if sound[id(item)])
                    ]
            except PatchFails as error:
                passed = [str(error)]
            if passed:
                self.report.uncaught[sabotage.name] = passed
            else:
                self.report.caught += 1
        self.report.seconds = round(time.monotonic() - began, 1)
        return True

    def _fails(self, items: Iterable[pytest.Item]) -> bool:
        """One of a test's cases notices."""
        return any(not self._passes(item) for item in items)

    def _passes(self, item: pytest.Item) -> bool:
        item._initrequest()  # type: ignore[attr-defined]  # a test runs more than once, each time with fresh fixtures
        self._failure = None
        reports = runtestprotocol(item, nextitem=None, log=False)
        passed = all(report.passed for report in reports)
        return passed or isinstance(self._failure, NOT_A_CHECK)

    def pytest_exception_interact(self, call: Any) -> None:
        self._failure = call.excinfo.value


def run(sabotages: Sequence[Sabotage] = SABOTAGES, *, deadline: float = 3600.0) -> Report:
    """Run these in this process. A test that holds on both databases runs on SQLite, which a check that is off does not
    ask about; the locks are looked at where there are any (tests/trust/test_two_at_once.py).
    """
    saboteur = Saboteur(sabotages, deadline)
    tests = sorted({test for sabotage in sabotages for test in sabotage.tests})
    options = ["-q", "--no-header", "-p", "no:cacheprovider", "--rootdir", str(ROOT)]
    with redirect_stdout(sys.stderr):
        code = pytest.main([*options, *tests], plugins=[saboteur])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        saboteur.report.broken.append(f"the named tests could not be collected ({code.name})")
    return saboteur.report


def main(names: Sequence[str]) -> int:
    chosen = [sabotage for sabotage in SABOTAGES if not names or sabotage.name in names]
    report = run(chosen)
    sys.stdout.write(json.dumps(asdict(report)) + "\n")
    return int(report.caught != len(chosen) or bool(report.broken))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Would the tests notice? Each trust check of the table is switched off, and the tests named for it must fail.

``caught`` counts the sabotages of which every named test failed; one that is not caught fails the benchmark, and so
does a named test that fails as the code is. The table: tests/sabotage/table.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.harness import finish, inputs_digest, met, wilson
from tests.sabotage.table import SABOTAGES, Sabotage

GOAL = {"tried": ">= 40", "caught": f">= {len(SABOTAGES)}", "uncaught": "== 0", "broken": "== 0"}
ROOT = Path(__file__).parent.parent


def run() -> dict[str, Any]:
    """Every sabotage, in two processes: each changes its own code while it runs."""
    began = time.monotonic()
    reports = [_report(child) for child in [_start(SABOTAGES[part::2]) for part in (0, 1)]]
    tried, caught = (sum(report[key] for report in reports) for key in ("tried", "caught"))
    uncaught = {name: tests for report in reports for name, tests in report["uncaught"].items()}
    broken = [test for report in reports for test in report["broken"]]
    for name, tests in uncaught.items():
        print(f"NOT CAUGHT: {name}: {', '.join(tests)}", file=sys.stderr)
    for test in broken:
        print(f"broken without any sabotage: {test}", file=sys.stderr)
    by_step: dict[str, int] = {}
    for sabotage in SABOTAGES:
        by_step[sabotage.step] = by_step.get(sabotage.step, 0) + 1
    for step, count in by_step.items():
        print(f"  {step:8} {count} sabotages", file=sys.stderr)
    return {
        "tried": tried,
        "caught": caught,
        "uncaught": len(uncaught),
        "not_caught": sorted(uncaught),
        "broken": len(broken),
        "by_step": by_step,
        "seconds": round(time.monotonic() - began, 1),
        "n": tried,
        "interval": list(wilson(caught, tried)),
        "inputs_sha256": inputs_digest(sorted((ROOT / "tests" / "sabotage").glob("*.py"))),
    }


def _start(sabotages: tuple[Sabotage, ...]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.sabotage.runner", *(sabotage.name for sabotage in sabotages)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _report(child: subprocess.Popen[str]) -> dict[str, Any]:
    """What a child found. One that says nothing has tried nothing, and the goal is missed."""
    lines = child.communicate()[0].splitlines()
    if not lines:
        return {"tried": 0, "caught": 0, "uncaught": {}, "broken": [f"a run ended with {child.returncode}"]}
    report: dict[str, Any] = json.loads(lines[-1])
    return report


if __name__ == "__main__":
    document = finish(run(), GOAL)
    sys.exit(not all(met(document, GOAL).values()))

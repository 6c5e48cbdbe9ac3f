"""Would the tests notice? Each trust check of the table is switched off, and the tests named for it must fail.

``caught`` counts the sabotages of which every named test failed; one that is not caught fails the benchmark, and so
does a named test that fails as the code is. The table: tests/sabotage/table.py.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks.harness import finish, inputs_digest, met, wilson
from tests.sabotage.runner import run as run_sabotages
from tests.sabotage.table import SABOTAGES

GOAL = {"tried": ">= 40", "caught": f">= {len(SABOTAGES)}", "uncaught": "== 0", "broken": "== 0"}
ROOT = Path(__file__).parent.parent


def run() -> dict[str, Any]:
    """Every sabotage, in this process."""
    report = run_sabotages(deadline=540.0)
    for name, tests in report.uncaught.items():
        print(f"NOT CAUGHT: {name}: {', '.join(tests)}", file=sys.stderr)
    for test in report.broken:
        print(f"broken without any sabotage: {test}", file=sys.stderr)
    steps = sorted({sabotage.step for sabotage in SABOTAGES})
    by_step = {step: sum(sabotage.step == step for sabotage in SABOTAGES) for step in steps}
    for step, count in by_step.items():
        print(f"  step {step:8} {count} sabotages", file=sys.stderr)
    return {
        "tried": report.tried,
        "caught": report.caught,
        "uncaught": len(report.uncaught),
        "not_caught": sorted(report.uncaught),
        "broken": len(report.broken),
        "by_step": by_step,
        "seconds": report.seconds,
        "n": report.tried,
        "interval": list(wilson(report.caught, report.tried)),
        "inputs_sha256": inputs_digest(sorted((ROOT / "tests" / "sabotage").glob("*.py"))),
    }


if __name__ == "__main__":
    document = finish(run(), GOAL)
    sys.exit(not all(met(document, GOAL).values()))

"""The main job on this machine: realtime factor, memory of all processes, seconds from a clone to a released video.

Runs ``greenroom demo --once`` in a fresh home and watches the memory of the whole process tree. With ``FULL=1`` it
first clones the repository, installs into a fresh virtual environment and pulls the weights, from empty caches, as a
newcomer would.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.harness import finish, full, inputs_digest

GOAL = {"realtime_factor": "<= 4", "peak_rss_mb": "<= 4000", "clone_to_released_s": "<= 900"}
ROOT = Path(__file__).parent.parent


def run() -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="greenroom-bench-") as folder:
        work = Path(folder)
        began = time.monotonic()
        python, tree = Path(sys.executable), ROOT
        environment = {**os.environ, "GREENROOM_HOME": str(work / "home"), "GREENROOM_ENVIRONMENT": "demo"}
        if full():
            tree = work / "clone"
            # A newcomer has no packages and no weights in a cache.
            environment |= {"PIP_NO_CACHE_DIR": "1", "GREENROOM_WEIGHTS_DIR": str(work / "weights")}
            subprocess.run(["git", "clone", "--quiet", str(ROOT), str(tree)], check=True)
            subprocess.run(["make", "setup"], cwd=tree, env=environment, check=True, stdout=sys.stderr)
            python = tree / ".venv/bin/python"
        process = subprocess.Popen(
            [str(python), "-m", "greenroom.cli", "demo", "--once", "--json", "--out", str(work / "out")],
            cwd=tree,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        peak = _watch(process)
        output = process.stdout.read() if process.stdout else ""
        released = time.monotonic() - began
        report = json.loads(output)
    clean = next(render for render in report["renders"] if render["name"] == "clean")
    return {
        "realtime_factor": clean["realtime_factor"],
        "peak_rss_mb": round(peak),
        "stage_s": clean["stage_s"],
        # Without FULL=1 the virtual environment was there already: no claim about a clone is made.
        "clone_to_released_s": round(released, 1) if full() else None,
        "demo_s": round(released, 1),
        "good": report["good"],
        "n": 1,
        "interval": None,
        "inputs_sha256": inputs_digest([ROOT / "generate/presenter/sample.mp4"]),
    }


def _watch(process: subprocess.Popen[str]) -> float:
    """Peak resident memory of the process and all its children together, MB, sampled each .2 s."""
    peak = 0.0
    while process.poll() is None:
        total = 0.0
        try:
            parent = psutil.Process(process.pid)
            for one in [parent, *parent.children(recursive=True)]:
                total += one.memory_info().rss / 1e6
        except psutil.Error:
            continue
        peak = max(peak, total)
        time.sleep(0.2)
    return peak


if __name__ == "__main__":
    finish(run(), GOAL)

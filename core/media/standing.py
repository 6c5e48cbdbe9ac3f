"""Which walls stand around a confined child on this host (:mod:`core.media.walls`). Asked once a process, at its start.

A child is started for the question, as :mod:`core.media.child` is for a file: who locks itself cannot open it again.
"""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache
from pathlib import Path

WALLS = frozenset({"files", "calls"})
_SECONDS = 60.0
_LIMITS = (1_000_000_000, 30)  # bytes, CPU seconds


@lru_cache(maxsize=1)
def standing_walls() -> frozenset[str]:
    """Those of :data:`WALLS` that stand; none where the child gave no answer."""
    try:
        ran = subprocess.run(
            [sys.executable, "-s", "-P", "-m", "core.media.standing"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "PYTHONUTF8": "1"},
            cwd="/",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return frozenset()
    return WALLS & set(ran.stdout.decode(errors="replace").split())


def main() -> None:
    """In the child."""
    from core.media.child import confine
    from core.media.walls import lock

    confine(*_LIMITS)
    sys.stdout.write(" ".join(sorted(lock())))
    sys.stdout.flush()


if __name__ == "__main__":
    main()

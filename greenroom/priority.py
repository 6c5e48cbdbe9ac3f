"""A worker steps back for who is waited for: on a busy machine pages, links and the record go first.

Who is idle gives nothing away: where no web process wants the processor, a worker has all of it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

NICENESS = 10  # of 19: about a tenth of the processor where an ordinary process wants all of it


def step_back() -> None:
    """Lower the priority of this process and of what it will start; who was started lower stays there.

    Where the system shares the processor out by sessions first (Linux's autogroup) a leader lowers its session's
    share, too. Units and containers are shared out by their own weights: see deploy/. A system that refuses leaves it.
    """
    with contextlib.suppress(OSError):
        if os.nice(0) < NICENESS:
            os.nice(NICENESS - os.nice(0))
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(NICENESS), encoding="ascii")


__all__ = ["NICENESS", "step_back"]

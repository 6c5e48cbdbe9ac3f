"""From flags along the time axis to spans of seconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def runs(times: NDArray[np.float64], flags: NDArray[np.bool_], end: float) -> list[tuple[float, float]]:
    """(t0, t1) of each run of true flags; a run lasts until the next time, the last one until ``end``."""
    spans: list[tuple[float, float]] = []
    edges = np.append(times, max(end, float(times[-1]) if len(times) else 0.0))
    for i in np.flatnonzero(flags):
        t0, t1 = float(edges[i]), float(edges[i + 1])
        if spans and spans[-1][1] >= t0:
            spans[-1] = (spans[-1][0], t1)
        else:
            spans.append((t0, t1))
    return spans


def joined(spans: list[tuple[float, float]], gap: float) -> list[tuple[float, float]]:
    """The same spans, sorted, with gaps up to ``gap`` seconds closed."""
    out: list[tuple[float, float]] = []
    for t0, t1 in sorted(spans):
        if out and t0 - out[-1][1] <= gap:
            out[-1] = (out[-1][0], max(out[-1][1], t1))
        else:
            out.append((t0, t1))
    return out

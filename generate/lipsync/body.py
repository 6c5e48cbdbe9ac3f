"""Which frame of the reference the head is taken from: to and fro for ever, turning where the head is calm.

Forwards and backwards are both the person's own movement; at a turn only the speed changes sign, so a turn at a calm
moment is invisible, and there is no seam at any length.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.intp]


def longest_run(good: NDArray[np.bool_]) -> tuple[int, int]:
    """(start, stop) of the longest run of True; (0, 0) when there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    if not len(edges):
        return 0, 0
    starts, stops = edges[::2], edges[1::2]
    best = int(np.argmax(stops - starts))
    return int(starts[best]), int(stops[best])


def walk(run: tuple[int, int], motion: Array, count: int, fps: float) -> Index:
    """``count`` frame numbers inside ``run``.

    Args:
        run: (start, stop). motion: (n,) how fast the head moves in each frame of the reference. fps: frames a second.
    """
    start, stop = run
    length = stop - start
    near = max(1, min(int(1.2 * fps), length // 4))  # a turn may be this far from either end
    calm = np.convolve(np.pad(motion, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    low = start + int(np.argmin(calm[start : start + near]))
    high = stop - 1 - int(np.argmin(calm[stop - near : stop][::-1]))
    if high <= low:
        return np.full(count, low, dtype=np.intp)
    period = np.concatenate([np.arange(low, high), np.arange(high, low, -1)])
    return np.resize(period, count).astype(np.intp)

"""Which real mouth of the person is shown in each picture: unit selection by dynamic programming.

After Hunt and Black, "Unit selection in a concatenative speech synthesis system" (ICASSP 1996): a target cost (the
shape that speech asks for, the pose of the head it is put on, sharpness) and a joining cost (running on in the
reference's own order is free).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Weights of the gestures in the target cost: what the eye reads first. See shape.GESTURES for the order.
GESTURE_WEIGHTS = np.array([1.6, 1.0, 0.5, 0.5, 0.8, 0.6, 0.4, 0.9])
POSE_WEIGHT = 0.5  # for 4 degrees
SWITCH = 0.35
CANDIDATES = 32
_BLOCK = 500


def select(wanted: Array, pose: Array, own: Array, own_pose: Array, own_cost: Array) -> Index:
    """Rows of ``own``, one for each picture.

    Args:
        wanted: (n, g) gestures as z-scores. pose: (n, 3) yaw, pitch, log scale of the head in degrees (scale: 100 *
            log). own: (u, g), own_pose: (u, 3), own_cost: (u,) the same of the reference's usable frames, in the order
            of the reference; consecutive rows that are not consecutive frames have ``own_cost`` of their own.
    """
    chosen, cost = _candidates(wanted, pose, own, own_pose, own_cost)
    n, k = chosen.shape
    back = np.zeros((n, k), dtype=np.int16)
    total = cost[0].copy()
    shape = own * np.sqrt(GESTURE_WEIGHTS)
    for i in range(1, n):
        step = chosen[i][:, None] - chosen[i - 1][None, :]
        jump = SWITCH + 0.25 * np.minimum(_distance(shape[chosen[i]], shape[chosen[i - 1]]), 4.0)
        join = np.where(step == 1, 0.0, np.where(np.abs(step) <= 1, 0.12, jump))
        through = total[None, :] + join
        back[i] = through.argmin(axis=1)
        total = through[np.arange(k), back[i]] + cost[i]
    path = np.empty(n, dtype=np.intp)
    at = int(total.argmin())
    for i in range(n - 1, -1, -1):
        path[i] = chosen[i, at]
        at = int(back[i, at])
    return path


def _candidates(
    wanted: Array, pose: Array, own: Array, own_pose: Array, own_cost: Array
) -> tuple[Index, Array]:
    k = min(CANDIDATES, len(own))
    chosen = np.empty((len(wanted), k), dtype=np.intp)
    cost = np.empty((len(wanted), k))
    scale = np.sqrt(GESTURE_WEIGHTS)
    turn = np.sqrt(POSE_WEIGHT) / 4.0
    for start in range(0, len(wanted), _BLOCK):
        part = slice(start, start + _BLOCK)
        local = _distance(wanted[part] * scale, own * scale) ** 2
        local += _distance(pose[part] * turn, own_pose * turn) ** 2
        local += own_cost
        best = np.argpartition(local, k - 1, axis=1)[:, :k]
        chosen[part] = best
        cost[part] = np.take_along_axis(local, best, axis=1)
    return chosen, cost


def _distance(a: Array, b: Array) -> Array:
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T
    out: Array = np.sqrt(np.maximum(squared, 0))
    return out

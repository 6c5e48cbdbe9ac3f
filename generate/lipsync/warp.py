"""Smooth bending of pictures by point pairs: thin-plate splines on a coarse grid, then one remap.

Bookstein, "Principal warps: thin-plate splines and the decomposition of deformations" (PAMI 1989).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Image = NDArray[np.uint8]


def _kernel(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """r squared times log r squared of each pair, (a, b)."""
    d = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * (a @ b.T)
    np.maximum(d, np.float32(1e-9), out=d)
    return np.asarray(d * np.log(d), np.float32)


def backward_map(
    target: Array, source: Array, box: tuple[int, int, int, int], grid: float = 8.0
) -> NDArray[np.float32]:
    """(height, width, 2): for each pixel of the box, where it comes from.

    Args:
        target, source: (p, 2) the same points after and before the bending, in pixels of one frame.
        box: x, y, width, height in pixels. grid: pixels between computed points; the rest is interpolated.
    """
    x0, y0, width, height = box
    across, down = (max(4, round(side / grid) + 1) for side in (width, height))
    gx = x0 + np.linspace(0, width - 1, across)
    gy = y0 + np.linspace(0, height - 1, down)
    nodes = np.stack(np.meshgrid(gx, gy), axis=2).reshape(-1, 2)
    # Unit-sized coordinates keep the system well conditioned.
    middle, size = target.mean(axis=0), float(np.ptp(target, axis=0).max()) or 1.0
    t = ((target - middle) / size).astype(np.float32)
    g = ((nodes - middle) / size).astype(np.float32)
    n = len(t)
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = _kernel(t, t) + 1e-4 * np.eye(n)
    system[:n, n] = system[n, :n] = 1
    system[:n, n + 1 :] = t
    system[n + 1 :, :n] = t.T
    moved = np.zeros((n + 3, 2))
    moved[:n] = source - target
    weights = np.linalg.solve(system, moved).astype(np.float32)
    shift = _kernel(g, t) @ weights[:n] + weights[n] + g @ weights[n + 1 :]
    coarse = shift.reshape(down, across, 2).astype(np.float32)
    # Align the grid's corners with the box's corner pixels (cv2.resize aligns pixel areas instead). The shifts are
    # interpolated, not the positions: remap knows only 32 steps between two nodes.
    u = np.linspace(0, across - 1, width, dtype=np.float32)
    v = np.linspace(0, down - 1, height, dtype=np.float32)
    columns, rows = np.meshgrid(u, v)
    fine = np.asarray(cv2.remap(coarse, columns, rows, cv2.INTER_LINEAR), dtype=np.float32)
    fine[..., 0] += np.arange(x0, x0 + width, dtype=np.float32)
    fine[..., 1] += np.arange(y0, y0 + height, dtype=np.float32)[:, None]
    return fine


def bend(image: Image, where: NDArray[np.float32]) -> Image:
    """Resample ``image`` at ``where`` (h, w, 2), in its own pixel coordinates."""
    return np.asarray(
        cv2.remap(image, where[..., 0], where[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE),
        dtype=np.uint8,
    )

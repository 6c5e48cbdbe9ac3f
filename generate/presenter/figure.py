"""What the rig moves: the layers of one portrait and its landmarks; and the two tools to move pictures with."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from generate.presenter.wardrobe import smoothstep

Array = NDArray[np.float32]
Points = NDArray[np.float64]
Box = tuple[int, int, int, int]  # x0, y0, x1, y1 in frame pixels

GRID = 6  # frame pixels between the points where a field is solved


@dataclass(frozen=True)
class Figure:
    """Everything that the rig moves.

    Attributes:
        head: float32 (h, w, 4) BGR 0..255 and alpha 0..1 on a canvas of ``scale`` pixels a frame pixel.
        body: the same for the clothes. They hide the neck; ``front`` (h, w, 0..1) says where hair hides them.
        backdrop: float32 (H, W, 3), the frame's size.
        teeth: float32 like ``head``: upper teeth where they stand behind the closed lips.
        landmarks: (478, 3) of the face, frame pixels.
    """

    head: Array
    body: Array
    front: Array
    backdrop: Array
    teeth: Array
    landmarks: Points
    scale: float


def boxed(x0: float, y0: float, x1: float, y1: float) -> Box:
    """A box of whole grid steps on even pixels."""
    left, top = round(x0) // 2 * 2, round(y0) // 2 * 2
    return left, top, left + round(x1 - left) // GRID * GRID, top + round(y1 - top) // GRID * GRID


def thin_plate(controls: Points, values: Points, at: Points) -> Points:
    """Values at ``at`` (n, 2) of the thin-plate spline through ``controls`` (m, 2) with ``values`` (m, k)."""

    def kernel(a: Points, b: Points) -> Points:
        r2 = ((a[:, None] - b[None]) ** 2).sum(axis=2)
        return np.asarray(0.5 * r2 * np.log(r2 + 1e-9))

    count = len(controls)
    centre, size = controls.mean(axis=0), 100.0
    c, q = (controls - centre) / size, (at - centre) / size
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = kernel(c, c) + 1e-4 * np.eye(count)
    system[:count, count:] = np.hstack([np.ones((count, 1)), c])
    system[count:, :count] = system[:count, count:].T
    solved = np.linalg.solve(system, np.vstack([values, np.zeros((3, values.shape[1]))]))
    return np.asarray(kernel(q, c) @ solved[:count] + np.hstack([np.ones((len(q), 1)), q]) @ solved[count:])


def field(box: Box, scale: float, source: Points, target: Points) -> tuple[Array, Array]:
    """Canvas coordinates to read from, for each canvas pixel of ``box``: ``source`` points go to ``target``.

    Nothing moves at the box's border.
    """
    x0, y0, x1, y1 = box
    columns, rows = (x1 - x0) // GRID + 1, (y1 - y0) // GRID + 1
    gx, gy = np.meshgrid(np.linspace(x0, x1, columns), np.linspace(y0, y1, rows))
    shift = thin_plate(target, source - target, np.stack([gx.ravel(), gy.ravel()], axis=1))
    shift = shift.reshape(rows, columns, 2)
    to_x = np.minimum(gx - x0, x1 - gx) / (0.16 * (x1 - x0))
    to_y = np.minimum(gy - y0, y1 - gy) / (0.16 * (y1 - y0))
    shift *= smoothstep(np.minimum(to_x, to_y).astype(np.float32), 0, 1)[..., None]
    px, py = np.meshgrid(
        np.arange(round((x1 - x0) * scale), dtype=np.float32),
        np.arange(round((y1 - y0) * scale), dtype=np.float32),
    )
    step = GRID * scale
    fine = cv2.remap(
        shift.astype(np.float32), px / step, py / step, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return px + x0 * scale + fine[..., 0] * scale, py + y0 * scale + fine[..., 1] * scale


def below(box: Box, scale: float, line: Points) -> Array:
    """How far each canvas pixel of ``box`` lies below ``line`` (points by ascending x), frame pixels."""
    x0, y0, x1, y1 = box
    xs = x0 + np.arange(round((x1 - x0) * scale)) / scale
    ys = y0 + np.arange(round((y1 - y0) * scale)) / scale
    return np.asarray(ys[:, None] - np.interp(xs, line[:, 0], line[:, 1])[None], np.float32)


def axes(box: Box, scale: float) -> tuple[Array, Array]:
    """Frame x (1, w) and y (h, 1) of the canvas pixels of ``box``."""
    x0, y0, x1, y1 = box
    xs = x0 + np.arange(round((x1 - x0) * scale), dtype=np.float32) / scale
    ys = y0 + np.arange(round((y1 - y0) * scale), dtype=np.float32) / scale
    return np.asarray(xs[None], np.float32), np.asarray(ys[:, None], np.float32)


def window(box: Box, scale: float) -> tuple[slice, slice]:
    """The canvas rows and columns of ``box``."""
    x0, y0, x1, y1 = box
    return slice(round(y0 * scale), round(y1 * scale)), slice(round(x0 * scale), round(x1 * scale))

"""A face at its own scale and the windows of it that the network sees.

A face higher than ``FACE`` pixels is shrunk to that; a smaller one keeps its pixels. Training and measuring cut alike.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from detect.artifact.geometry import Image, Points, transform

FACE = 200.0  # pixels: the highest face in a crop
CANVAS = 256  # side of a crop
WINDOW = 160  # side of a window
MARGIN = 20.0  # pixels around the face that windows reach into


def native_crop(image: Image, landmarks: Points) -> tuple[Image, Points]:
    """(CANVAS, CANVAS, 3) BGR around the face, never enlarged or turned, and the landmarks (478, 2) in it."""
    points = np.asarray(landmarks[:, :2], np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = min(1.0, FACE / max(float(high[1] - low[1]), 1.0))
    # Cut first (whole pixels), then shrink: nothing far from the face is resampled.
    side = round(CANVAS / scale)
    x, y = (round(float(v)) for v in (low + high) / 2 - side / 2)
    height, width = image.shape[:2]
    left, top = max(0, -x), max(0, -y)
    right, bottom = max(0, x + side - width), max(0, y + side - height)
    part = image[max(0, y) : min(height, y + side), max(0, x) : min(width, x + side)]
    if left or top or right or bottom:
        part = np.asarray(cv2.copyMakeBorder(part, top, bottom, left, right, cv2.BORDER_REPLICATE), np.uint8)
    if side != CANVAS:
        part = np.asarray(cv2.resize(part, (CANVAS, CANVAS), interpolation=cv2.INTER_AREA), np.uint8)
    k = CANVAS / side
    matrix = np.array([[k, 0.0, -x * k], [0.0, k, -y * k]])
    return np.ascontiguousarray(part), transform(matrix, np.asarray(points, np.float32))


def face_height(points: Points) -> float:
    """Pixels from the highest to the lowest landmark."""
    return float(points[:, 1].max() - points[:, 1].min())


def reach(points: Points, side: int = CANVAS) -> NDArray[np.int64]:
    """((x0, x1), (y0, y1)): where the upper left corner of a window may lie so that it stays on the face."""
    low = points[:, :2].min(axis=0) - MARGIN
    high = points[:, :2].max(axis=0) + MARGIN - WINDOW
    middle = (low + high) / 2
    low, high = np.minimum(low, middle), np.maximum(high, middle)
    return np.asarray(np.clip(np.round(np.stack([low, high], axis=1)), 0, side - WINDOW), np.int64)


def windows(crop: Image, points: Points) -> NDArray[np.uint8]:
    """(6, WINDOW, WINDOW, 3): two columns and three rows over the face."""
    (x0, x1), (y0, y1) = reach(points, crop.shape[0])
    corners = [(x, y) for y in (y0, (y0 + y1) // 2, y1) for x in (x0, x1)]
    return np.stack([crop[y : y + WINDOW, x : x + WINDOW] for x, y in corners])

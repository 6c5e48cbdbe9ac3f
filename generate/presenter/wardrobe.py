"""What is painted, not composed: the studio backdrop, the plain sweater, and noise with a spectrum."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]


def noise(shape: tuple[int, int], sigma: float, rng: np.random.Generator, stretch: float = 1.0) -> Image:
    """Gaussian noise of unit variance, blurred to ``sigma`` pixels (``stretch`` times as much downwards)."""
    step = max(1, int(sigma / 3))  # coarse noise is made coarse: the spectrum is the same
    small = (-(-shape[0] // step) + 2, -(-shape[1] // step) + 2)
    field = rng.standard_normal(small).astype(np.float32)
    if sigma > 0:
        field = cv2.GaussianBlur(field, (0, 0), sigmaX=sigma / step, sigmaY=sigma / step * stretch)
    if step > 1:
        field = cv2.resize(field, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
    field = field[: shape[0], : shape[1]]
    field -= field.mean()
    return np.asarray(field / field.std(), np.float32)


def smoothstep(x: Image, low: float, high: float) -> Image:
    """0 below ``low``, 1 above ``high`` (or the reverse when low > high), smooth between."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def backdrop(width: int, height: int, rng: np.random.Generator) -> Image:
    """A seamless paper backdrop out of focus: warm grey-blue, a soft pool of light behind one shoulder. BGR 0..255."""
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    u, v = xx / width, yy / height
    pool = np.exp(-(((u - 0.63) / 0.38) ** 2 + ((v - 0.36) / 0.55) ** 2))
    fall = 1.0 - 0.30 * smoothstep(np.abs(u - 0.55), 0.15, 0.62) - 0.10 * smoothstep(v, 0.45, 1.0)
    light = (0.50 + 0.36 * pool) * fall
    mottle = 1.0 + 0.012 * noise((height, width), 90, rng) + 0.006 * noise((height, width), 30, rng)
    base = np.array([186.0, 176.0, 166.0], np.float32)  # BGR of the paper in full light
    return np.asarray(base * (light * mottle)[..., None] + np.array([6.0, 3.0, 0.0], np.float32), np.float32)


def sweater(
    size: tuple[int, int], scale: float, *, centre: float, neck: tuple[float, float], rng: np.random.Generator
) -> tuple[Image, Image]:
    """A fine-knit crew-neck sweater: BGR 0..255 and alpha 0..1, on a canvas of ``scale`` pixels a frame pixel.

    Args:
        size: width and height of the frame.
        centre: x of the neck's middle, frame pixels.
        neck: half width of the collar and y of its front, frame pixels.
        rng: draws the folds and the yarn.
    """
    width, height = size
    w, h = round(width * scale), round(height * scale)
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    x, y = xx / scale - centre, yy / scale
    half, front = neck
    ax = np.abs(x)
    # Outline: the collar hugs the neck, the trapezius slopes gently, the deltoid rounds off.
    side = front - 84.0
    slope = side + 0.34 * (ax - half) + 26.0 * smoothstep(ax, half + 10, half + 120)
    slope += np.maximum(ax - 285, 0) ** 2 / 170.0
    top = np.where(ax < half, -1e3, slope)
    # The collar's front: an ellipse between its two sides.
    t = np.clip(ax / half, 0, 1)
    rim = side + (front - side) * np.sqrt(1 - t**2)
    top = np.where(ax < half, rim, top)
    alpha = smoothstep(y - top, -0.8, 0.8)
    depth = y - top
    # Light from the upper left of the picture, wrap-around; folds run from the armpits and below the collar.
    form = (
        0.80 - 0.00075 * x - 0.30 * smoothstep(ax, 190, 400) - 0.16 * smoothstep(y, front + 10, height + 60)
    )
    form += 0.13 * np.exp(-(((depth - 20) / 26) ** 2)) * smoothstep(ax, half + 8, half + 90)
    folds = noise((h, w), 26 * scale, rng, 2.2) * 0.035 + noise((h, w), 9 * scale, rng, 3.0) * 0.012
    arm = np.exp(-((((ax - 262) - 0.10 * (y - 640)) / 15) ** 2)) * smoothstep(y, 640, 725)
    form = form * (1 + folds) - 0.16 * arm
    # The collar: a ribbed band, with a shadow under its lower edge and the neck's shadow inside.
    band = 20.0
    inner = np.hypot(x / (half + 1e-3), (y - side) / (front - side))
    outer = np.hypot(x / (half + band), (y - side) / (front - side + band))
    on_band = ((outer < 1) & (inner >= 1) & (y > side)) | ((ax < half + band) & (y <= side) & (ax >= half))
    angle = np.arctan2(y - side, x)
    rib = 0.035 * np.cos(angle * 150) * on_band
    edge = np.exp(-((((outer - 1) * (half + band) - 2) / 3.0) ** 2)) * (y > side - 4)
    form = (
        form
        + rib
        - 0.12 * edge
        + 0.05 * on_band * np.sin(np.clip((outer * (half + band) - half) / band, 0, 1) * 3.14)
    )
    knit = 0.022 * np.cos(2 * np.pi * x / 3.1) * np.cos(2 * np.pi * (y + 0.25 * x) / 4.2)
    form = form * (1 + knit * (1 - on_band)) + 0.014 * noise((h, w), 0.8 * scale, rng)
    base = np.array([104.0, 74.0, 50.0], np.float32)  # BGR: a muted petrol blue
    colour = base * np.clip(form, 0.12, 1.3)[..., None]
    return np.asarray(colour, np.float32), np.asarray(alpha, np.float32)

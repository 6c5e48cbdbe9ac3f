"""Black, frozen, repeated and jumping pictures, flashes. One small copy of a picture is kept."""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from core.media.models import Image

# Each cell is the mean of its pixels, so noise and codec grain average out. Measured on three clips at CRF 18-35, some
# with noise: frozen pictures move at most 1.4 levels in any cell, talking heads at least 1.8 (medians of 5 frames).
CELLS = (64, 36)
BLACK_LEVEL = (
    24.0  # the brightest cell of a black picture, of 255: video black is 0 after decoding, noise adds some
)
FLASH_STEP = 20.0  # cd/m2: ITU-R BT.1702-3, annex 1: a flash is a pair of opposing changes of at least this
FLASH_DARK = 160.0  # cd/m2: … of which the darker picture is below this
FLASH_AREA = 0.25  # … over at least a quarter of the picture
DISPLAY_WHITE = 200.0  # cd/m2 of a reference display
_GREY = np.array([0.0722, 0.7152, 0.2126], np.float32)  # BT.709 luma of B, G, R


@dataclass
class PictureTrace:
    """What was measured, one number a frame: 4 h at 30 a second are 10 MB.

    ``brightest`` is the brightest cell, ``moved`` the largest change of a cell's grey since the last frame (0 for a
    repeated picture, however small the mouth that should have moved), ``changed`` the mean change of all cells and
    colours; all in levels of 255. ``flashes`` are the moments at which a quarter of the picture turned lighter or
    darker.
    """

    times: array[float] = field(default_factory=lambda: array("d"))
    brightest: array[float] = field(default_factory=lambda: array("f"))
    moved: array[float] = field(default_factory=lambda: array("f"))
    changed: array[float] = field(default_factory=lambda: array("f"))
    flashes: array[float] = field(default_factory=lambda: array("d"))


class PictureMeter:
    """Sees each frame once and keeps one small copy of it."""

    def __init__(self) -> None:
        self.trace = PictureTrace()
        self._last: NDArray[np.float32] | None = None
        self._flash = _FlashCounter()

    def see(self, image: Image, time: float) -> None:
        cells = _cells(image)
        trace = self.trace
        trace.times.append(time)
        trace.brightest.append(float(cells.max()))
        if self._last is None:
            # The first picture has nothing to repeat.
            trace.moved.append(255.0)
            trace.changed.append(0.0)
        else:
            change = cells - self._last
            trace.moved.append(float(np.abs(change @ _GREY).max()))
            trace.changed.append(float(np.abs(change).mean()))
        self._last = cells
        if self._flash.see(cells @ _GREY):
            trace.flashes.append(time)


def _cells(image: Image) -> NDArray[np.float32]:
    """The picture as 64x36 means (36x64 for an upright one), float32 BGR."""
    across, down = CELLS if image.shape[1] >= image.shape[0] else CELLS[::-1]
    if min(image.shape[:2]) > 5 * CELLS[1]:
        # Four pixels of each small square are enough for a mean, at a quarter of the time.
        image = cv2.resize(image, (5 * across, 5 * down), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.resize(image, (across, down), interpolation=cv2.INTER_AREA), np.float32)


class _FlashCounter:
    """Opposing luminance changes over a quarter of the picture (ITU-R BT.1702-3, general flashes)."""

    def __init__(self) -> None:
        self._extreme: NDArray[np.float32] | None = None
        self._rising: NDArray[np.bool_] | None = None

    def see(self, grey: NDArray[np.float32]) -> bool:
        """True where, with this frame, a quarter of the picture turned against its last direction."""
        light = (DISPLAY_WHITE * (grey / 255.0) ** 2.2).astype(np.float32)
        if self._extreme is None or self._rising is None:
            self._extreme, self._rising = light, np.ones(light.shape, bool)
            return False
        step = light - self._extreme
        dark = np.minimum(light, self._extreme) < FLASH_DARK
        turned = np.where(self._rising, step <= -FLASH_STEP, step >= FLASH_STEP) & dark
        further = np.where(self._rising, step > 0, step < 0)
        down, up = turned & self._rising, turned & ~self._rising
        self._rising = self._rising ^ turned
        self._extreme = np.where(turned | further, light, self._extreme)
        return max(float(down.mean()), float(up.mean())) >= FLASH_AREA


def most_in_a_second(moments: NDArray[np.float64]) -> tuple[int, float]:
    """(the most moments within one second, where that second begins)."""
    window: deque[float] = deque()
    best, start = 0, 0.0
    for moment in moments:
        window.append(float(moment))
        while window[-1] - window[0] > 1.0:
            window.popleft()
        if len(window) > best:
            best, start = len(window), window[0]
    return best, start

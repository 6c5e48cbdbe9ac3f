"""The picture of every file here: a card that a machine can read back after any coding, and a clock in it.

In fractions of the displayed picture: four corners of known colours (so turns, mirrors and colours show), a flash
field in the upper middle, a counter of twelve blocks across the middle, a grey ramp in the lower middle. The card is
drawn as it is to be seen and then brought into the stored orientation; whoever reads the file must get it back.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

# BGR of each colour that is drawn.
PALETTE = np.array(
    [
        [30, 30, 30],  # 0 ground
        [40, 40, 200],  # 1 red, upper left
        [50, 180, 40],  # 2 green, upper right
        [200, 70, 40],  # 3 blue, lower left
        [40, 200, 210],  # 4 yellow, lower right
        [16, 16, 16],  # 5 bit 0, no flash
        [235, 235, 235],  # 6 bit 1, flash
        [50, 50, 50],  # 7 … ramp
        [90, 90, 90],
        [128, 128, 128],  # 9 mid grey
        [180, 180, 180],
        [225, 225, 225],
    ],
    np.uint8,
)
CORNERS = {"upper left": 1, "upper right": 2, "lower left": 3, "lower right": 4}
POINTS: dict[str, tuple[float, float]] = {  # where to sample, (x, y) in fractions
    "upper left": (0.10, 0.10),
    "upper right": (0.90, 0.10),
    "lower left": (0.10, 0.90),
    "lower right": (0.90, 0.90),
    "ramp 0": (0.30, 0.90),
    "ramp 1": (0.40, 0.90),
    "ramp 2": (0.50, 0.90),
    "ramp 3": (0.60, 0.90),
    "ramp 4": (0.70, 0.90),
}
FLASH = (0.50, 0.10)
BITS = 12  # ten of the counter, their parity, and one that is always 1


def card_colours() -> dict[str, tuple[int, int, int]]:
    """What is seen at each point, BGR."""
    number = {**CORNERS, **{f"ramp {i}": 7 + i for i in range(5)}}
    return {name: (int(c[0]), int(c[1]), int(c[2])) for name, i in number.items() for c in [PALETTE[i]]}


def _bits(counter: int) -> list[int]:
    bits = [counter >> i & 1 for i in range(10)]
    return [*bits, sum(bits) % 2, 1]


@lru_cache(maxsize=4)
def _ground(width: int, height: int) -> Image:
    card = np.zeros((height, width), np.uint8)
    x, y = _edges(width, height)
    card[: y(0.26), : x(0.24)] = 1
    card[: y(0.26), x(0.76) :] = 2
    card[y(0.76) :, : x(0.24)] = 3
    card[y(0.76) :, x(0.76) :] = 4
    for i in range(5):
        card[y(0.76) :, x(0.25 + i / 10) : x(0.35 + i / 10)] = 7 + i
    return card


def _edges(width: int, height: int):  # type: ignore[no-untyped-def]
    """Fractions to even pixels, so that subsampled colour has the same edges."""
    return (lambda u: round(u * width / 2) * 2), (lambda v: round(v * height / 2) * 2)


def draw(width: int, height: int, counter: int, flash: bool) -> Image:
    """The card as palette numbers, (height, width)."""
    card = _ground(width, height).copy()
    x, y = _edges(width, height)
    card[: y(0.26), x(0.26) : x(0.74)] = 6 if flash else 5
    for i, bit in enumerate(_bits(counter)):
        left, top = 0.05 + 0.15 * (i % 6), 0.30 + 0.21 * (i // 6)
        card[y(top) : y(top + 0.2), x(left) : x(left + 0.15)] = 6 if bit else 5
    return card


def _sample(image: Image, point: tuple[float, float], reach: float = 0.02) -> NDArray[np.float64]:
    height, width = image.shape[:2]
    u, v = point
    x0, x1 = int((u - reach) * width), max(int((u + reach) * width), int((u - reach) * width) + 1)
    y0, y1 = int((v - reach) * height), max(int((v + reach) * height), int((v - reach) * height) + 1)
    return np.asarray(image[y0:y1, x0:x1].reshape(-1, 3).mean(axis=0), np.float64)


def read_counter(image: Image) -> int | None:
    """The counter of a seen picture (BGR), or None where it cannot be read."""
    bits = []
    for i in range(BITS):
        value = _sample(image, (0.125 + 0.15 * (i % 6), 0.40 + 0.21 * (i // 6)), 0.03).mean()
        bits.append(int(value > 110))
    if bits[11] != 1 or sum(bits[:10]) % 2 != bits[10]:
        return None
    return sum(bit << i for i, bit in enumerate(bits[:10]))


def is_flash(image: Image) -> bool:
    return bool(_sample(image, FLASH, 0.05).mean() > 110)


def read_colours(image: Image) -> dict[str, tuple[float, float, float]]:
    """What is seen at each point, BGR."""
    found = {name: _sample(image, point) for name, point in POINTS.items()}
    return {name: (float(c[0]), float(c[1]), float(c[2])) for name, c in found.items()}


def stored(card: Image, rotation: int, mirror: bool) -> Image:
    """The stored picture that a player must turn ``rotation`` degrees clockwise (after mirroring it) to show the card.

    ``mirror``: the stored picture is flipped left to right first, then turned.
    """
    turned = np.rot90(card, rotation // 90)  # counterclockwise, as the player turns clockwise
    return np.ascontiguousarray(turned[:, ::-1] if mirror else turned)

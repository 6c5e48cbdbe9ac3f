"""The keyed tile: 64 x 64 chips, three eighths of them known (sync), the others carrying the coded id (data).

Three eighths are enough: where the data decode safely (14.7 standard deviations), the sync peak stands at
11, well over the 6 that noise reaches in a whole search.

Sync and data chips are mixed by a keyed permutation, so each sees the same picture. A chip is drawn as the
band-limited pulse of its Fourier series: no edges, no low frequencies (they show on skin and the detector's
whitening would throw them away).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from provenance.mark.code import CODED_BITS, check_key, codeword, key_stream

CHIPS = 64
SYNC_CHIPS = CHIPS * CHIPS * 3 // 8
DATA_CHIPS = CHIPS * CHIPS - SYNC_CHIPS
# One chip is this share of the short side: 4 px at 720p.
CHIPS_PER_SHORT_SIDE = 180
# No chip is smaller than this, px: a codec would throw it away.
MIN_CHIP = 2.0
# Below this frequency (cycles a chip) the pattern fades out.
LOW_CUT = 0.10

Floats = npt.NDArray[np.float32]


def chip_pixels(width: int, height: int) -> float:
    """Pixels of one chip in a frame of this size."""
    return max(MIN_CHIP, min(width, height) / CHIPS_PER_SHORT_SIDE)


@dataclass(frozen=True)
class Layout:
    """Where the key puts what. ``sync``: (64, 64) +1/-1 or 0; ``data_at``: flat chip indices (2560,);
    ``data_bit``: which coded bit each carries; ``data_sign``: its keyed sign."""

    sync: Floats
    data_at: npt.NDArray[np.intp]
    data_bit: npt.NDArray[np.intp]
    data_sign: Floats


@lru_cache(maxsize=16)
def layout(key: bytes) -> Layout:
    """The layout of a key. Depends on SHAKE-256 alone, so it never changes with a library's version."""
    total = CHIPS * CHIPS
    draws = np.frombuffer(key_stream(check_key(key), "places", total * 8), ">u8")
    places = np.argsort(draws, kind="stable")
    bits = np.unpackbits(np.frombuffer(key_stream(key, "signs", total // 8), np.uint8))
    signs = (1 - 2.0 * bits).astype(np.float32)
    sync = np.zeros(total, np.float32)
    sync[places[:SYNC_CHIPS]] = signs[:SYNC_CHIPS]
    return Layout(
        sync.reshape(CHIPS, CHIPS),
        places[SYNC_CHIPS:],
        np.arange(DATA_CHIPS) % CODED_BITS,
        signs[SYNC_CHIPS:],
    )


def data_chips(coded: Floats, key: bytes) -> Floats:
    """(64, 64) chips of the data part for (216,) coded values; 0 where sync chips are."""
    plan = layout(key)
    chips = np.zeros(CHIPS * CHIPS, np.float32)
    chips[plan.data_at] = coded[plan.data_bit] * plan.data_sign
    return chips.reshape(CHIPS, CHIPS)


def tile_chips(mark_id: int, key: bytes) -> Floats:
    """(64, 64) chips, +1 or -1, of the whole tile."""
    return layout(key).sync + data_chips(codeword(mark_id, key), key)


def shape_filter() -> Floats:
    """(64, 33) gain of the chip pulse on the tile's Fourier grid (``numpy.fft.rfft2`` order)."""
    vertical = np.fft.fftfreq(CHIPS)[:, None]
    horizontal = np.fft.rfftfreq(CHIPS)[None, :]
    radius = np.hypot(vertical, horizontal)
    gain: Floats = (1 - np.exp(-((radius / LOW_CUT) ** 2))).astype(np.float32)
    return gain


def draw(chips: Floats, pixels_per_chip: int) -> Floats:
    """The tile as a picture (64 * pixels_per_chip square), unit RMS for +1/-1 chips before shaping."""
    spectrum = np.fft.rfft2(chips) * shape_filter()
    # The Nyquist row and column would lose their symmetry in the larger grid.
    spectrum[CHIPS // 2, :] = 0
    spectrum[:, -1] = 0
    size = CHIPS * pixels_per_chip
    larger = np.zeros((size, size // 2 + 1), np.complex128)
    half = CHIPS // 2
    larger[:half, : half + 1] = spectrum[:half]
    larger[-half:, : half + 1] = spectrum[half:]
    picture: Floats = (np.fft.irfft2(larger, s=(size, size)) * pixels_per_chip**2).astype(np.float32)
    return picture

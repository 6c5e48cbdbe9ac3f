"""Signal work of the detector: whiten frames, fold them to one tile, find scale, shift and mirroring.

All of it happens at a working size whose short side is 360 px, so that a chip of an unscaled picture is
2 px wide (twice its highest frequency).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from scipy import fft

from provenance.mark.code import CODED_BITS
from provenance.mark.tile import CHIPS, chip_pixels, draw, layout, tile_chips

Floats = npt.NDArray[np.float32]
Spectrum = npt.NDArray[np.complex64]

WORK_SIDE = 360
MAX_WORK_LONG = 1600
PIXELS = 2  # a chip at scale 1, working px
SIDE = CHIPS * PIXELS
# Scales tried, relative to an unscaled picture; neighbours differ by less than half a chip over the frame.
STEP = 1.003
WIDEST = (0.58, 1.75)
SQUEEZES = (0.70, 1.42)


def work_size(width: int, height: int) -> tuple[int, int]:
    """Working width and height of a frame."""
    factor = WORK_SIDE / min(width, height)
    return min(round(width * factor), MAX_WORK_LONG), min(round(height * factor), MAX_WORK_LONG)


def nominal_scale(width: int, height: int) -> float:
    """Scale at which an unscaled picture of this size shows its chips; 1 from 360 px on."""
    return chip_pixels(width, height) * WORK_SIDE / min(width, height) / PIXELS


def whiten(image: npt.NDArray[np.uint8]) -> Floats:
    """Fine detail of the luma at working size, each place divided by its own activity, cut at 2.5.

    For a picture that is locally Gaussian this is the matched filter's weighting of a mark whose strength
    follows the texture.
    """
    size = work_size(image.shape[1], image.shape[0])
    luma = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    small = cv2.resize(
        luma, size, interpolation=cv2.INTER_AREA if size[0] <= luma.shape[1] else cv2.INTER_LINEAR
    )
    detail = small - cv2.GaussianBlur(small, (0, 0), 2.0)
    activity = cv2.sqrt(cv2.blur(detail * detail, (15, 15)) + 0.3)
    white: Floats = np.clip(detail / activity, -2.5, 2.5)
    return white


@dataclass(frozen=True)
class Geometry:
    """How the tile lies in the working picture: scale of x and y, mirrored, and the sync peak's strength."""

    sx: float
    sy: float
    mirrored: bool
    z: float
    dx: float = 0.0
    dy: float = 0.0


def fold(picture: Floats, sx: float, sy: float) -> Floats:
    """(128, 128): the picture, brought to scale 1, cut into tiles and summed."""
    height, width = picture.shape
    columns, rows = max(round(width / sx), 1), max(round(height / sy), 1)
    wide, high = -(-columns // SIDE) * SIDE, -(-rows // SIDE) * SIDE
    matrix = np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2]], np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    even = cv2.warpAffine(picture, matrix, (wide, high), flags=flags, borderMode=cv2.BORDER_CONSTANT)
    rows_summed = even.reshape(high // SIDE, SIDE, wide).sum(axis=0)
    total: Floats = rows_summed.reshape(SIDE, wide // SIDE, SIDE).sum(axis=1)
    return total


@lru_cache(maxsize=16)
def sync_spectrum(key: bytes) -> Spectrum:
    """Conjugate spectrum of the drawn sync half."""
    return _template(layout(key).sync)


@lru_cache(maxsize=16)
def tile_spectrum(mark_id: int, key: bytes) -> Spectrum:
    """Conjugate spectrum of the whole drawn tile of one id."""
    return _template(tile_chips(mark_id, key))


@lru_cache(maxsize=1)
def _pulse_spectrum() -> Spectrum:
    one = np.zeros((CHIPS, CHIPS), np.float32)
    one[0, 0] = 1
    return _template(one)


def _template(chips: Floats) -> Spectrum:
    spectrum = np.conj(fft.rfft2(draw(chips, PIXELS)))
    unit: Spectrum = (spectrum / np.sqrt(np.mean(np.abs(spectrum) ** 2))).astype(np.complex64)
    return unit


@lru_cache(maxsize=1)
def _in_band() -> npt.NDArray[np.bool_]:
    gain: npt.NDArray[np.float32] = np.abs(_pulse_spectrum()).astype(np.float32)
    band: npt.NDArray[np.bool_] = gain > np.float32(0.15) * gain.max()
    return band


@lru_cache(maxsize=1)
def _rings() -> npt.NDArray[np.intp]:
    """Ring number of each frequency of a folded tile: noise is levelled ring by ring."""
    vertical = np.abs(np.fft.fftfreq(SIDE, 1 / SIDE))[:, None]
    horizontal = np.fft.rfftfreq(SIDE, 1 / SIDE)[None, :]
    return (np.hypot(vertical, horizontal) / 4).astype(np.intp)


def level(folded: Floats) -> Spectrum:
    """Spectrum of a folded tile, band-limited, with equal power in each ring of frequencies."""
    spectrum = fft.rfft2(folded)
    power = np.abs(spectrum) ** 2
    rings, band = _rings(), _in_band()
    count = np.bincount(rings.ravel())
    mean = np.bincount(rings.ravel(), power.ravel()) / count
    levelled: Spectrum = (spectrum * band / np.sqrt(mean[rings] + 1e-12)).astype(np.complex64)
    return levelled


def surface(spectrum: Spectrum, template: Spectrum) -> Floats:
    """(128, 128) correlation at every shift, in standard deviations of all shifts."""
    values = fft.irfft2(spectrum * template, s=(SIDE, SIDE))
    deviation = float(np.sqrt(np.mean(values**2)))
    normal: Floats = (values / max(deviation, 1e-12)).astype(np.float32)
    return normal


def mirror(spectrum: Spectrum) -> Spectrum:
    """Spectrum of the left-right mirrored tile."""
    flipped: Spectrum = np.conj(np.roll(spectrum[::-1], 1, axis=0)).astype(np.complex64)
    return flipped


def sync_peak(picture: Floats, key: bytes, sx: float, sy: float) -> Geometry:
    """The best shift at one scale, of the picture and of its mirror image."""
    spectrum = level(fold(picture, sx, sy))
    best = Geometry(sx, sy, False, -1.0)
    for mirrored in (False, True):
        values = surface(mirror(spectrum) if mirrored else spectrum, sync_spectrum(key))
        at = int(values.argmax())
        if values.flat[at] > best.z:
            dy, dx = divmod(at, SIDE)
            best = Geometry(sx, sy, mirrored, float(values.flat[at]), dx, dy)
    return best


def scales(nominal: float) -> Iterable[tuple[float, float]]:
    """Scales of the full search: even zoom, and a squeeze of one side."""
    steps = int(np.log(WIDEST[1] / WIDEST[0]) / np.log(STEP))
    for index in range(steps + 1):
        scale = WIDEST[0] * STEP**index
        yield scale, scale
    steps = int(np.log(SQUEEZES[1] / SQUEEZES[0]) / np.log(STEP))
    for index in range(steps + 1):
        squeeze = SQUEEZES[0] * STEP**index
        yield nominal * squeeze, nominal
        yield nominal, nominal * squeeze


def refine(picture: Floats, key: bytes, start: Geometry) -> Geometry:
    """Climb to the best scale nearby, each axis on its own."""
    best = start
    for step in (0.0024, 0.0012, 0.0006):
        for ax, ay in ((1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1)):
            tried = sync_peak(picture, key, best.sx * (1 + ax * step), best.sy * (1 + ay * step))
            if tried.z > best.z:
                best = tried
    return best


def find(picture: Floats, key: bytes, nominal: float, *, everywhere: bool, keep: int = 2) -> list[Geometry]:
    """The strongest geometries, refined, best first.

    Args:
        everywhere: search all scales; else only the unscaled picture.
    """
    found = [sync_peak(picture, key, nominal, nominal)]
    if everywhere:
        found += [sync_peak(picture, key, sx, sy) for sx, sy in scales(nominal)]
    found.sort(key=lambda geometry: -geometry.z)
    refined: list[Geometry] = []
    for geometry in found:
        if any(abs(geometry.sx / r.sx - 1) < 0.01 and abs(geometry.sy / r.sy - 1) < 0.01 for r in refined):
            continue
        refined.append(refine(picture, key, geometry))
        if len(refined) == keep:
            break
    return sorted(refined, key=lambda geometry: -geometry.z)


def aligned(picture: Floats, geometry: Geometry) -> Spectrum:
    """Levelled spectrum of the folded picture, unmirrored."""
    spectrum = level(fold(picture, geometry.sx, geometry.sy))
    return mirror(spectrum) if geometry.mirrored else spectrum


def soft_bits(spectrum: Spectrum, geometry: Geometry, key: bytes) -> Floats:
    """(216,) soft values of the coded bits at this geometry."""
    values = fft.irfft2(spectrum * _pulse_spectrum(), s=(SIDE, SIDE))
    values = np.roll(values, (-round(geometry.dy), -round(geometry.dx)), axis=(0, 1))
    chips = values[::PIXELS, ::PIXELS].reshape(-1)
    plan = layout(key)
    soft = np.bincount(plan.data_bit, chips[plan.data_at] * plan.data_sign, minlength=CODED_BITS)
    return soft.astype(np.float32)


def tile_strength(spectrum: Spectrum, geometry: Geometry, mark_id: int, key: bytes) -> tuple[float, float]:
    """(correlation -1..1, z) of the whole tile at this geometry."""
    template = tile_spectrum(mark_id, key)
    values = fft.irfft2(spectrum * template, s=(SIDE, SIDE))
    value = float(values[round(geometry.dy) % SIDE, round(geometry.dx) % SIDE])
    deviation = float(np.sqrt(np.mean(values**2)))
    energy = np.sqrt(_energy(spectrum) * _energy(template))
    return value * SIDE * SIDE / max(energy, 1e-12), value / max(deviation, 1e-12)


def _energy(spectrum: Spectrum) -> float:
    """Sum of squares over the whole plane of a half spectrum, in Fourier units."""
    power = np.abs(spectrum.astype(np.complex128)) ** 2
    return float(2 * power.sum() - power[:, 0].sum() - power[:, -1].sum())

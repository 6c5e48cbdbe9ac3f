"""Signal work of the detector: whiten frames, fold them to one tile, find scale, shift and mirroring.

All of it happens at a working size whose short side is 360 px, so that a chip of an unscaled picture is
2 px wide (twice its highest frequency).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
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
STEP = 1.0045
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
    """Conjugate spectrum of the drawn sync part."""
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
    mean = np.bincount(rings.ravel(), power.ravel()) / np.maximum(np.bincount(rings.ravel()), 1)
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


class Picture:
    """An accumulated whitened picture, and its levelled tile at any scale.

    Args:
        keep: remember the tiles, 70 KB a scale, to search the same picture for several keys.
    """

    def __init__(self, white: Floats, *, keep: bool = False):
        self._white = white
        self._kept: dict[tuple[float, float], Spectrum] | None = {} if keep else None

    def tile(self, sx: float, sy: float) -> Spectrum:
        """Levelled spectrum of the tile at this scale."""
        if self._kept is None:
            return level(fold(self._white, sx, sy))
        if (sx, sy) not in self._kept:
            self._kept[sx, sy] = level(fold(self._white, sx, sy))
        return self._kept[sx, sy]


def sync_peak(picture: Picture, key: bytes, sx: float, sy: float) -> Geometry:
    """The best shift at one scale, of the picture and of its mirror image."""
    spectrum = picture.tile(sx, sy)
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


def refine(picture: Picture, key: bytes, start: Geometry) -> Geometry:
    """Climb to the best scale nearby, each axis on its own."""
    best = start
    for step in (0.0024, 0.0012, 0.0006):
        for ax, ay in ((1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1)):
            tried = sync_peak(picture, key, best.sx * (1 + ax * step), best.sy * (1 + ay * step))
            if tried.z > best.z:
                best = tried
    return best


def find(picture: Picture, key: bytes, nominal: float, *, everywhere: bool, keep: int = 2) -> list[Geometry]:
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


def aligned(picture: Picture, geometry: Geometry) -> Spectrum:
    """Levelled spectrum of the tile at this geometry: unmirrored, its first chip at the origin."""
    return shifted(picture.tile(geometry.sx, geometry.sy), geometry)


def shifted(spectrum: Spectrum, geometry: Geometry) -> Spectrum:
    """A tile's spectrum, unmirrored and moved so that its first chip is at the origin."""
    upright = mirror(spectrum) if geometry.mirrored else spectrum
    vertical = np.fft.fftfreq(SIDE)[:, None] * geometry.dy
    horizontal = np.fft.rfftfreq(SIDE)[None, :] * geometry.dx
    moved: Spectrum = (upright * np.exp(2j * np.pi * (vertical + horizontal))).astype(np.complex64)
    return moved


def settle(picture: Picture, key: bytes, geometry: Geometry) -> Geometry:
    """The same geometry with its shift to an eighth of a working pixel."""
    tile, template = picture.tile(geometry.sx, geometry.sy), sync_spectrum(key)
    best, strongest = geometry, -np.inf
    for reach in (0.5, 0.25, 0.125):
        around = [(best.dy + y * reach, best.dx + x * reach) for y in (-1, 0, 1) for x in (-1, 0, 1)]
        for dy, dx in around:
            tried = replace(geometry, dx=dx, dy=dy)
            value = _at_origin(shifted(tile, tried) * template)
            if value > strongest:
                best, strongest = tried, value
    return best


def soft_bits(tile: Spectrum, key: bytes) -> Floats:
    """(216,) soft values of the coded bits of an aligned tile."""
    values = fft.irfft2(tile * _pulse_spectrum(), s=(SIDE, SIDE))
    chips = values[::PIXELS, ::PIXELS].reshape(-1)
    plan = layout(key)
    soft = np.bincount(plan.data_bit, chips[plan.data_at] * plan.data_sign, minlength=CODED_BITS)
    return soft.astype(np.float32)


def tile_strength(tile: Spectrum, mark_id: int, key: bytes) -> tuple[float, float]:
    """(correlation -1..1, z) of an aligned tile with the whole tile of one id."""
    template = tile_spectrum(mark_id, key)
    values = fft.irfft2(tile * template, s=(SIDE, SIDE))
    deviation = float(np.sqrt(np.mean(values**2)))
    energy = float(np.sqrt(_energy(tile) * _energy(template)))
    return float(values[0, 0]) * SIDE * SIDE / max(energy, 1e-12), float(values[0, 0]) / max(deviation, 1e-12)


def _at_origin(spectrum: npt.NDArray[np.complex64]) -> float:
    """The inverse transform's first value, up to a constant."""
    real = spectrum.real
    return float(2 * real.sum() - real[:, 0].sum() - real[:, -1].sum())


def _energy(spectrum: Spectrum) -> float:
    """Sum of squares over the whole plane of a half spectrum, in Fourier units."""
    power = np.abs(spectrum.astype(np.complex128)) ** 2
    return float(2 * power.sum() - power[:, 0].sum() - power[:, -1].sum())

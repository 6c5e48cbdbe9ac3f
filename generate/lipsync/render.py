"""One picture: the body frame's lower face bent to the wanted shape, a real mouth bent to the same shape, joined.

Both layers are bent to one shape before they meet, so edges lie on edges. Their colours are made to agree by carrying
the difference along the seam inwards at three scales (a cheap membrane after Perez, Gangnet and Blake, "Poisson image
editing", SIGGRAPH 2003). Inside the lips nothing is ever mixed: teeth come from one frame only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.heartbeat import beat
from generate.lipsync.points import ANCHORS, JAW, LIPS_INNER, LIPS_OUTER, LOWER, PATCH
from generate.lipsync.warp import backward_map, bend

Array = NDArray[np.float64]
Image = NDArray[np.uint8]
Mask = NDArray[np.float32]

FEATHER = 0.05  # inter-eye distances
GRID = 0.06  # of the bending, inter-eye distances
MARGIN = 0.4  # of bent skin and backdrop around the lower face, inter-eye distances
_OUTLINE = np.concatenate([ANCHORS[np.isin(ANCHORS, [132, 361])], JAW])


@dataclass(frozen=True)
class Mouth:
    """A real mouth: a crop of the frame it was seen in, and that frame's points.

    Attributes:
        image: uint8 BGR. corner: x, y of the crop in its frame. points: (478, 2) pixels of the whole frame.
        share: weight of this mouth's skin where two are joined, 0..1.
    """

    image: Image
    corner: tuple[int, int]
    points: Array
    share: float


def draw(
    body: Image, points: Array, target: Array, *, scale: float, mouths: list[Mouth], sharpen: float
) -> Image:
    """The finished picture.

    Args:
        body: the frame that head and shoulders come from, uint8 BGR (H, W, 3); not changed.
        points: (478, 2) its points in pixels. target: (p, 2) where the LOWER points shall be.
        scale: pixels an inter-eye distance. mouths: one, or two at a join; the first one's teeth are shown.
        sharpen: strength of the unsharp mask on the patch, 0 for none.
    """
    beat()
    out = body.copy()
    box = _box(points, target, scale, body.shape)
    if box is None:
        return out
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    corner = np.array([x0, y0])
    final = points.copy()
    final[LOWER] = target

    ring = _ring(points, scale)
    where = backward_map(
        np.concatenate([target, points[ANCHORS], ring]),
        np.concatenate([points[LOWER], points[ANCHORS], ring]),
        (x0, y0, width, height),
        grid=GRID * scale,
    )
    hold = _hold(points, target, scale, corner, (height, width))
    rest = np.stack(
        np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)), axis=2
    )
    moved = (where - rest - corner.astype(np.float32)) * hold[..., None]
    out[y0:y1, x0:x1] = bend(body[y0:y1, x0:x1], rest + moved)

    around = _patch_box(final[PATCH], scale, (x0, y0, x1, y1))
    if around is not None:
        px, py, qx, qy = around
        out[py:qy, px:qx] = _with_mouth(
            out[py:qy, px:qx], final, around, scale=scale, mouths=mouths, sharpen=sharpen
        )
    return out


def _with_mouth(
    bent: Image,
    final: Array,
    box: tuple[int, int, int, int],
    *,
    scale: float,
    mouths: list[Mouth],
    sharpen: float,
) -> Image:
    """The box of the bent body with the mouths laid in."""
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    corner = np.array([x0, y0])
    patch = _patch(final[PATCH] - corner, scale, (height, width))
    lips = _filled(final[LIPS_OUTER] - corner, (height, width))
    fixed = np.concatenate([final[LOWER], final[ANCHORS]])
    layers = []
    for mouth in mouths:
        source = backward_map(
            fixed,
            np.concatenate([mouth.points[LOWER], mouth.points[ANCHORS]]),
            (x0, y0, width, height),
            grid=GRID * scale,
        )
        layer = bend(mouth.image, source - np.array(mouth.corner, np.float32))
        layers.append(layer.astype(np.float32) + _membrane(bent, layer, patch, lips, scale))
    joined = layers[0]
    if len(layers) > 1:
        skin = mouths[0].share * layers[0] + mouths[1].share * layers[1]
        inner = _filled(final[LIPS_INNER] - corner, (height, width))
        inner = cv2.GaussianBlur(inner, (0, 0), max(0.8, 0.012 * scale))[..., None]
        joined = inner * layers[0] + (1 - inner) * skin
    if sharpen > 0:
        joined = joined + sharpen * (joined - cv2.GaussianBlur(joined, (0, 0), max(0.8, 0.008 * scale)))
    mixed = bent + patch[..., None] * (joined - bent)
    return np.clip(mixed + 0.5, 0, 255).astype(np.uint8)


def _patch_box(
    outline: Array, scale: float, outer: tuple[int, int, int, int]
) -> tuple[int, int, int, int] | None:
    """Where the patch is not zero, inside ``outer``."""
    reach = 3 * FEATHER * scale + 2
    low, high = outline.min(axis=0) - reach, outline.max(axis=0) + reach
    x0, y0 = max(outer[0], int(low[0])), max(outer[1], int(low[1]))
    x1, y1 = min(outer[2], int(high[0]) + 1), min(outer[3], int(high[1]) + 1)
    return (x0, y0, x1, y1) if x1 - x0 > 8 and y1 - y0 > 8 else None


def _box(
    points: Array, target: Array, scale: float, shape: tuple[int, ...]
) -> tuple[int, int, int, int] | None:
    both = np.concatenate([points[LOWER], target, points[[2, 98, 327]]])
    low, high = both.min(axis=0) - MARGIN * scale, both.max(axis=0) + MARGIN * scale
    x0, y0 = (max(0, int(v)) for v in low)
    x1, y1 = min(shape[1], int(high[0]) + 1), min(shape[0], int(high[1]) + 1)
    return (x0, y0, x1, y1) if x1 - x0 > 8 and y1 - y0 > 8 else None


def _ring(points: Array, scale: float) -> Array:
    """Fixed points outside the jaw, where the neck and the backdrop must stand still."""
    outline = points[_OUTLINE]
    away = outline - points[2]
    away /= np.linalg.norm(away, axis=1, keepdims=True) + 1e-9
    ring: Array = outline + 0.3 * scale * away
    return ring


def _hold(points: Array, target: Array, scale: float, corner: Array, size: tuple[int, int]) -> Mask:
    """1 on the lower face, 0 at the edge of the box: nothing outside the box moves."""
    hull = cv2.convexHull(
        np.concatenate([points[LOWER], target, points[ANCHORS]]).astype(np.float32)
        - corner.astype(np.float32)
    )
    mask = _filled(hull[:, 0], size)
    width = max(3, int(0.24 * scale)) | 1
    mask = np.asarray(cv2.dilate(mask, np.ones((width, width), np.uint8)), np.float32)
    soft = np.asarray(cv2.blur(mask, (width, width)), np.float32)
    soft[0], soft[-1], soft[:, 0], soft[:, -1] = 0, 0, 0, 0
    return soft


def _patch(outline: Array, scale: float, size: tuple[int, int]) -> Mask:
    mask = _filled(outline, size)
    sigma = max(1.0, FEATHER * scale)
    inner = cv2.erode(mask, np.ones((int(sigma) * 2 + 1,) * 2, np.uint8))
    return np.asarray(cv2.GaussianBlur(inner, (0, 0), sigma), np.float32)


def _filled(outline: NDArray[Any], size: tuple[int, int]) -> Mask:
    mask = np.zeros(size, np.float32)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 1.0, shift=4)
    return mask


def _membrane(bent: Image, layer: Image, patch: Mask, lips: Mask, scale: float) -> NDArray[np.float32]:
    """What must be added to ``layer`` so that it meets ``bent`` along the seam, (h, w, 3)."""
    height, width = patch.shape
    small = (max(4, width // 4), max(4, height // 4))
    difference = cv2.resize(bent, small, interpolation=cv2.INTER_AREA).astype(np.float32)
    difference -= cv2.resize(layer, small, interpolation=cv2.INTER_AREA)
    edge = cv2.resize(patch, small, interpolation=cv2.INTER_AREA)
    seam = 4 * edge * (1 - edge) * (1 - cv2.resize(lips, small, interpolation=cv2.INTER_AREA))
    total = np.zeros_like(difference)
    for share in (0.6, 0.25, 0.1):  # from far to near; the nearer estimate wins where it has something to say
        sigma = max(0.8, share * scale / 4)
        weight = cv2.GaussianBlur(seam, (0, 0), sigma)
        value = cv2.GaussianBlur(difference * seam[..., None], (0, 0), sigma) / (weight[..., None] + 1e-4)
        trust = np.clip(weight / 0.1, 0, 1)[..., None] if share < 0.6 else 1.0
        total = total * (1 - trust) + value * trust
    return np.asarray(cv2.resize(total, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)

"""Forgeries made of one or two faces, at the pixels the face has: what the network learns from and is tried on.

``self_blend`` follows Shiohara and Yamasaki (CVPR 2022), written anew from the paper. ``paste`` puts another face's
mouth or whole face (or that of another second) through an affine warp. Learned are soft and hard alpha borders and
borders blended band by band; gradient-domain (Poisson) pastes are left out of training and stand for the engine that
nobody has seen yet.
"""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from detect.artifact.geometry import LIPS, LOWER_FACE, OVAL, Image, Points
from detect.training.blend import _change

Region = Literal["mouth", "lower", "face"]
REGIONS: dict[Region, tuple[int, ...]] = {"mouth": LIPS, "lower": LOWER_FACE, "face": OVAL}


def self_blend(image: Image, points: Points, rng: np.random.Generator) -> Image:
    """The face blended back onto itself after a small change of colour, sharpness and place."""
    region: Region = rng.choice(np.array(["mouth", "lower", "face"]), p=[0.4, 0.3, 0.3])
    changed = _change(image, rng)
    inside, outside = (changed, image) if rng.random() < 0.5 else (image, changed)
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D(
        (width / 2, height / 2), float(rng.uniform(-1.5, 1.5)), float(rng.uniform(0.98, 1.02))
    )
    turn[:, 2] += rng.uniform(-2.5, 2.5, 2)
    inside = np.asarray(
        cv2.warpAffine(inside, turn, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8
    )
    return blended(
        outside, inside, mask(image.shape, points, region, rng) * rng.choice([0.5, 0.75, 1.0, 1.0])
    )


def paste(
    image: Image,
    points: Points,
    donor: Image,
    donor_points: Points,
    region: Region,
    *,
    rng: np.random.Generator,
    poisson: bool = False,
    bands: bool = False,
) -> Image:
    """``donor``'s region warped onto ``image``'s face, its colours brought near; ``bands``: coarse bands mix wider."""
    where = list(REGIONS[region]) if region != "mouth" else [*LIPS, *LOWER_FACE]
    warp, *_ = np.linalg.lstsq(
        np.c_[donor_points[where], np.ones(len(where))], points[where].astype(np.float64), rcond=None
    )
    height, width = image.shape[:2]
    moved: Any = cv2.warpAffine(
        donor, warp.T, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    cover = mask(image.shape, points, region, rng, hard=poisson)
    inside = cover[..., 0] > 0.5
    if inside.sum() < 30:
        return image
    if poisson:
        solid = inside.astype(np.uint8) * 255
        solid[:2], solid[-2:], solid[:, :2], solid[:, -2:] = 0, 0, 0, 0
        x, y, w, h = cv2.boundingRect(solid)
        clone = cv2.seamlessClone(moved, image, solid, (x + w // 2, y + h // 2), cv2.NORMAL_CLONE)
        return np.asarray(clone, np.uint8)
    matched = moved.astype(np.float32)
    own, other = image[inside].astype(np.float32), matched[inside]
    if rng.random() < 0.8:
        gain = np.clip(own.std(axis=0) / (other.std(axis=0) + 1), 0.6, 1.6)
        matched = (matched - other.mean(axis=0)) * gain + own.mean(axis=0)
    mix = by_bands if bands else blended
    return mix(image, np.asarray(np.clip(matched, 0, 255), np.uint8), cover)


def by_bands(outside: Image, inside: Image, cover: NDArray[np.float32]) -> Image:
    """:func:`blended`, each band of a Laplacian pyramid by itself (Burt and Adelson, 1983): no seam of colour."""
    levels = 4
    at: list[Any] = [outside.astype(np.float32), inside.astype(np.float32), cover[..., 0]]
    mixed = []
    for level in range(levels):
        small = [cv2.pyrDown(a) for a in at] if level < levels - 1 else []
        below = [cv2.pyrUp(s, dstsize=a.shape[1::-1]) for a, s in zip(at, small, strict=False)]
        own, other = (a - b for a, b in zip(at[:2], below[:2], strict=True)) if small else at[:2]
        mixed.append(own + (other - own) * at[2][..., None])
        at = small
    out = mixed[-1]
    for band in reversed(mixed[:-1]):
        out = cv2.pyrUp(out, dstsize=band.shape[1::-1]) + band
    return np.asarray(np.clip(out + 0.5, 0, 255), np.uint8)


def blended(outside: Image, inside: Image, cover: NDArray[np.float32]) -> Image:
    """``inside`` over ``outside`` by ``cover`` (H, W, 1) in 0..1."""
    out = outside.astype(np.float32)
    out += (inside.astype(np.float32) - out) * cover
    return np.asarray(np.clip(out + 0.5, 0, 255), np.uint8)


def mask(
    shape: tuple[int, ...], points: Points, region: Region, rng: np.random.Generator, *, hard: bool = False
) -> NDArray[np.float32]:
    """(H, W, 1) in 0..1: the region's hull, grown, deformed, with a border of 1 to 7 pixels."""
    corners = points[list(REGIONS[region]), :2]
    centre = corners.mean(axis=0)
    grow = rng.uniform(1.3, 2.2) if region == "mouth" else rng.uniform(0.8, 1.05)
    extent = float(np.ptp(points[:, 1]))
    corners = (corners - centre) * grow + centre + rng.normal(size=corners.shape) * 0.01 * extent
    out = np.zeros(shape[:2], np.float32)
    cv2.fillConvexPoly(out, np.round(cv2.convexHull(corners.astype(np.float32))).astype(np.int32), 1.0)
    if hard:
        return np.asarray(out[..., None], np.float32)
    out = np.asarray(cv2.GaussianBlur(out, (0, 0), float(rng.uniform(1.0, 7.0)) / 2), np.float32)
    if rng.random() < 0.4:  # eroded: the softened border moves inwards
        out = np.clip((out - 0.35) / 0.65, 0, 1)
    return np.asarray(out[..., None], np.float32)

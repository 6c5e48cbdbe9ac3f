"""Self-blended faces: forgeries made of one real face, so that a detector learns blending and nothing else.

After Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images" (CVPR 2022), written anew from the
paper: a face is changed a little in colour, sharpness and place, and blended back onto itself through a soft,
deformed mask of the face, its lower half or its mouth. The last two stand for lip-sync pastes.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from detect.artifact.geometry import LIPS, LOWER_FACE, OVAL, Image, Points, eye_distance


def self_blend(image: Image, landmarks: Points, rng: np.random.Generator) -> Image:
    """A self-blended copy of ``image`` (H, W, 3) BGR with landmarks (478, >=2) in pixels."""
    d = eye_distance(landmarks)
    changed_is_inside = rng.random() < 0.5
    changed = _change(image, rng)
    inside, outside = (changed, image) if changed_is_inside else (image, changed)
    inside = _move(inside, d, rng)
    mask = _mask(image.shape, landmarks, d, rng) * rng.choice([0.5, 0.75, 1.0, 1.0, 1.0])
    blended = outside.astype(np.float32) * (1 - mask) + inside.astype(np.float32) * mask
    if not changed_is_inside:
        # What lies far from the face keeps its own colours, or the whole picture would give it away.
        near = _disc(image.shape, landmarks, d)
        blended = image.astype(np.float32) * (1 - near) + blended * near
    return np.asarray(np.clip(blended + 0.5, 0, 255), np.uint8)


def _change(image: Image, rng: np.random.Generator) -> Image:
    out = image.astype(np.float32)
    while True:
        did = 0
        if rng.random() < 0.5:
            out = out + rng.uniform(-12, 12, 3).astype(np.float32)
            did += 1
        if rng.random() < 0.5:
            out = (out - 128) * rng.uniform(0.88, 1.12) + 128 + rng.uniform(-12, 12)
            did += 1
        if rng.random() < 0.6:
            k = rng.uniform(0.35, 0.85)
            small = cv2.resize(out, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
            out = cv2.resize(small, image.shape[1::-1], interpolation=int(rng.choice([1, 2])))
            did += 1
        elif rng.random() < 0.5:
            soft = cv2.GaussianBlur(out, (0, 0), 1.2)
            out = out + (out - soft) * rng.uniform(0.5, 1.5)
            did += 1
        if did:
            return np.asarray(np.clip(out, 0, 255), np.uint8)


def _move(image: Image, d: float, rng: np.random.Generator) -> Image:
    height, width = image.shape[:2]
    scale = rng.uniform(0.97, 1.03)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.uniform(-1.5, 1.5)), float(scale))
    matrix[:, 2] += rng.uniform(-0.03, 0.03, 2) * d
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)


def _mask(
    shape: tuple[int, ...], landmarks: Points, d: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    which = rng.choice(3, p=[0.4, 0.35, 0.25])
    points = landmarks[list((OVAL, LOWER_FACE, LIPS)[which]), :2]
    centre = points.mean(axis=0)
    grow = rng.uniform(1.3, 2.2) if which == 2 else rng.uniform(0.8, 1.05)
    points = (points - centre) * grow + centre + rng.normal(size=points.shape) * 0.02 * d
    mask = np.zeros(shape[:2], np.float32)
    hull = cv2.convexHull(points.astype(np.float32))
    cv2.fillPoly(mask, [np.round(hull).astype(np.int32)], 1.0)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.01, 0.10)) * d), np.float32)
    if rng.random() < 0.4:
        # Eroded: the softened border moves inwards.
        mask = np.clip((mask - 0.35) / 0.65, 0, 1)
    return np.asarray(mask[..., None], np.float32)


def _disc(shape: tuple[int, ...], landmarks: Points, d: float) -> NDArray[np.float32]:
    mask = np.zeros(shape[:2], np.float32)
    x, y = landmarks[1, :2]
    cv2.ellipse(mask, (int(x), int(y)), (int(1.5 * d), int(2.0 * d)), 0, 0, 360, 1.0, -1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.2 * d)[..., None], np.float32)

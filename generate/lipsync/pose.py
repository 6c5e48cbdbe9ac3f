"""Head pose from the points that speech does not move, and the face as it would be without it.

Umeyama, "Least-squares estimation of transformation parameters between two point patterns" (PAMI 1991).
Canonical coordinates: the person's mean stable points, centred between the outer eye corners, in units of the
distance between those (the inter-eye distance), x to the right, y down, z away from the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from generate.lipsync.points import EYE_CORNERS, STABLE

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Poses:
    """One similarity a frame: pixels = scale * (canonical @ rotation.T) + shift.

    Attributes:
        scale (n,): pixels an inter-eye distance. rotation (n, 3, 3). shift (n, 3): pixels.
    """

    scale: Array
    rotation: Array
    shift: Array

    def to_canonical(self, points: Array) -> Array:
        """(n, p, 3) pixels -> (n, p, 3) canonical."""
        centred = (points - self.shift[:, None]) / self.scale[:, None, None]
        turned: Array = np.einsum("nij,npi->npj", self.rotation, centred)
        return turned

    def to_pixels(self, points: Array, frame: int) -> Array:
        """(p, 3) canonical -> (p, 2) pixels in frame ``frame``."""
        turned: Array = self.scale[frame] * points @ self.rotation[frame].T + self.shift[frame]
        return turned[:, :2]

    def angles(self) -> Array:
        """(n, 3) yaw, pitch, roll in degrees, relative to the canonical face."""
        r = self.rotation
        yaw = np.arctan2(r[:, 0, 2], r[:, 2, 2])
        pitch = np.arcsin(np.clip(-r[:, 1, 2], -1, 1))
        roll = np.arctan2(r[:, 1, 0], r[:, 1, 1])
        degrees: Array = np.degrees(np.stack([yaw, pitch, roll], axis=1))
        return degrees

    def pick(self, index: NDArray[np.intp]) -> Poses:
        return Poses(self.scale[index], self.rotation[index], self.shift[index])


def smoothed(landmarks: NDArray[np.float32], window: int = 5) -> Array:
    """Savitzky-Golay of order 2 over time: takes the mesh's jitter, keeps a closure of one frame. NaN stay NaN."""
    lost = np.isnan(landmarks[:, 0, 0])
    points = landmarks.astype(np.float64)
    if lost.all() or len(points) < window:
        return points
    known = np.flatnonzero(~lost)
    if lost.any():
        nearest = known[np.clip(np.searchsorted(known, np.arange(len(points))), 0, len(known) - 1)]
        points = points[nearest]
    smooth: Array = savgol_filter(points, window, 2, axis=0, mode="nearest")
    smooth[lost] = np.nan
    return smooth


def canonical_stable(points: Array) -> Array:
    """The person's stable points (s, 3) in canonical coordinates: the generalised Procrustes mean.

    Args:
        points: (n, 478, 3) pixels, no NaN.
    """
    some = points[:: max(1, len(points) // 300), STABLE]
    spread = some[:, :, 0].max(axis=1) - some[:, :, 0].min(axis=1)
    mean = some[int(np.argmax(spread))]  # the widest is the most frontal
    for _ in range(3):
        scale, rotation, shift = _fit(mean, some)
        back = np.einsum("nij,npi->npj", rotation, (some - shift[:, None]) / scale[:, None, None])
        mean = np.median(back, axis=0)
    left, right = (int(np.flatnonzero(corner == STABLE)[0]) for corner in EYE_CORNERS)
    across = mean[right] - mean[left]
    mean = mean - (mean[left] + mean[right]) / 2
    # Turn the mean face to the camera: eyes on the x axis, the head's symmetric points at equal depth.
    mean = mean / np.linalg.norm(across)
    upright: Array = mean @ _frontal(mean, mean[right] - mean[left])
    return upright


def _frontal(mean: Array, across: Array) -> Array:
    x = across / np.linalg.norm(across)
    down = mean[0] - mean[5]  # forehead to the bridge of the nose
    y = down - (down @ x) * x
    y /= np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)], axis=1)


def poses(points: Array, stable: Array) -> Poses:
    """The pose of each frame. Args: points (n, 478, 3) pixels; stable as :func:`canonical_stable` gives it."""
    return Poses(*_fit(stable, points[:, STABLE]))


def _fit(model: Array, seen: Array) -> tuple[Array, Array, Array]:
    """Similarities that take ``model`` (p, 3) to each of ``seen`` (n, p, 3)."""
    model_mean, seen_mean = model.mean(axis=0), seen.mean(axis=1)
    a, b = model - model_mean, seen - seen_mean[:, None]
    u, s, vt = np.linalg.svd(np.einsum("npi,pj->nij", b, a))
    sign = np.ones_like(s)
    sign[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign[:, None]) @ vt
    scale = (s * sign).sum(axis=1) / (a**2).sum()
    shift = seen_mean - scale[:, None] * np.einsum("nij,j->ni", rotation, model_mean)
    return scale, rotation, shift

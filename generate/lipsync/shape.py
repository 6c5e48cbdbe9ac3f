"""How a mouth is held, in eight numbers, and the lower face that goes with them.

The eight gestures are linear in the canonical points, and the face is their least-squares linear image over the
person's own frames: so a change of gesture moves the points by exactly that change, and everything else about the
face (asymmetry, a smile line) stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generate.lipsync.points import LOWER

Array = NDArray[np.float64]

GESTURES = ("aperture", "width", "jaw", "upper", "lower", "pout", "corners", "pinch")
APERTURE, WIDTH, JAW, UPPER, LOWER_LIP, POUT, CORNERS, PINCH = range(len(GESTURES))


def gestures(canonical: Array) -> Array:
    """(n, 8) in inter-eye distances, from (n, 478, 3) canonical points.

    aperture: gap between the inner lips. width: between the outer corners. jaw: chin below the nose. upper, lower:
    height of the lips' outer edges below the nose. pout: lips in front of the nose's base. corners: height of the
    corners. pinch: distance of the inner corners (a rounded mouth has near ones).
    """
    x, y, z = canonical[..., 0], canonical[..., 1], canonical[..., 2]
    nose_y, nose_z = y[:, 2], z[:, 2]
    aperture = ((y[:, 14] - y[:, 13]) * 2 + (y[:, 87] - y[:, 82]) + (y[:, 317] - y[:, 312])) / 4
    return np.stack(
        [
            aperture,
            x[:, 291] - x[:, 61],
            y[:, [152, 148, 377]].mean(axis=1) - nose_y,
            y[:, [0, 37, 267]].mean(axis=1) - nose_y,
            y[:, [17, 84, 314]].mean(axis=1) - nose_y,
            nose_z - z[:, [0, 17, 13, 14]].mean(axis=1),
            y[:, [61, 291]].mean(axis=1) - nose_y,
            x[:, 308] - x[:, 78],
        ],
        axis=1,
    )


@dataclass(frozen=True)
class FaceShape:
    """One person's lower face as a linear function of gestures.

    Attributes:
        mean (g,), spread (g,): of the gestures over the reference. basis (g, p, 3): movement of the LOWER points for
            one unit of each gesture.
    """

    mean: Array
    spread: Array
    basis: Array

    def move(self, points: Array, change: Array) -> Array:
        """(p, 3) canonical LOWER points after ``change`` (g,) of the gestures."""
        return points + np.tensordot(change, self.basis, axes=1)


def fit_shape(canonical: Array, own: Array) -> FaceShape:
    """Args: canonical (n, 478, 3); own (n, g), its :func:`gestures`."""
    mean, spread = own.mean(axis=0), own.std(axis=0) + 1e-4
    z = (own - mean) / spread
    lower = canonical[:, LOWER].reshape(len(canonical), -1)
    # A little ridge: gestures are correlated, and points far from them must not chase noise.
    weights = np.linalg.solve(
        z.T @ z + 0.01 * len(z) * np.eye(z.shape[1]), z.T @ (lower - lower.mean(axis=0))
    )
    basis = (weights / spread[:, None]).reshape(z.shape[1], len(LOWER), 3)
    return FaceShape(mean, spread, basis)

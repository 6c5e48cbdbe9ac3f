"""A small regression that learns from twenty seconds: ridge and kernel ridge, averaged.

The ridge follows what is linear (loudness opens the mouth), the kernel what is not (a closure is a closure). Both have
a closed form: no seeds, no epochs, the same numbers on every machine up to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]

COMPONENTS = 60
SUPPORT = 1200  # frames; more cost time and teach little
WIDTH = 0.3  # of the kernel, against the inputs' own spread
RIDGE, KERNEL_RIDGE = 3.0, 1.0
FOLDS = 5
GUARD = 12  # frames left out on either side of a held-back stretch


@dataclass(frozen=True)
class Regression:
    """(n, f) inputs to (n, g) z-scores.

    Attributes:
        mean, spread (f,): of the inputs. weights (f, g): of the ridge. axes (f, c): principal axes. support (s, c),
            dual (s, g): of the kernel ridge. width: of its kernel.
    """

    mean: Array
    spread: Array
    weights: Array
    axes: Array
    support: Array
    dual: Array
    width: Array

    def predict(self, inputs: Array) -> Array:
        x = np.clip((inputs - self.mean) / self.spread, -4, 4)
        curved = np.empty((len(x), self.dual.shape[1]))
        for start in range(0, len(x), 500):
            part = slice(start, start + 500)
            curved[part] = (
                np.exp(-self.width * cdist(x[part] @ self.axes, self.support, "sqeuclidean")) @ self.dual
            )
        smooth = gaussian_filter1d(curved, 0.7, axis=0, mode="nearest")
        return np.asarray(0.5 * (x @ self.weights) + 0.5 * smooth)

    def arrays(self) -> dict[str, Array]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def fit(inputs: Array, z: Array) -> Regression:
    """Args: inputs (n, f); z (n, g), about zero mean and unit spread."""
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0) + 1e-3
    x = np.clip((inputs - mean) / spread, -4, 4)
    weights = np.linalg.solve(x.T @ x + RIDGE * x.shape[1] * np.eye(x.shape[1]), x.T @ z)
    _, vectors = np.linalg.eigh(x.T @ x)
    axes = vectors[:, ::-1][:, :COMPONENTS]
    rows = np.linspace(0, len(x) - 1, min(len(x), SUPPORT)).astype(np.intp)
    support = (x @ axes)[rows]
    width = np.array(WIDTH / (support.shape[1] * support.var() + 1e-9))
    kernel = np.exp(-width * cdist(support, support, "sqeuclidean"))
    dual = np.linalg.solve(kernel + KERNEL_RIDGE * np.eye(len(rows)), z[rows])
    return Regression(mean, spread, weights, axes, support, dual, width)


def held_back(inputs: Array, z: Array, rows: NDArray[np.intp]) -> Array:
    """(n, g) predictions of each fifth of ``rows`` by a fit on the others; zero elsewhere."""
    out = np.zeros_like(z)
    for fold in np.array_split(rows, FOLDS):
        others = np.setdiff1d(rows, np.arange(fold[0] - GUARD, fold[-1] + GUARD + 1))
        out[fold] = fit(inputs[others], z[others]).predict(inputs[fold])
    return out

"""Gradient-boosted trees as plain arrays: trained with scikit-learn, stored as safetensors, no pickle anywhere."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Trees:
    """A sum of trees for each class, then a softmax.

    Attributes:
        feature: (nodes,) int16, the feature a node asks for; -2 in a leaf.
        threshold: (nodes,) float32; a value not above it goes left.
        left, right: (nodes,) int32, indices of the children.
        value: (nodes,) float32, what a leaf adds.
        roots: (trees,) int32, index of each tree's first node.
        owner: (trees,) int16, the class that a tree adds to.
        start: (classes,) float32, the sums before the first tree.
        classes: names of the classes, ``clean`` first.
        names: names of the features.
    """

    feature: NDArray[np.int16]
    threshold: NDArray[np.float32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float32]
    roots: NDArray[np.int32]
    owner: NDArray[np.int16]
    start: NDArray[np.float32]
    classes: tuple[str, ...]
    names: tuple[str, ...]
    facts: dict[str, Any]

    def probabilities(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """(w, classes) for (w, features) float32; each row adds up to one."""
        sums = np.tile(self.start.astype(np.float64), (len(values), 1))
        rows = np.arange(len(values))
        for root, owner in zip(self.roots, self.owner, strict=True):
            node = np.full(len(values), root)
            while True:
                asked = self.feature[node]
                inner = asked >= 0
                if not inner.any():
                    break
                below = values[rows, np.maximum(asked, 0)] <= self.threshold[node]
                node = np.where(inner, np.where(below, self.left[node], self.right[node]), node)
            sums[:, owner] += self.value[node]
        sums -= sums.max(axis=1, keepdims=True)
        powers = np.exp(sums)
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def save(self, path: Path) -> None:
        """Write safetensors with the names in its metadata."""
        from safetensors.numpy import save_file

        arrays = ("feature", "threshold", "left", "right", "value", "roots", "owner", "start")
        metadata = {
            "classes": json.dumps(self.classes),
            "names": json.dumps(self.names),
            "facts": json.dumps(self.facts, sort_keys=True),
        }
        save_file({name: np.ascontiguousarray(getattr(self, name)) for name in arrays}, str(path), metadata)

    @staticmethod
    def load(path: Path) -> Trees:
        """Read what :meth:`save` wrote."""
        from safetensors import safe_open

        with safe_open(str(path), framework="np") as file:
            metadata = file.metadata()
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (no iterator of its own)
        return Trees(
            **arrays,
            classes=tuple(json.loads(metadata["classes"])),
            names=tuple(json.loads(metadata["names"])),
            facts=json.loads(metadata["facts"]),
        )

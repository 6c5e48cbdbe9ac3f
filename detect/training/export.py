"""From scikit-learn's gradient boosting to the plain arrays that the gates read."""

from __future__ import annotations

from typing import Any

import numpy as np

from detect.artifact.trees import Trees


def export_trees(
    model: Any, classes: tuple[str, ...], names: tuple[str, ...], facts: dict[str, Any]
) -> Trees:
    """A fitted ``GradientBoostingClassifier`` (labels 0..k-1 in the order of ``classes``) as :class:`Trees`."""
    parts: dict[str, list[Any]] = {key: [] for key in ("feature", "threshold", "left", "right", "value")}
    roots, owner, offset = [], [], 0
    for stage in model.estimators_:
        for column, fitted in enumerate(stage):
            tree = fitted.tree_
            parts["feature"].append(tree.feature)
            # scikit-learn compares float32 values with float64 thresholds; rounding down keeps every decision.
            threshold = tree.threshold.astype(np.float32)
            parts["threshold"].append(
                np.where(threshold > tree.threshold, np.nextafter(threshold, np.float32(-np.inf)), threshold)
            )
            parts["left"].append(np.maximum(tree.children_left, 0) + offset)
            parts["right"].append(np.maximum(tree.children_right, 0) + offset)
            parts["value"].append(tree.value[:, 0, 0] * model.learning_rate)
            roots.append(offset)
            # Two classes share one column of trees: it speaks for the second class.
            owner.append(column if len(classes) > 2 else 1)
            offset += tree.node_count
    prior = model.init_.class_prior_
    start = (
        np.log(np.maximum(prior, 1e-9)) if len(classes) > 2 else np.array([0.0, np.log(prior[1] / prior[0])])
    )
    types = {
        "feature": np.int16,
        "threshold": np.float32,
        "left": np.int32,
        "right": np.int32,
        "value": np.float32,
    }
    return Trees(
        **{key: np.concatenate(value).astype(types[key]) for key, value in parts.items()},
        roots=np.array(roots, np.int32),
        owner=np.array(owner, np.int16),
        start=np.asarray(start, np.float32),
        classes=classes,
        names=names,
        facts=facts,
    )

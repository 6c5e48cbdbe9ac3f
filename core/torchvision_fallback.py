"""Make ``import torchvision`` work beside a CPU build of torch. Import this before the first torchvision import.

torchvision's wheel is built for CUDA torch; with the CPU build its binary operators do not load and the
import fails ("operator torchvision::nms does not exist"). Only when they are missing, this declares the two
operators that the import needs, gives ``nms`` a CPU kernel, and lets torchvision believe its operators exist.
Remove it when a CPU wheel of torchvision is published.
"""

from __future__ import annotations

from typing import Any

import torch

_libraries: list[torch.library.Library] = []  # a Library that is collected takes its operators with it


def install() -> bool:
    """Define what is missing. Returns whether anything was; safe to call often."""
    if _libraries:
        return True
    if _binary_operators_load():
        return False
    make: Any = torch.library.Library  # untyped in torch
    library = make("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", nms, "CPU")
    _libraries.append(library)

    import torchvision.extension
    import torchvision.ops.boxes

    torchvision.extension._assert_has_ops = _operators_exist
    torchvision.ops.boxes._assert_has_ops = _operators_exist
    return True


def nms(dets: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Greedy non-maximum suppression.

    Args:
        dets: (n, 4) boxes x0 y0 x1 y1.
        scores: (n,) scores.
        iou_threshold: a box that overlaps a better one by more than this is dropped.

    Returns:
        int64 indices of the kept boxes, best first.
    """
    order = scores.argsort(descending=True, stable=True)
    boxes = dets[order]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    alive = torch.ones(len(order), dtype=torch.bool)
    for i in range(len(order)):
        if not alive[i]:
            continue
        rest = boxes[i + 1 :]
        low = torch.maximum(boxes[i, :2], rest[:, :2])
        high = torch.minimum(boxes[i, 2:], rest[:, 2:])
        common = (high - low).clamp(min=0).prod(dim=1)
        overlap = common / (areas[i] + areas[i + 1 :] - common).clamp(min=1e-12)
        alive[i + 1 :] &= overlap <= iou_threshold
    return order[alive]


def _binary_operators_load() -> bool:
    """Whether torchvision's own library can be loaded beside this torch."""
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True  # no torchvision: nothing to mend
    for library in sorted(Path(spec.origin).parent.glob("_C*.so")):
        try:
            load: Any = torch.ops.load_library
            load(str(library))
        except OSError:
            return False
    return hasattr(torch.ops.torchvision, "nms")


def _operators_exist() -> None:
    """Stands in for torchvision's check, which raises when its binary library did not load."""


install()

"""Find faces in a picture with MTCNN (facenet-pytorch): slow and sure. The mesh follows between looks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

MIN_PROBABILITY = 0.9
SMALLEST_FACE = 20  # pixels of the picture that the network sees
QUICK_SIDE = 480  # long side of the picture for a look at a face that is surely large
THOROUGH_SIDE = 1280


@dataclass(frozen=True)
class Found:
    """A detected face: box x0 y0 x1 y1 in pixels of the picture, probability 0..1."""

    box: NDArray[np.float32]
    probability: float

    @property
    def area(self) -> float:
        return float((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))


def find_faces(image: NDArray[np.uint8], *, thorough: bool = False) -> list[Found]:
    """Every face of a BGR picture, largest first.

    Args:
        image: uint8 (H, W, 3).
        thorough: look at up to 1280 pixels instead of 480, so that a face of 40 pixels in 1080p is found;
            about five times slower.
    """
    height, width = image.shape[:2]
    scale = min(1.0, (THOROUGH_SIDE if thorough else QUICK_SIDE) / max(height, width))
    small = image
    if scale < 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if min(small.shape[:2]) < SMALLEST_FACE:
        return []
    boxes, probabilities = _mtcnn().detect(np.ascontiguousarray(small[:, :, ::-1]))
    if boxes is None:
        return []
    found = [
        Found(np.asarray(box, dtype=np.float32) / np.float32(scale), float(probability))
        for box, probability in zip(boxes, probabilities, strict=True)
        if probability is not None and probability >= MIN_PROBABILITY
    ]
    return sorted(found, key=lambda face: -face.area)


@lru_cache(maxsize=1)
def _mtcnn() -> Any:
    import core.torchvision_fallback  # noqa: F401  (before facenet_pytorch imports torchvision)

    from facenet_pytorch import MTCNN  # isort: skip

    from core.weights import weight_file

    for name in ("mtcnn-pnet", "mtcnn-rnet", "mtcnn-onet"):
        weight_file(name)  # the digest decides; the package then reads the same installed files
    return MTCNN(keep_all=True, min_face_size=SMALLEST_FACE, device="cpu")

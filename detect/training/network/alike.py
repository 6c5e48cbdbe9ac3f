"""What happens to a picture on its way, drawn once for a real face and its forgery, so that neither is betrayed by it.

Rescaling, blur, low light, noise (the same field for both), JPEG or H.264, whose picture may follow others.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detect.artifact.geometry import Image, Points
from detect.training.quality import encoded


@dataclass(frozen=True)
class Way:
    """One drawn way. ``codec``: '', 'jpeg' or 'h264'; ``level``: its quality or CRF; ``seed``: of the noise."""

    scale: float = 1.0
    blur: float = 0.0
    gain: float = 1.0
    noise: float = 0.0
    codec: str = ""
    level: int = 0
    seed: int = 0
    frames: int = 1  # of H.264: the picture is the last of a short, drifting film

    def numbers(self) -> tuple[float, ...]:
        """What the shortcut control predicts the label from."""
        return (
            self.scale,
            self.blur,
            self.noise,
            float(self.codec == "jpeg"),
            float(self.codec == "h264"),
            self.level,
        )


CLEAN = Way()
JPEG60 = Way(codec="jpeg", level=60)
CRF35 = Way(codec="h264", level=35)


def draw(rng: np.random.Generator, *, heavy: bool = False, films: float = 0.0) -> Way:
    """A way for a pair; ``heavy`` for whole generated faces, whose photographers differ; ``films``: share of films."""
    codec = str(rng.choice(np.array(["", "jpeg", "h264"]), p=[0.0, 0.5, 0.5] if heavy else [0.25, 0.3, 0.45]))
    level = int(rng.integers(25, 90) if heavy else rng.integers(40, 98)) if codec == "jpeg" else 0
    if codec == "h264":
        level = int(rng.integers(20, 41) if heavy else rng.integers(18, 41))
    low = 0.5 if heavy else 0.65
    return Way(
        scale=float(rng.uniform(low, 1.0)) if heavy or rng.random() < 0.5 else 1.0,
        blur=float(rng.uniform(0.3, 1.4 if heavy else 0.9))
        if rng.random() < (0.8 if heavy else 0.25)
        else 0.0,
        gain=float(rng.uniform(0.5, 1.1)) if rng.random() < 0.2 else 1.0,
        noise=float(rng.uniform(1, 7)) if rng.random() < (0.6 if heavy else 0.3) else 0.0,
        codec=codec,
        level=level,
        seed=int(rng.integers(1 << 30)),
        frames=int(rng.integers(2, 4)) if codec == "h264" and rng.random() < films else 1,
    )


def travel(image: Image, points: Points, way: Way) -> tuple[Image, Points]:
    """The picture after its way, and the landmarks in it."""
    out: NDArray[np.uint8] = image
    if way.scale != 1.0:
        side = max(round(image.shape[0] * way.scale / 2) * 2, 176)
        points = np.asarray(points * (side / image.shape[0]), np.float32)
        out = np.asarray(cv2.resize(out, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    if way.blur:
        out = np.asarray(cv2.GaussianBlur(out, (0, 0), way.blur), np.uint8)
    if way.noise or way.gain != 1.0:
        field = np.random.default_rng(way.seed).standard_normal(out.shape, np.float32) * way.noise
        out = np.asarray(np.clip(out * np.float32(way.gain) + field + 0.5, 0, 255), np.uint8)
    if way.codec == "jpeg":
        _, packed = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, way.level])
        out = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    elif way.codec == "h264":
        out = encoded(film(out, way), 25, way.level)[-1]
    return out, points


def film(image: Image, way: Way) -> list[Image]:
    """``image`` at the end of ``way.frames`` pictures that drift towards it: what a codec predicts it from."""
    rng = np.random.default_rng(way.seed)
    shift, growth = rng.normal(0, 1.2, 2), rng.normal(0, 0.004)
    height, width = image.shape[:2]
    out = []
    for back in range(way.frames - 1, 0, -1):
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0, 1 + growth * back)
        matrix[:, 2] += shift * back
        moved = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
        out.append(np.asarray(moved, np.uint8))
    return [*out, image]

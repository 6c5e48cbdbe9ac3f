"""Planted defects: what goes wrong in a pasted or generated face, drawn into finished frames on purpose.

Each kind is one small class. A planter sees every frame of its span in order and returns the frame with the
defect in it. Strengths are in units of ``d``, the distance between the outer eye corners in pixels (about
half of the face's height), so that a defect looks the same at any resolution. They are drawn from the ranges
in ``STRENGTH``: a careful viewer notices them at normal speed; a careless one may not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from detect.artifact.geometry import LIPS, LOWER_FACE, OVAL, Image, Points, eye_distance

# Ranges that strengths are drawn from. Lengths in d, levels in 8-bit code values.
STRENGTH: dict[str, tuple[float, float]] = {
    "seam": (10.0, 20.0),  # level step at a hard paste edge
    "blur": (0.022, 0.045),  # sigma over the mouth
    "doubled_teeth": (0.055, 0.10),  # distance of the ghost mouth, at half strength
    "colour_jump": (10.0, 18.0),  # length of the shift in Lab
    "jitter": (0.018, 0.035),  # standard deviation of the face's displacement, a frame
    "freeze": (0.0, 1.0),  # below .5 the whole picture stands still, else the face
    "identity_swap": (0.0, 1.0),
    "warped_jaw": (0.09, 0.16),  # displacement of the jaw
}
KINDS = tuple(STRENGTH)


class Planter(Protocol):
    """Draws one defect into the frames of one span."""

    kind: str

    def __call__(self, image: Image, landmarks: Points) -> Image:
        """One frame (H, W, 3) BGR and its landmarks (478, >=2) in pixels; returns a new frame."""
        ...


def polygon_mask(
    shape: tuple[int, ...], points: Points, feather: float, *, grow: float = 1.0
) -> NDArray[np.float32]:
    """(H, W, 1) mask in 0..1 of a polygon, grown about its centre and feathered by ``feather`` pixels."""
    centre = points.mean(axis=0)
    polygon = (points - centre) * grow + centre
    mask = np.zeros(shape[:2], np.float32)
    cv2.fillPoly(mask, [np.round(polygon * 8).astype(np.int32)], 1.0, lineType=cv2.LINE_AA, shift=3)
    if feather > 0.3:
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), feather), np.float32)
    return np.asarray(mask[..., None], np.float32)


def mix(under: Image, over: NDArray[np.float32] | Image, mask: NDArray[np.float32]) -> Image:
    """``over`` on ``under`` through ``mask``."""
    out = under.astype(np.float32) * (1 - mask) + np.asarray(over, np.float32) * mask
    return np.asarray(np.clip(out + 0.5, 0, 255), np.uint8)


def shift(image: Image, dx: float, dy: float) -> Image:
    """The image moved by a sub-pixel distance, its border repeated."""
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return np.asarray(
        cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def _level_shift(image: Image, lab: NDArray[np.float32]) -> NDArray[np.float32]:
    shifted = cv2.cvtColor(image, cv2.COLOR_BGR2LAB).astype(np.float32) + lab
    lab8 = np.clip(shifted, 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(lab8, cv2.COLOR_LAB2BGR), np.float32)


@dataclass
class Seam:
    """A patch pasted back with a hard edge: other level, a pixel or two off."""

    strength: float
    rng: np.random.Generator
    kind: str = "seam"

    def __post_init__(self) -> None:
        lab = self.rng.normal(size=3) * (1.0, 0.35, 0.35)
        self.lab = (lab / np.linalg.norm(lab) * self.strength).astype(np.float32)
        self.outline = self.rng.choice(["lower_face", "lips", "oval", "box"])
        self.grow = float(
            self.rng.uniform(1.5, 2.3) if self.outline == "lips" else self.rng.uniform(0.8, 0.97)
        )
        self.offset = self.rng.uniform(-0.02, 0.02, 2)

    def __call__(self, image: Image, landmarks: Points) -> Image:
        d = eye_distance(landmarks)
        named = {"lower_face": LOWER_FACE, "lips": LIPS, "oval": OVAL, "box": LIPS}
        points = landmarks[list(named[str(self.outline)]), :2]
        if self.outline == "box":
            (x0, y0), (x1, y1) = points.min(0) - 0.16 * d, points.max(0) + 0.16 * d
            points = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
        mask = polygon_mask(image.shape, points, 0.004 * d, grow=1.0 if self.outline == "box" else self.grow)
        moved = shift(image, *(self.offset * d))
        return mix(image, _level_shift(moved, self.lab), mask)


@dataclass
class Blur:
    """The mouth smoother than the rest, as low-resolution generators leave it."""

    strength: float
    rng: np.random.Generator
    kind: str = "blur"

    def __post_init__(self) -> None:
        self.outline = self.rng.choice(["lips", "lower_face"])
        self.grow = float(
            self.rng.uniform(1.2, 1.8) if self.outline == "lips" else self.rng.uniform(0.85, 1.0)
        )

    def __call__(self, image: Image, landmarks: Points) -> Image:
        d = eye_distance(landmarks)
        points = landmarks[list(LIPS if self.outline == "lips" else LOWER_FACE), :2]
        soft = cv2.GaussianBlur(image, (0, 0), self.strength * d)
        mask = polygon_mask(image.shape, points, 0.04 * d, grow=self.grow)
        return mix(image, np.asarray(soft, np.uint8), mask)


@dataclass
class DoubledTeeth:
    """Two mouths dissolved into one another: a ghost row of teeth and lips."""

    strength: float
    rng: np.random.Generator
    kind: str = "doubled_teeth"

    def __post_init__(self) -> None:
        self.sign = float(self.rng.choice([-1.0, 1.0]))
        self.sideways = float(self.rng.uniform(-0.3, 0.3))
        self.share = float(self.rng.uniform(0.42, 0.55))

    def __call__(self, image: Image, landmarks: Points) -> Image:
        d = eye_distance(landmarks)
        step = self.strength * d * self.sign
        mask = polygon_mask(image.shape, landmarks[list(LIPS), :2], 0.03 * d, grow=1.25)
        return mix(image, shift(image, step * self.sideways, step), mask * self.share)


@dataclass
class ColourJump:
    """The face, or its lower half, changes colour at once and later jumps back."""

    strength: float
    rng: np.random.Generator
    kind: str = "colour_jump"

    def __post_init__(self) -> None:
        lab = self.rng.normal(size=3) * (0.9, 1.0, 1.0)
        self.lab = (lab / np.linalg.norm(lab) * self.strength).astype(np.float32)
        self.outline = self.rng.choice(["oval", "lower_face"])

    def __call__(self, image: Image, landmarks: Points) -> Image:
        d = eye_distance(landmarks)
        points = landmarks[list(OVAL if self.outline == "oval" else LOWER_FACE), :2]
        return mix(image, _level_shift(image, self.lab), polygon_mask(image.shape, points, 0.06 * d))


@dataclass
class Jitter:
    """The face, or its lower half, trembles against the head."""

    strength: float
    rng: np.random.Generator
    kind: str = "jitter"

    def __post_init__(self) -> None:
        self.outline = self.rng.choice(["oval", "lower_face"])

    def __call__(self, image: Image, landmarks: Points) -> Image:
        d = eye_distance(landmarks)
        points = landmarks[list(OVAL if self.outline == "oval" else LOWER_FACE), :2]
        step = self.rng.normal(size=2) * self.strength * d
        return mix(image, shift(image, *step), polygon_mask(image.shape, points, 0.06 * d))


@dataclass
class Freeze:
    """The picture, or only the face, stands still while the speech goes on."""

    strength: float
    rng: np.random.Generator
    kind: str = "freeze"
    held: Image | None = None

    def __call__(self, image: Image, landmarks: Points) -> Image:
        if self.held is None:
            self.held = image.copy()
            self.at = landmarks[:, :2].copy()
        if self.strength < 0.5:
            return self.held.copy()
        d = eye_distance(landmarks)
        move = np.asarray(landmarks[list(OVAL), :2] - self.at[list(OVAL)], np.float32).mean(axis=0)
        over = shift(self.held, float(move[0]), float(move[1]))
        return mix(image, over, polygon_mask(image.shape, landmarks[list(OVAL), :2], 0.05 * d, grow=0.97))


@dataclass
class IdentitySwap:
    """Another face over this one: warped onto the mesh, matched in mean colour, feathered at the oval."""

    strength: float
    rng: np.random.Generator
    donor: Image
    donor_landmarks: Points
    kind: str = "identity_swap"

    def __call__(self, image: Image, landmarks: Points) -> Image:
        d = eye_distance(landmarks)
        points = landmarks[list(OVAL), :2]
        worn = warp_face(self.donor, self.donor_landmarks, landmarks, image.shape)
        hard = polygon_mask(image.shape, points, 0, grow=0.85)[..., 0] > 0.5
        if not hard.any():
            return image.copy()
        worn_mean, own_mean = worn[hard].mean(0), image[hard].astype(np.float32).mean(0)
        gain = np.clip(own_mean / np.maximum(worn_mean, 1), 0.4, 2.5)
        return mix(image, worn * gain, polygon_mask(image.shape, points, 0.05 * d, grow=0.86))


@dataclass
class WarpedJaw:
    """The jaw bulges or is pulled to one side."""

    strength: float
    rng: np.random.Generator
    kind: str = "warped_jaw"

    def __post_init__(self) -> None:
        self.manner = self.rng.choice(["left", "right", "down", "wide"])
        self.wobble = float(self.rng.choice([0.0, 0.35]))
        self.frame = 0

    def __call__(self, image: Image, landmarks: Points) -> Image:
        d = eye_distance(landmarks)
        self.frame += 1
        size = self.strength * d * (1 + self.wobble * np.sin(self.frame * 0.9))
        height, width = image.shape[:2]
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        chin, left, right = (landmarks[i, :2] for i in (152, 172, 397))
        pulls: list[tuple[Points, tuple[float, float]]] = {
            "left": [(left, (-1.0, 0.2))],
            "right": [(right, (1.0, 0.2))],
            "down": [(chin, (0.0, 1.0))],
            "wide": [(left, (-0.8, 0.0)), (right, (0.8, 0.0))],
        }[str(self.manner)]
        for centre, (ux, uy) in pulls:
            fall = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * (0.28 * d) ** 2))
            x, y = x - fall * size * ux, y - fall * size * uy
        return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def warp_face(
    source: Image, source_points: Points, points: Points, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """``source`` warped so that its mesh lies on ``points``: (H, W, 3) float32, zero off the face.

    Piecewise affine on a grid of 8 px, interpolated between: fine for a face of 100 px or more.
    """
    from scipy.interpolate import LinearNDInterpolator

    mesh = points[:468, :2].astype(np.float64)
    low = np.maximum(np.floor(mesh.min(0)).astype(int) - 2, 0)
    high = np.minimum(np.ceil(mesh.max(0)).astype(int) + 2, (shape[1], shape[0]))
    out = np.zeros((*shape[:2], 3), np.float32)
    if (high - low < 8).any():
        return out
    gx, gy = np.meshgrid(np.arange(low[0], high[0] + 8, 8.0), np.arange(low[1], high[1] + 8, 8.0))
    where = LinearNDInterpolator(mesh, source_points[:468, :2].astype(np.float64), fill_value=-1e4)(gx, gy)
    size = (high[0] - low[0], high[1] - low[1])
    # Grid node k lies at pixel 8k; an affine enlargement keeps that exact.
    matrix = np.array([[8, 0, 0], [0, 8, 0]], np.float32)
    maps = [
        cv2.warpAffine(where[..., k].astype(np.float32), matrix, (int(size[0]), int(size[1]))) for k in (0, 1)
    ]
    out[low[1] : high[1], low[0] : high[0]] = cv2.remap(source, maps[0], maps[1], cv2.INTER_LINEAR)
    return out


@dataclass(frozen=True)
class Donor:
    """A still face for an identity swap: image (H, W, 3) BGR and its mesh (478, >=2)."""

    image: Image
    landmarks: Points


SIMPLE: dict[str, Callable[..., Planter]] = {
    "seam": Seam,
    "blur": Blur,
    "doubled_teeth": DoubledTeeth,
    "colour_jump": ColourJump,
    "jitter": Jitter,
    "freeze": Freeze,
    "warped_jaw": WarpedJaw,
}


def planter(kind: str, rng: np.random.Generator, donor: Donor | None = None) -> Planter:
    """A planter of one kind, its strength drawn from :data:`STRENGTH`.

    Raises:
        KeyError: an unknown kind.
        ValueError: an identity swap without a donor.
    """
    strength = float(rng.uniform(*STRENGTH[kind]))
    if kind == "identity_swap":
        if donor is None:
            raise ValueError("an identity swap needs a donor face")
        return IdentitySwap(strength, rng, donor.image, donor.landmarks)
    return SIMPLE[kind](strength, rng)


@dataclass
class Plan:
    """Spans of one clip and what is planted in each: frame indices, end exclusive."""

    spans: list[tuple[int, int, Planter]] = field(default_factory=list)

    def apply(self, index: int, image: Image, landmarks: Points) -> Image:
        """The frame with whatever is planted at ``index``. Frames must come in order."""
        for start, end, plant in self.spans:
            if start <= index < end and np.isfinite(landmarks[0, 0]):
                image = plant(image, landmarks) if plant.kind == "freeze" else _near(plant, image, landmarks)
        return image

    def kind_at(self, index: int) -> str:
        """The kind planted at a frame, or an empty string."""
        return next((plant.kind for start, end, plant in self.spans if start <= index < end), "")


def _near(plant: Planter, image: Image, landmarks: Points) -> Image:
    """The planter on the face's surroundings only: the same picture, several times faster at 720p."""
    margin = 0.7 * eye_distance(landmarks)
    x0, y0 = np.maximum(landmarks[:468, :2].min(0) - margin, 0).astype(int)
    x1, y1 = np.ceil(landmarks[:468, :2].max(0) + margin).astype(int)
    part = np.ascontiguousarray(image[y0:y1, x0:x1])
    out = image.copy()
    out[y0:y1, x0:x1] = plant(part, np.asarray(landmarks[:, :2] - (x0, y0), np.float32))
    return out

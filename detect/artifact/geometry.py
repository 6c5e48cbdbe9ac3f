"""Where things are in a face: index sets of the mesh and the aligned crop that every measure works on.

Landmarks are MediaPipe's face mesh with irises (478 points). ``d`` is the distance between the outer eye
corners in pixels, about half of the face's height.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Points = NDArray[np.float32]

SIZE = 256  # side of the aligned crop, pixels
CROP_D = 104.0  # d in the aligned crop
EYE_Y = 92.0  # height of the eye line in the aligned crop

EYES = (33, 263)
NOSE_BRIDGE = 168
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152),
    *(148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
# Under the nose, over the cheeks, inside the jaw: what a lip-sync engine pastes back.
LOWER_FACE = (2, 326, 436, 432, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 212, 216, 97)
LEFT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
RIGHT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
LEFT_CHEEK = (50, 101, 36, 205, 187, 147, 123)
RIGHT_CHEEK = (280, 330, 266, 425, 411, 376, 352)
FOREHEAD = (109, 10, 338, 337, 151, 108)
CHIN = (83, 18, 313, 406, 421, 428, 199, 208, 201, 182)
NOSE = (168, 122, 174, 198, 49, 64, 2, 294, 279, 420, 399, 351)
JAW = (132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361)
# Hardly move in speech or blinks: they carry the head's pose.
RIGID = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 127, 356, 234, 454, 10, 151, 9, 8)


def eye_distance(landmarks: Points) -> float:
    """``d``, pixels."""
    return float(np.linalg.norm(landmarks[EYES[0], :2] - landmarks[EYES[1], :2]))


def to_crop(landmarks: Points) -> NDArray[np.float64]:
    """(2, 3) similarity from the frame to the aligned crop: the eye line level, ``d`` at ``CROP_D``."""
    left, right = landmarks[EYES[0], :2].astype(float), landmarks[EYES[1], :2].astype(float)
    along = right - left
    scale = CROP_D / max(float(np.hypot(*along)), 1e-6)
    angle = -np.arctan2(along[1], along[0])
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    matrix = np.array([[c, -s, 0.0], [s, c, 0.0]])
    matrix[:, 2] = np.array([SIZE / 2, EYE_Y]) - matrix[:, :2] @ ((left + right) / 2)
    return matrix


def aligned(image: Image, landmarks: Points) -> tuple[Image, Points]:
    """The aligned crop (``SIZE``, ``SIZE``, 3) BGR and the landmarks (478, 2) in it."""
    matrix = to_crop(landmarks)
    if np.linalg.norm(matrix[0, :2]) < 0.5:
        # Far too many pixels a crop pixel: average first, or the crop is full of aliases.
        half = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        return aligned(np.asarray(half, np.uint8), (landmarks[:, :2] + 0.5) / 2 - 0.5)
    crop = cv2.warpAffine(
        image, matrix, (SIZE, SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(crop, np.uint8), transform(matrix, landmarks[:, :2])


def transform(matrix: NDArray[np.float64], points: Points) -> Points:
    """Points (n, 2) through a (2, 3) affine matrix."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float32)


def box_region(points: Points, width: int, height: int, margin: float = 0.0) -> tuple[float, ...]:
    """Bounding box of points as x, y, width, height in fractions of the frame, grown by ``margin`` pixels."""
    low = np.clip((points.min(0) - margin) / (width, height), 0, 1)
    high = np.clip((points.max(0) + margin) / (width, height), 0, 1)
    return tuple(round(float(v), 4) for v in (*low, *(high - low)))

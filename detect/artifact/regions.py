"""What one frame says about the face by regions: sharpness, colour, steps along paste contours, change.

Every number comes from the aligned crop, so it hardly depends on the face's place and size. One frame costs
about 3 ms on one core. Names of the numbers are in :data:`NAMES`; ``FrameMeasures.measure`` returns them in that order.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from detect.artifact import geometry as g
from detect.artifact.geometry import SIZE, Image, Points

REGIONS: dict[str, tuple[int, ...]] = {
    "mouth": g.LIPS,
    "inner": g.INNER_LIPS,
    "chin": g.CHIN,
    "left_cheek": g.LEFT_CHEEK,
    "right_cheek": g.RIGHT_CHEEK,
    "left_eye": g.LEFT_EYE,
    "right_eye": g.RIGHT_EYE,
    "forehead": g.FOREHEAD,
    "nose": g.NOSE,
}
# Families of closed curves along which engines paste: (name, points, scales about their centre).
CONTOURS: tuple[tuple[str, tuple[int, ...], tuple[float, ...]], ...] = (
    ("lips", g.LIPS, (1.3, 1.5, 1.7, 1.9, 2.1, 2.3)),
    ("lower", g.LOWER_FACE, (0.88, 0.94, 1.0, 1.06)),
    ("oval", g.OVAL, (0.8, 0.84, 0.88, 0.92, 0.96, 1.0)),
)
CONTOUR_POINTS = 72
BOX_MARGINS = (0.10, 0.16, 0.22)  # of d around the lips: rectangular pastes

BANDS = ("fine", "mid")
NAMES: tuple[str, ...] = (
    *(f"{band}_{name}" for name in REGIONS for band in BANDS),
    *(f"{channel}_{name}" for name in (*REGIONS, "surround") for channel in "Lab"),
    *(
        f"{kind}_{family}"
        for family in ("lips", "lower", "oval", "box")
        for kind in ("step", "chroma_step", "ridge")
    ),
    *(f"change_{name}" for name in ("mouth", "upper", "lower", "face", "surround", "picture")),
    *("ghost", "rows", "open", "wide", "jaw_left", "jaw_right", "chin_drop", "yaw", "pitch"),
    *("scale", "clipped"),
    *(f"cell_{channel}_{row}_{column}" for row in range(8) for column in range(8) for channel in "Lab"),
)
CELLS = 8 * 8 * 3  # the last names: mean Lab of a grid over the face
INDEX = {name: i for i, name in enumerate(NAMES)}


def _resample(points: Points, count: int) -> Points:
    """A closed polygon as ``count`` points at even arc length."""
    closed = np.vstack([points, points[:1]])
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    at = np.linspace(0, along[-1], count, endpoint=False)
    return np.stack([np.interp(at, along, closed[:, k]) for k in (0, 1)], axis=1).astype(np.float32)


def _contours(points: Points) -> tuple[list[str], Points]:
    """Names and points (m, CONTOUR_POINTS, 2) of all contours, in crop pixels."""
    names: list[str] = []
    curves: list[Points] = []
    for family, index, scales in CONTOURS:
        base = _resample(points[list(index)], CONTOUR_POINTS)
        centre = base.mean(axis=0)
        for scale in scales:
            names.append(family)
            curves.append((base - centre) * scale + centre)
    low, high = points[list(g.LIPS)].min(0), points[list(g.LIPS)].max(0)
    for margin in BOX_MARGINS:
        (x0, y0), (x1, y1) = low - margin * g.CROP_D, high + margin * g.CROP_D
        corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
        names.append("box")
        curves.append(_resample(corners, CONTOUR_POINTS))
    return names, np.stack(curves)


# Samples across a contour, crop pixels outwards: a step shows between -2 and 2, smooth shading in the rest.
_ACROSS = np.array([-7.0, -2.5, 2.5, 7.0], np.float32)


class FrameMeasures:
    """Frame by frame numbers; keeps the previous crop and picture to measure change."""

    def __init__(self) -> None:
        self._before: NDArray[np.float32] | None = None
        self._picture: NDArray[np.uint8] | None = None
        self.crop: Image | None = None  # the last aligned crop, for the network
        self.points: Points | None = None

    def measure(self, image: Image, landmarks: Points) -> NDArray[np.float32]:
        """(len(NAMES),) float32 of one frame (H, W, 3) BGR and its landmarks (478, >=2) in pixels."""
        crop, points = g.aligned(image, landmarks)
        self.crop, self.points = crop, points
        lab = cv2.cvtColor(crop, cv2.COLOR_BGR2LAB)
        light = lab[..., 0].astype(np.float32)
        out: dict[str, float] = {}
        masks = self._masks(points)
        self._sharpness_and_colour(light, lab, masks, out)
        self._contour_steps(lab, points, out)
        self._mouth_rows(light, points, out)
        self._shape(points, landmarks, out)
        self._change(light, image, masks, out)
        out["clipped"] = float(np.mean(light[points_inside(points)] > 250))
        own = np.array([out[name] for name in NAMES[:-CELLS]], np.float32)
        return np.concatenate([own, self._cells(lab, points)])

    def _masks(self, points: Points) -> dict[str, NDArray[np.uint8]]:
        masks = {}
        for name, index in REGIONS.items():
            masks[name] = _fill(points[list(index)])
        masks["upper"] = _fill(points[list(g.OVAL)])
        masks["lower"] = masks["upper"].copy()
        nose = int(np.clip(points[2, 1], 1, SIZE - 1))
        masks["face"] = masks["upper"].copy()
        masks["upper"][nose:] = 0
        masks["lower"][:nose] = 0
        grown = _fill((points[list(g.OVAL)] - points[1]) * 1.12 + points[1])
        masks["surround"] = cv2.bitwise_not(grown)
        return masks

    def _sharpness_and_colour(
        self,
        light: NDArray[np.float32],
        lab: Image,
        masks: dict[str, NDArray[np.uint8]],
        out: dict[str, float],
    ) -> None:
        near = cv2.GaussianBlur(light, (0, 0), 1.0)
        far = cv2.GaussianBlur(near, (0, 0), 2.2)
        bands = cv2.merge([np.abs(light - near), np.abs(near - far)])
        for name in REGIONS:
            fine, mid = cv2.mean(bands, masks[name])[:2]
            out[f"fine_{name}"], out[f"mid_{name}"] = float(np.log(fine + 0.05)), float(np.log(mid + 0.05))
        for name in (*REGIONS, "surround"):
            for channel, value in zip("Lab", cv2.mean(lab, masks[name])[:3], strict=True):
                out[f"{channel}_{name}"] = value

    def _contour_steps(self, lab: Image, points: Points, out: dict[str, float]) -> None:
        names, curves = _contours(points)
        tangent = np.roll(curves, -1, axis=1) - np.roll(curves, 1, axis=1)
        normal = np.stack([tangent[..., 1], -tangent[..., 0]], axis=-1)
        normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-3)
        centre = curves.mean(axis=1, keepdims=True)
        outward = np.sign(np.sum(normal * (curves - centre), axis=-1, keepdims=True) + 1e-6)
        at = curves[:, None] + _ACROSS[None, :, None, None] * (normal * outward)[:, None]
        flat = at.reshape(len(curves) * len(_ACROSS), CONTOUR_POINTS, 2)
        samples = cv2.remap(
            lab, flat[..., 0], flat[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ).astype(np.float32)
        far_in, in_, out_, far_out = samples.reshape(len(curves), 4, CONTOUR_POINTS, 3).transpose(1, 0, 2, 3)
        # A step is what changes within 5 px beyond the slope on both sides.
        step = (out_ - in_) - 0.55 * ((out_ - far_out) * -1 + (in_ - far_in))
        step = np.clip(step, -25, 25)
        trimmed = np.sort(step, axis=1)[:, 9:-9].mean(axis=1)  # lips, brows and hair cross the contour
        ridge = np.median(np.abs(step[..., 0]), axis=1)
        for family in ("lips", "lower", "oval", "box"):
            rows = [i for i, name in enumerate(names) if name == family]
            light = trimmed[rows, 0]
            out[f"step_{family}"] = float(light[np.argmax(np.abs(light))])
            out[f"chroma_step_{family}"] = float(np.hypot(trimmed[rows, 1], trimmed[rows, 2]).max())
            out[f"ridge_{family}"] = float(ridge[rows].max())

    def _cells(self, lab: Image, points: Points) -> NDArray[np.float32]:
        """Mean colour on an 8 by 8 grid over the face: what the face looks like, coarsely."""
        low, high = points[list(g.OVAL)].min(0), points[list(g.OVAL)].max(0)
        x0, y0 = np.clip(low, 0, SIZE - 16).astype(int)
        x1, y1 = np.maximum(np.clip(high, 0, SIZE).astype(int), (x0 + 16, y0 + 16))
        grid = cv2.resize(lab[y0:y1, x0:x1], (8, 8), interpolation=cv2.INTER_AREA)
        return np.asarray(grid, np.float32).reshape(-1)

    def _mouth_rows(self, light: NDArray[np.float32], points: Points, out: dict[str, float]) -> None:
        """A doubled mouth repeats its rows: the second peak of the vertical autocorrelation, and edge rows."""
        low = points[list(g.LIPS)].min(0).astype(int) - 8
        high = points[list(g.LIPS)].max(0).astype(int) + 8
        x0, y0 = np.clip(low, 0, SIZE - 24)
        x1, y1 = np.maximum(np.clip(high, 0, SIZE), (x0 + 24, y0 + 24))
        patch = light[y0:y1, x0:x1]
        rows = np.gradient(cv2.GaussianBlur(patch, (0, 0), 0.8), axis=0)
        rows = rows[:, rows.shape[1] // 5 : -(rows.shape[1] // 5)]
        energy = float((rows * rows).mean()) + 1e-3
        best = 0.0
        for lag in range(4, 14):
            if lag + 6 > rows.shape[0]:
                break
            best = max(best, float((rows[lag:] * rows[:-lag]).mean()) / energy)
        out["ghost"] = best
        out["rows"] = float(np.log(energy))

    def _shape(self, points: Points, landmarks: Points, out: dict[str, float]) -> None:
        def gap(a: int, b: int) -> float:
            return float(np.linalg.norm(points[a] - points[b])) / g.CROP_D

        out["open"], out["wide"] = gap(13, 14), gap(61, 291)
        out["jaw_left"], out["jaw_right"] = gap(172, 168), gap(397, 168)
        out["chin_drop"] = gap(152, 168)
        left, right = gap(127, 168), gap(356, 168)
        out["yaw"] = (left - right) / max(left + right, 1e-3)
        out["pitch"] = float(points[1, 1] - g.EYE_Y) / g.CROP_D
        out["scale"] = float(np.log(g.eye_distance(landmarks) / g.CROP_D))

    def _change(
        self,
        light: NDArray[np.float32],
        image: Image,
        masks: dict[str, NDArray[np.uint8]],
        out: dict[str, float],
    ) -> None:
        small = cv2.resize(image[::4, ::4, 1], (96, 96), interpolation=cv2.INTER_AREA)
        names = ("mouth", "upper", "lower", "face", "surround")
        if self._before is None or self._picture is None:
            out.update({f"change_{name}": np.nan for name in (*names, "picture")})
        else:
            difference = np.abs(light - self._before)
            for name in names:
                out[f"change_{name}"] = float(np.log(cv2.mean(difference, masks[name])[0] + 0.02))
            out["change_picture"] = float(np.log(np.mean(cv2.absdiff(small, self._picture)) + 0.02))
        self._before, self._picture = light, np.asarray(small, np.uint8)


def _fill(points: Points) -> NDArray[np.uint8]:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 255)
    return mask


def points_inside(points: Points) -> NDArray[np.bool_]:
    """(SIZE, SIZE) bool: the face's oval."""
    return _fill(points[list(g.OVAL)]) > 0

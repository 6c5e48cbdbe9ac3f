"""The portrait moves: lips, jaw, lids, brows and gaze in the picture's own plane, then the head in depth.

A lip or a lid is a cut in the picture: above it one thin-plate field moves the skin, below it another, and what
shows between the two is its own layer (the inside of the mouth, the eyeball).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

from generate.presenter.articulation import Mouth
from generate.presenter.motion import Pose
from generate.presenter.wardrobe import noise, smoothstep

Array = NDArray[np.float32]
Points = NDArray[np.float64]

UPPER_OUTER = [185, 40, 39, 37, 0, 267, 269, 270, 409]
LOWER_OUTER = [146, 91, 181, 84, 17, 314, 405, 321, 375]
CORNERS = [61, 291]
CHIN = [152, 148, 377, 176, 400, 149, 378, 150, 379, 199, 200, 175, 18, 83, 313, 201, 421, 208, 428, 32, 262]
JAW = [136, 365, 172, 397]
CHEEKS = [205, 425, 206, 426, 207, 427, 216, 436, 212, 432, 214, 434, 135, 364, 92, 322, 186, 410, 57, 287]
STILL = [2, 98, 327, 129, 358, 50, 280, 58, 288, 132, 361, 187, 411, 147, 376, 215, 435]
PHILTRUM = [164, 165, 391, 167, 393]
EYES = (
    {
        "upper": [33, 246, 161, 160, 159, 158, 157, 173, 133],
        "lower": [33, 7, 163, 144, 145, 153, 154, 155, 133],
        "crease": [247, 30, 29, 27, 28, 56, 190],
        "brow": [70, 63, 105, 66, 107, 46, 53, 52, 65, 55],
        "still": [130, 226, 31, 228, 229, 230, 231, 232, 243, 244, 245, 193, 168, 6, 143, 116, 117, 118, 119, 21, 54, 103, 67, 109, 10],
        "iris": [468, 469, 470, 471, 472],
    },
    {
        "upper": [263, 466, 388, 387, 386, 385, 384, 398, 362],
        "lower": [263, 249, 390, 373, 374, 380, 381, 382, 362],
        "crease": [467, 260, 259, 257, 258, 286, 414],
        "brow": [300, 293, 334, 296, 336, 276, 283, 282, 295, 285],
        "still": [359, 446, 261, 448, 449, 450, 451, 452, 463, 464, 465, 417, 168, 6, 372, 345, 346, 347, 348, 251, 284, 332, 297, 338, 10],
        "iris": [473, 474, 475, 476, 477],
    },
)  # fmt: skip


def thin_plate(controls: Points, values: Points, at: Points) -> Points:
    """Values at ``at`` (n, 2) of the thin-plate spline through ``controls`` (m, 2) with ``values`` (m, k)."""

    def kernel(a: Points, b: Points) -> Points:
        r2 = ((a[:, None] - b[None]) ** 2).sum(axis=2)
        return np.asarray(0.5 * r2 * np.log(r2 + 1e-9))

    m = len(controls)
    centre, size = controls.mean(axis=0), 100.0
    c, q = (controls - centre) / size, (at - centre) / size
    system = np.zeros((m + 3, m + 3))
    system[:m, :m] = kernel(c, c) + 1e-4 * np.eye(m)
    system[:m, m:] = np.hstack([np.ones((m, 1)), c])
    system[m:, :m] = system[:m, m:].T
    solved = np.linalg.solve(system, np.vstack([values, np.zeros((3, values.shape[1]))]))
    return np.asarray(kernel(q, c) @ solved[:m] + np.hstack([np.ones((len(q), 1)), q]) @ solved[m:])


@dataclass(frozen=True)
class Figure:
    """Everything that the rig moves.

    Attributes:
        head: float32 (h, w, 4) BGR 0..255 and alpha 0..1 on a canvas of ``scale`` pixels a frame pixel.
        body: the same for clothes, in front of the head.
        backdrop: float32 (H, W, 3), the frame's size.
        teeth: float32 like ``head``: upper teeth where they stand behind the closed lips.
        landmarks: (478, 3) of the face, frame pixels.
    """

    head: Array
    body: Array
    backdrop: Array
    teeth: Array
    landmarks: Points
    scale: float


class Rig:
    """Renders a :class:`Figure` in any pose. Frames are uint8 BGR of the backdrop's size."""

    OPEN = 27.0  # widest gap of the lips, frame pixels
    GRID = 6  # frame pixels between the points where the fields are solved

    def __init__(self, figure: Figure, seed: int = 0):
        self.figure = figure
        self.height, self.width = figure.backdrop.shape[:2]
        self.points = figure.landmarks[:, :2].astype(np.float64)
        self.seam = self._find_seam()
        self.depth = self._depth()
        self.bare_lids = self._bare_lids()
        self._rng = np.random.default_rng(seed)
        self._grain = [
            noise((self.height, self.width), 0.55, self._rng)[..., None] * 1.4 + 0.5 for _ in range(12)
        ]
        solid = np.argwhere(cv2.resize(figure.head[..., 3], (self.width, self.height)) > 0.01)
        (top, left), (bottom, right) = (edge.tolist() for edge in (solid.min(axis=0), solid.max(axis=0)))
        bottom = min(bottom, self.height - 33)
        self._head_box = (
            left // 2 * 2 - 32,
            max(0, top // 2 * 2 - 32),
            right // 2 * 2 + 32,
            bottom // 2 * 2 + 32,
        )
        self._body_top = int(np.argwhere(figure.body[..., 3].max(axis=1) > 0.01).min() / figure.scale) - 8

    # -- preparation ---------------------------------------------------------------------------------------

    def _find_seam(self) -> Points:
        """Where the closed lips meet, 25 points from corner to corner: the darkest line between them."""
        k = self.figure.scale
        grey = cv2.GaussianBlur(self.figure.head[..., :3].mean(axis=2), (0, 0), 0.8 * k)
        left, right = self.points[61], self.points[291]
        upper = self.points[[61, *UPPER_OUTER, 291]]
        lower = self.points[[61, *LOWER_OUTER, 291]]
        xs = left[0] + (right[0] - left[0]) * (0.5 - 0.5 * np.cos(np.linspace(0, np.pi, 25)))
        ys = []
        for x in xs:
            top, bottom = (np.interp(x, line[:, 0], line[:, 1]) for line in (upper, lower))
            low, high = top + 0.18 * (bottom - top), top + 0.62 * (bottom - top)
            rows = np.linspace(low, high, 60)
            values = cv2.remap(
                grey, np.full(60, x * k, np.float32), (rows * k).astype(np.float32), cv2.INTER_LINEAR
            ).ravel()
            ys.append(rows[int(values.argmin())])
        smooth = np.polyval(np.polyfit(xs[2:-2] - xs.mean(), ys[2:-2], 6), xs - xs.mean())
        smooth[0], smooth[-1] = left[1], right[1]
        smooth[1], smooth[-2] = (smooth[0] + smooth[2]) / 2, (smooth[-1] + smooth[-3]) / 2
        return np.stack([xs, smooth], axis=1)

    def _bare_lids(self) -> Array:
        """The head without the upper lashes: a lid that comes down shows skin where the lashes stood."""
        k = self.figure.scale
        mask = np.zeros(self.figure.head.shape[:2], np.uint8)
        for part in EYES:
            upper = self.points[part["upper"]]
            middle = upper.mean(axis=0)
            out = upper + (upper - middle) * [0.16, 0.0]
            ring = np.vstack([out + [0, 1.5], (out - [0, 10.0])[::-1]])
            cv2.fillPoly(mask, [np.round(ring * k).astype(np.int32)], 255)
        picture = np.clip(self.figure.head[..., :3], 0, 255).astype(np.uint8)
        filled = cv2.inpaint(picture, mask, 6 * k, cv2.INPAINT_TELEA).astype(np.float32)
        filled = cv2.GaussianBlur(filled, (0, 0), 1.2 * k)
        soft = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 1.0 * k)[..., None]
        out = self.figure.head.copy()
        out[..., :3] = out[..., :3] * (1 - soft) + filled * soft
        return out

    def _depth(self) -> Array:
        """z in frame pixels for each frame pixel at half size: the face's own, falling back around it."""
        marks = self.figure.landmarks
        yy, xx = np.mgrid[0 : self.height : 4, 0 : self.width : 4]
        inside = LinearNDInterpolator(marks[:, :2], marks[:, 2])(xx, yy)
        outside = NearestNDInterpolator(marks[:, :2], marks[:, 2])(xx, yy)
        centre = self.points[168]
        away = np.hypot(xx - centre[0], (yy - centre[1]) * 0.8)
        z = np.where(np.isnan(inside), np.minimum(outside + 0.25 * np.maximum(away - 150, 0), 130), inside)
        z = cv2.GaussianBlur(z.astype(np.float32), (0, 0), 4)
        return np.asarray(
            cv2.resize(z, (self.width // 2, self.height // 2), interpolation=cv2.INTER_LINEAR), np.float32
        )

    # -- fields --------------------------------------------------------------------------------------------

    def _field(self, box: tuple[int, int, int, int], source: Points, target: Points) -> tuple[Array, Array]:
        """Canvas coordinates to read from, for each canvas pixel of ``box`` (x0, y0, x1, y1; frame pixels)."""
        x0, y0, x1, y1 = box
        k, g = self.figure.scale, self.GRID
        nx, ny = (x1 - x0) // g + 1, (y1 - y0) // g + 1
        gx, gy = np.meshgrid(np.linspace(x0, x1, nx), np.linspace(y0, y1, ny))
        shift = thin_plate(target, source - target, np.stack([gx.ravel(), gy.ravel()], axis=1)).reshape(
            ny, nx, 2
        )
        # Nothing moves at the box's border.
        ex = np.minimum(gx - x0, x1 - gx) / (0.16 * (x1 - x0))
        ey = np.minimum(gy - y0, y1 - gy) / (0.16 * (y1 - y0))
        shift *= smoothstep(np.minimum(ex, ey).astype(np.float32), 0, 1)[..., None]
        w, h = round((x1 - x0) * k), round((y1 - y0) * k)
        px, py = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
        # A grid point lies at an exact canvas pixel: sample the coarse field there, cubic.
        mx, my = px / (w / (nx - 1)), py / (h / (ny - 1))
        fine = cv2.remap(shift.astype(np.float32), mx, my, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return px + x0 * k + fine[..., 0] * k, py + y0 * k + fine[..., 1] * k

    def _line(self, box: tuple[int, int, int, int], line: Points) -> Array:
        """Signed height below ``line`` (frame pixels, by x) for each canvas pixel of ``box``."""
        x0, y0, x1, y1 = box
        k = self.figure.scale
        xs = x0 + np.arange(round((x1 - x0) * k)) / k
        ys = y0 + np.arange(round((y1 - y0) * k)) / k
        return np.asarray(ys[:, None] - np.interp(xs, line[:, 0], line[:, 1])[None], np.float32)

    # -- the mouth -----------------------------------------------------------------------------------------

    def _mouth(self, canvas: Array, mouth: Mouth) -> None:
        p, k = self.points, self.figure.scale
        centre = (p[61] + p[291]) / 2
        half = (p[291, 0] - p[61, 0]) / 2
        gap = self.OPEN * mouth.open * (1 - 0.15 * mouth.round)
        stretch = 1 + (5.5 * mouth.wide - 17.0 * mouth.round - 5.0 * mouth.open * (1 - mouth.round)) / half
        along = np.clip((self.seam[:, 0] - centre[0]) / half, -1, 1)
        bow = (1 - np.abs(along) ** 2.1) ** 1.05
        bare = 2.0 * mouth.teeth + 3.2 * mouth.tuck
        up = (0.27 * gap + bare) * bow
        down = 0.73 * gap * bow
        lift = 0.10 * gap - 1.0 * mouth.wide

        def widened(points: Points) -> Points:
            out = points.copy()
            out[:, 0] = centre[0] + (points[:, 0] - centre[0]) * stretch
            return out

        def bowed(points: Points) -> Points:
            s = np.clip((points[:, 0] - centre[0]) / half, -1, 1)
            return np.asarray((1 - np.abs(s) ** 2.2) ** 0.8)

        upper_outer, lower_outer, corners = p[UPPER_OUTER], p[LOWER_OUTER], p[CORNERS]
        t_upper, t_lower, t_corner = widened(upper_outer), widened(lower_outer), widened(corners)
        b_up, b_low = bowed(upper_outer), bowed(lower_outer)
        t_upper[:, 1] += (
            b_up * (-0.24 * gap - 0.8 * bare - 2.2 * mouth.round + 2.6 * mouth.press) + (1 - b_up) * lift
        )
        t_lower[:, 1] += (
            b_low * (0.70 * gap + 2.6 * mouth.round - 3.4 * mouth.press - 3.5 * mouth.tuck)
            + (1 - b_low) * lift
        )
        t_corner[:, 1] += lift
        seam_up, seam_low = widened(self.seam), widened(self.seam)
        seam_up[:, 1] += -up + (1 - bow) * lift
        seam_low[:, 1] += down + (1 - bow) * lift
        seam_low[:, 1] -= 0.8 * mouth.press * bow
        seam_up[:, 1] += -0.8 * mouth.press * bow
        chin, jaw, cheeks, still, philtrum = p[CHIN], p[JAW], p[CHEEKS], p[STILL], p[PHILTRUM]
        t_chin, t_jaw, t_cheeks, t_philtrum = chin.copy(), jaw.copy(), cheeks.copy(), philtrum.copy()
        drop = 0.60 * gap
        t_chin[:, 1] += drop * np.cos(np.clip(np.abs(chin[:, 0] - centre[0]) / 120, 0, 1) * np.pi / 2) ** 0.7
        t_chin[:, 1] -= 2.0 * mouth.tuck
        t_jaw[:, 1] += 0.28 * drop
        side = np.sign(cheeks[:, 0] - centre[0])
        low = smoothstep((cheeks[:, 1] - centre[1]).astype(np.float32), -40, 50)
        t_cheeks[:, 0] += side * (2.0 * mouth.wide - 5.0 * mouth.round - 2.2 * mouth.open)
        t_cheeks[:, 1] += 0.32 * drop * low - 1.0 * mouth.wide
        t_philtrum[:, 1] += -0.06 * gap - 0.3 * bare - 0.8 * mouth.round
        x0, x1 = round(centre[0] - 150), round(centre[0] + 150)
        y0, y1 = round(p[2, 1] - 20), round(p[152, 1] + 66)
        box = (x0, y0, x0 + (x1 - x0) // 6 * 6, y0 + (y1 - y0) // 6 * 6)
        shared_s = np.vstack([corners, chin, jaw, cheeks, still, philtrum])
        shared_t = np.vstack([t_corner, t_chin, t_jaw, t_cheeks, still, t_philtrum])
        inner = slice(2, -2)
        # The upper field knows nothing of the chin, the lower one nothing of the philtrum's lift.
        up_map = self._field(
            box,
            np.vstack([shared_s, upper_outer, self.seam[inner]]),
            np.vstack([shared_t, t_upper, seam_up[inner]]),
        )
        low_map = self._field(
            box,
            np.vstack([shared_s, lower_outer, self.seam[inner]]),
            np.vstack([shared_t, t_lower, seam_low[inner]]),
        )
        head = self.figure.head
        above = cv2.remap(head, *up_map, cv2.INTER_CUBIC)
        below = cv2.remap(head, *low_map, cv2.INTER_CUBIC)
        middle = (seam_up + seam_low) / 2
        split = smoothstep(self._line(box, middle), -0.7, 0.7)[..., None]
        skin = above * (1 - split) + below * split
        hole = smoothstep(self._line(box, seam_up), -0.6, 0.9) * smoothstep(
            self._line(box, seam_low), 0.9, -0.6
        )
        xs = box[0] + np.arange(skin.shape[1]) / k
        inside_x = (xs > seam_up[0, 0] + 1) & (xs < seam_up[-1, 0] - 1)
        hole = hole * inside_x[None].astype(np.float32)
        open_here = np.interp(xs, seam_up[:, 0], seam_low[:, 1] - seam_up[:, 1])
        hole = hole * smoothstep(open_here.astype(np.float32), 0.5, 2.0)[None]
        inner_mouth = self._inside(box, mouth, seam_up, seam_low, gap)
        skin[..., :3] = skin[..., :3] * (1 - hole[..., None]) + inner_mouth * hole[..., None]
        cy, cx = round(box[1] * k), round(box[0] * k)
        canvas[cy : cy + skin.shape[0], cx : cx + skin.shape[1]] = skin

    def _inside(
        self, box: tuple[int, int, int, int], mouth: Mouth, seam_up: Points, seam_low: Points, gap: float
    ) -> Array:
        """The inside of the mouth over the whole box: cavity, tongue, lower and upper teeth, shadows."""
        k = self.figure.scale
        below_upper, below_lower = self._line(box, seam_up), self._line(box, seam_low)
        h, w = below_upper.shape
        xs = (box[0] + np.arange(w) / k)[None]
        ys = (box[1] + np.arange(h) / k)[:, None]
        middle = seam_up[:, 0].mean()
        half = (seam_up[-1, 0] - seam_up[0, 0]) / 2
        s = np.clip((xs - middle) / half, -1, 1).astype(np.float32)
        cavity = np.array([36.0, 30.0, 64.0], np.float32) * (1 - 0.4 * np.abs(s) ** 1.5)[..., None]
        out = np.broadcast_to(cavity, (h, w, 3)).copy()
        # The tongue lies behind the lower teeth and rises for l, th, n.
        base = seam_low[:, 1].max()
        top = base - 0.36 * gap - 5.0 * mouth.tongue
        bulge = (ys - top) / max(0.55 * gap + 4, 6.0) - 0.5 * (s * 1.6) ** 2
        tongue = smoothstep(bulge.astype(np.float32), -0.1, 0.45)[..., None]
        lit = 0.62 + 0.30 * mouth.tongue + 0.15 * mouth.open
        out = out * (1 - tongue) + np.array([104.0, 98.0, 172.0], np.float32) * lit * tongue
        # Lower teeth ride on the jaw; they show as a low, dim row.
        rows = round(box[1] * k), round(box[0] * k)
        teeth = self.figure.teeth
        upper = teeth[rows[0] : rows[0] + h, rows[1] : rows[1] + w]
        rest = float(np.interp(middle, self.seam[:, 0], self.seam[:, 1]))
        jaw = 0.70 * gap
        # Mirrored at their biting edge: row y shows what stands at 2 * edge - y in the upper row.
        edge = rest + 4.0
        flip_y = (2 * edge + jaw - 2.0) - ys
        my = np.broadcast_to((flip_y * k).astype(np.float32), (h, w)).copy()
        mx = np.broadcast_to(((middle + (xs - middle) * 1.18) * k).astype(np.float32), (h, w)).copy()
        lower = cv2.remap(teeth, mx, my, cv2.INTER_LINEAR)
        la = lower[..., 3:] * 0.85
        out = out * (1 - la) + lower[..., :3] * np.array([0.52, 0.52, 0.56], np.float32) * la
        ua = upper[..., 3:]
        out = out * (1 - ua) + upper[..., :3] * ua
        # Light falls off inwards, and the upper lip throws a shadow.
        shadow = (
            1
            - 0.55 * np.exp(-np.maximum(below_upper, 0) / 3.2)
            - 0.25 * np.exp(np.minimum(below_lower, 0) / 2.2)
        )
        out *= (np.clip(shadow, 0.1, 1) * (1 - 0.55 * np.abs(s) ** 2.2))[..., None]
        return np.asarray(out, np.float32)

    # -- the eyes ------------------------------------------------------------------------------------------

    def _eye(self, canvas: Array, which: int, pose: Pose) -> None:
        part, p, k = EYES[which], self.points, self.figure.scale
        upper, lower, crease, brow = (p[part[name]] for name in ("upper", "lower", "crease", "brow"))
        still = p[part["still"]]
        opening = float(np.mean(lower[3:6, 1] - upper[3:6, 1]))
        x = upper[:, 0]
        order = np.argsort(x)
        low_at = np.interp(x, np.sort(lower[:, 0]), lower[np.argsort(lower[:, 0]), 1])
        t_upper, t_lower, t_crease, t_brow = upper.copy(), lower.copy(), crease.copy(), brow.copy()
        # The lids follow the gaze a little, and meet near the lower one.
        t_upper[:, 1] += pose.blink * (low_at - upper[:, 1] - 0.4) + 0.25 * pose.gaze_y * (1 - pose.blink)
        t_lower[:, 1] -= 0.06 * opening * pose.blink
        lash_s, lash_t = upper[1:-1] - [0, 4.0], t_upper[1:-1] - [0, 3.4]
        t_crease[:, 1] += 0.30 * opening * pose.blink - 0.6 * pose.brow
        t_brow[:, 1] -= 3.4 * pose.brow - 0.8 * pose.blink
        x0, x1 = (
            round(float(min(brow[:, 0].min(), x.min())) - 44),
            round(float(max(brow[:, 0].max(), x.max())) + 44),
        )
        y0, y1 = round(float(brow[:, 1].min()) - 60), round(float(lower[:, 1].max()) + 40)
        box = (x0, y0, x0 + (x1 - x0) // 6 * 6, y0 + (y1 - y0) // 6 * 6)
        source = np.vstack([upper, lash_s, lower[1:-1], crease, brow, still])
        target = np.vstack([t_upper, lash_t, t_lower[1:-1], t_crease, t_brow, still])
        # Above the cut the lid moves; the lower lid's own field would fold, so it is left out of the upper one.
        lid_map = self._field(
            box,
            np.vstack([upper, lash_s, crease, brow, still]),
            np.vstack([t_upper, lash_t, t_crease, t_brow, still]),
        )
        del source, target
        cy, cx = round(box[1] * k), round(box[0] * k)
        head = self.figure.head
        lid = cv2.remap(head, *lid_map, cv2.INTER_CUBIC)
        h, w = lid.shape[:2]
        down = float(smoothstep(np.float32(pose.blink), 0.08, 0.4))
        if down > 0:
            lid = lid * (1 - down) + cv2.remap(self.bare_lids, *lid_map, cv2.INTER_CUBIC) * down
        # The eyeball: the picture as it is, its iris moved.
        px, py = np.meshgrid(np.arange(w, dtype=np.float32) + cx, np.arange(h, dtype=np.float32) + cy)
        iris = p[part["iris"]]
        radius = float(np.linalg.norm(iris[1] - iris[3])) / 2 * k
        r2 = ((px - iris[0, 0] * k) ** 2 + (py - iris[0, 1] * k) ** 2) / (1.5 * radius) ** 2
        near = np.exp(-(r2**2))
        ball = cv2.remap(
            head, px - near * pose.gaze_x * k, py - near * pose.gaze_y * k * 0.6, cv2.INTER_CUBIC
        )
        below_lid = self._line(box, t_upper[order])
        inner, outer = x.min(), x.max()
        xs = (box[0] + np.arange(w) / k)[None]
        across = smoothstep(np.minimum(xs - inner, outer - xs).astype(np.float32), -0.5, 1.5)
        above_low = -self._line(box, t_lower[np.argsort(t_lower[:, 0])])
        window = smoothstep(below_lid, -0.2, 1.1) * smoothstep(above_low, -1.0, 0.6) * across
        # Below the eye nothing moves, beside it the lid's field has faded to nothing.
        under = smoothstep(-above_low, -0.6, 1.4) * across * smoothstep(below_lid, -0.5, 1.5)
        plain = head[cy : cy + h, cx : cx + w]
        out = lid * (1 - window[..., None]) + ball * window[..., None]
        out = out * (1 - under[..., None]) + plain * under[..., None]
        if down > 0:
            # The lash line goes with the lid; thinner towards the nose.
            nose_side = np.abs(xs - self.points[168, 0]) / np.abs(x - self.points[168, 0]).max()
            thick = (1.0 + 1.2 * smoothstep(nose_side.astype(np.float32), 0.4, 0.95)) * (
                0.9 + 0.3 * pose.blink
            )
            lashes = np.exp(-(((below_lid + 0.2) / thick) ** 2)) * across * 0.85 * down
            out[..., :3] = (
                out[..., :3] * (1 - lashes[..., None])
                + np.array([36.0, 34.0, 42.0], np.float32) * lashes[..., None]
            )
        canvas[cy : cy + h, cx : cx + w] = _merge(canvas[cy : cy + h, cx : cx + w], out, plain)

    # -- the head in depth ---------------------------------------------------------------------------------

    def _head_map(self, pose: Pose) -> tuple[Array, Array]:
        """For each frame pixel, the canvas pixel of the head layer to read."""
        k = self.figure.scale
        x0, y0, x1, y1 = self._head_box
        yy, xx = np.mgrid[y0:y1:2, x0:x1:2].astype(np.float32) + np.float32(
            0.5
        )  # resize() aligns pixel centres
        neck = self.points[152] + np.array([0.0, 40.0])
        cyw, syw = np.cos(pose.yaw), np.sin(pose.yaw)
        cp, sp = np.cos(pose.pitch), np.sin(pose.pitch)
        cr, sr = np.cos(pose.roll), np.sin(pose.roll)
        qx, qy = xx.copy(), yy.copy()
        for _ in range(4):
            z = cv2.remap(self.depth, qx / 2, qy / 2, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) - 70
            dx, dy = qx - neck[0], qy - neck[1]
            turned, back = dx * cyw + z * syw, -dx * syw + z * cyw
            nodded = dy * cp - back * sp
            x2, y2 = turned * cr - nodded * sr, turned * sr + nodded * cr
            weight = smoothstep(qy, float(neck[1]) + 40, float(neck[1]) - 62)
            mx = (x2 * pose.scale + pose.x - dx) * weight
            my = (y2 * pose.scale + pose.y - dy) * weight
            my += (1 - weight) * (-0.5 * pose.breath)
            qx, qy = xx - mx, yy - my
        size = (x1 - x0, y1 - y0)
        full_x = cv2.resize(qx, size, interpolation=cv2.INTER_LINEAR)
        full_y = cv2.resize(qy, size, interpolation=cv2.INTER_LINEAR)
        return full_x * k, full_y * k

    def _body_map(self, pose: Pose) -> tuple[Array, Array]:
        k = self.figure.scale
        yy, xx = np.mgrid[self._body_top : self.height, 0 : self.width].astype(np.float32)
        away = np.abs(xx - self.points[152, 0])
        lift = pose.breath * (0.5 + 1.3 * smoothstep(away, 90, 300))
        sway = 0.22 * pose.x * np.ones_like(xx)
        return (
            xx - sway - np.sign(xx - self.points[152, 0]) * 0.5 * pose.breath * smoothstep(away, 100, 300)
        ) * k, (yy + lift) * k

    def render(self, mouth: Mouth, pose: Pose, index: int = 0) -> NDArray[np.uint8]:
        """One frame."""
        canvas = self.figure.head.copy()
        for which in (0, 1):
            self._eye(canvas, which, pose)
        self._mouth(canvas, mouth)
        x0, y0, x1, y1 = self._head_box
        mx, my = self._head_map(pose)
        head = cv2.remap(canvas, mx, my, cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)
        out = self.figure.backdrop.copy()
        part = out[y0:y1, x0:x1]
        part += (head[..., :3] - part) * np.clip(head[..., 3:], 0, 1)
        top = self._body_top
        body = cv2.remap(
            self.figure.body, *self._body_map(pose), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        part = out[top:]
        part += (body[..., :3] - part) * body[..., 3:]
        grain = self._grain[(index * 7) % len(self._grain)]
        out += grain[:, ::-1] if index % 2 else grain
        return np.asarray(np.clip(out, 0, 255), np.uint8)


def _merge(under: Array, new: Array, plain: Array) -> Array:
    """Where two boxes overlap (the brows meet above the nose) the one that moved more wins."""
    moved = np.abs(new - plain).sum(axis=2, keepdims=True)
    before = np.abs(under - plain).sum(axis=2, keepdims=True)
    return np.asarray(np.where(moved >= before, new, under), np.float32)

"""Lips, jaw and the inside of the mouth.

The mouth is a cut in the picture: above it one thin-plate field moves the skin, below it another, and what shows
between the two is a layer of its own: a dark cavity, the tongue, the lower teeth, the upper teeth.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from generate.presenter.articulation import Mouth
from generate.presenter.figure import Array, Box, Figure, Points, axes, below, boxed, field, window
from generate.presenter.wardrobe import smoothstep

UPPER_OUTER = [185, 40, 39, 37, 0, 267, 269, 270, 409]
LOWER_OUTER = [146, 91, 181, 84, 17, 314, 405, 321, 375]
CORNERS = [61, 291]
CHIN = [152, 148, 377, 176, 400, 149, 378, 150, 379, 199, 200, 175, 18, 83, 313, 201, 421, 208, 428, 32, 262]
JAW = [136, 365, 172, 397]
CHEEKS = [205, 425, 206, 426, 207, 427, 216, 436, 212, 432, 214, 434, 135, 364, 92, 322, 186, 410, 57, 287]
STILL = [2, 98, 327, 129, 358, 50, 280, 58, 288, 132, 361, 187, 411, 147, 376, 215, 435]
PHILTRUM = [164, 165, 391, 167, 393]

OPEN = 28.0  # widest gap of the lips, frame pixels
UP, DOWN = 0.26, 0.74  # how the two lips share it
JAW_SHARE = 0.60  # how much of it the chin makes
MEETING = 25  # points along the line where the lips meet


@dataclass(frozen=True)
class Shape:
    """The lips at one moment: points before and after, and the two edges of the opening."""

    source: Points
    target: Points
    upper_source: Points
    upper_target: Points
    lower_source: Points
    lower_target: Points
    edge_up: Points
    edge_low: Points
    gap: float


def find_seam(figure: Figure) -> Points:
    """Where the closed lips meet, (25, 2) from corner to corner: the darkest line between them."""
    points, k = figure.landmarks[:, :2], figure.scale
    grey = cv2.GaussianBlur(figure.head[..., :3].mean(axis=2), (0, 0), 0.8 * k)
    left, right = points[61], points[291]
    upper, lower = points[[61, *UPPER_OUTER, 291]], points[[61, *LOWER_OUTER, 291]]
    xs = left[0] + (right[0] - left[0]) * (0.5 - 0.5 * np.cos(np.linspace(0, np.pi, MEETING)))
    ys = []
    for x in xs:
        top, bottom = (np.interp(x, line[:, 0], line[:, 1]) for line in (upper, lower))
        rows = np.linspace(top + 0.18 * (bottom - top), top + 0.62 * (bottom - top), 60)
        column = np.full(60, x * k, np.float32)
        values = cv2.remap(grey, column, (rows * k).astype(np.float32), cv2.INTER_LINEAR).ravel()
        ys.append(rows[int(values.argmin())])
    line = np.polyval(np.polyfit(xs[2:-2] - xs.mean(), ys[2:-2], 6), xs - xs.mean())
    line[0], line[-1] = left[1], right[1]
    line[1], line[-2] = (line[0] + line[2]) / 2, (line[-1] + line[-3]) / 2
    return np.stack([xs, line], axis=1)


def lips(points: Points, seam: Points, mouth: Mouth) -> Shape:
    """Where the controls of the two fields go."""
    centre = (points[61] + points[291]) / 2
    half = (points[291, 0] - points[61, 0]) / 2
    gap = OPEN * mouth.open * (1 - 0.15 * mouth.round)
    stretch = 1 + (5.5 * mouth.wide - 17.0 * mouth.round - 5.0 * mouth.open * (1 - mouth.round)) / half
    bare = 2.0 * mouth.teeth + 3.2 * mouth.tuck  # the upper lip lifts off the teeth
    lift = 0.10 * gap - 1.0 * mouth.wide  # the corners go down with the jaw and up with a smile

    def widened(controls: Points) -> Points:
        out = controls.copy()
        out[:, 0] = centre[0] + (controls[:, 0] - centre[0]) * stretch
        return out

    def bow(controls: Points, power: float, reach: float) -> Points:
        along = np.clip((controls[:, 0] - centre[0]) / (half * reach), -1, 1)
        return np.asarray((1 - np.abs(along) ** power) ** 0.95)

    # The lips part only inside the corners: there they stay together.
    open_bow = bow(seam, 2.1, 0.92)
    edge_up, edge_low = widened(seam), widened(seam)
    edge_up[:, 1] += (1 - open_bow) * lift - (UP * gap + bare + 0.8 * mouth.press) * open_bow
    edge_low[:, 1] += (1 - open_bow) * lift + (DOWN * gap - 0.8 * mouth.press) * open_bow

    upper, lower, corners = points[UPPER_OUTER], points[LOWER_OUTER], points[CORNERS]
    t_upper, t_lower, t_corner = widened(upper), widened(lower), widened(corners)
    b_up, b_low = bow(upper, 2.2, 1.0), bow(lower, 2.2, 1.0)
    t_upper[:, 1] += (1 - b_up) * lift + b_up * (
        -0.92 * UP * gap - 0.8 * bare - 2.2 * mouth.round + 2.6 * mouth.press
    )
    t_lower[:, 1] += (1 - b_low) * lift + b_low * (
        0.95 * DOWN * gap + 2.6 * mouth.round - 3.4 * mouth.press - 3.5 * mouth.tuck
    )
    t_corner[:, 1] += lift

    chin, jaw, cheeks, still, philtrum = (points[group] for group in (CHIN, JAW, CHEEKS, STILL, PHILTRUM))
    t_chin, t_jaw, t_cheeks, t_philtrum = chin.copy(), jaw.copy(), cheeks.copy(), philtrum.copy()
    drop = JAW_SHARE * gap
    t_chin[:, 1] += drop * np.cos(np.clip(np.abs(chin[:, 0] - centre[0]) / 120, 0, 1) * np.pi / 2) ** 0.7
    t_chin[:, 1] -= 2.0 * mouth.tuck + 1.2 * mouth.press
    t_jaw[:, 1] += 0.28 * drop
    low = smoothstep((cheeks[:, 1] - centre[1]).astype(np.float32), -40, 50)
    t_cheeks[:, 0] += np.sign(cheeks[:, 0] - centre[0]) * (
        2.0 * mouth.wide - 5.0 * mouth.round - 2.2 * mouth.open
    )
    t_cheeks[:, 1] += 0.32 * drop * low - 1.0 * mouth.wide
    t_philtrum[:, 1] -= 0.06 * gap + 0.3 * bare + 0.8 * mouth.round
    inner = slice(2, -2)
    return Shape(
        source=np.vstack([corners, chin, jaw, cheeks, still, philtrum]),
        target=np.vstack([t_corner, t_chin, t_jaw, t_cheeks, still, t_philtrum]),
        upper_source=np.vstack([upper, seam[inner]]),
        upper_target=np.vstack([t_upper, edge_up[inner]]),
        lower_source=np.vstack([lower, seam[inner]]),
        lower_target=np.vstack([t_lower, edge_low[inner]]),
        edge_up=edge_up,
        edge_low=edge_low,
        gap=gap,
    )


def draw_mouth(canvas: Array, figure: Figure, seam: Points, mouth: Mouth) -> None:
    """Draw the mouth and the jaw into ``canvas`` (a copy of the figure's head)."""
    points, k = figure.landmarks[:, :2], figure.scale
    shape = lips(points, seam, mouth)
    middle_x = (points[61, 0] + points[291, 0]) / 2
    box = boxed(middle_x - 150, points[2, 1] - 20, middle_x + 150, points[152, 1] + 66)
    # The upper field knows nothing of the lower lip, and the lower one nothing of the upper.
    above_at = field(
        box, k, np.vstack([shape.source, shape.upper_source]), np.vstack([shape.target, shape.upper_target])
    )
    below_at = field(
        box, k, np.vstack([shape.source, shape.lower_source]), np.vstack([shape.target, shape.lower_target])
    )
    above = cv2.remap(figure.head, *above_at, cv2.INTER_CUBIC)
    under = cv2.remap(figure.head, *below_at, cv2.INTER_CUBIC)
    split = smoothstep(below(box, k, (shape.edge_up + shape.edge_low) / 2), -0.7, 0.7)[..., None]
    skin = above + (under - above) * split
    from_up, from_low = below(box, k, shape.edge_up), below(box, k, shape.edge_low)
    xs, _ = axes(box, k)
    open_here = np.interp(
        xs[0], shape.edge_up[:, 0], shape.edge_low[:, 1] - shape.edge_up[:, 1], left=0, right=0
    )
    hole = smoothstep(from_up, -0.6, 0.9) * smoothstep(from_low, 0.9, -0.6)
    hole *= smoothstep(open_here.astype(np.float32), 0.4, 1.8)[None]
    inside = _inside(figure, box, seam, shape, mouth)
    skin[..., :3] += (inside - skin[..., :3]) * hole[..., None]
    canvas[window(box, k)] = skin


def _inside(figure: Figure, box: Box, seam: Points, shape: Shape, mouth: Mouth) -> Array:
    """The inside of the mouth over the whole box."""
    k, gap = figure.scale, shape.gap
    xs, ys = axes(box, k)
    from_up, from_low = below(box, k, shape.edge_up), below(box, k, shape.edge_low)
    middle = float(shape.edge_up[:, 0].mean())
    half = float(shape.edge_up[-1, 0] - shape.edge_up[0, 0]) / 2
    s = np.clip((xs - middle) / half, -1, 1)
    out = np.broadcast_to(
        np.array([30.0, 24.0, 58.0], np.float32) * (1 - 0.4 * np.abs(s) ** 1.5)[..., None],
        (*from_up.shape, 3),
    ).copy()
    # The tongue lies behind the lower teeth and rises for l, th, n.
    top = float(shape.edge_low[:, 1].max()) - 0.40 * gap - 5.0 * mouth.tongue
    bulge = (ys - top) / max(0.55 * gap + 4, 6.0) - 0.5 * (s * 1.6) ** 2
    tongue = smoothstep(bulge, -0.1, 0.6)[..., None]
    lit = 0.58 + 0.30 * mouth.tongue + 0.12 * mouth.open
    groove = 1 - 0.14 * np.exp(-((s / 0.07) ** 2))
    out += (np.array([112.0, 104.0, 176.0], np.float32) * (lit * groove)[..., None] - out) * tongue
    # Lower teeth ride on the jaw: the upper ones mirrored at their biting edge, smaller and in shade.
    rest = float(np.interp(middle, seam[:, 0], seam[:, 1]))
    mirror = 2 * (rest + EDGE) + DOWN * 0.94 * gap - 3.6 + 1.6 * mouth.teeth
    at_x = np.broadcast_to((middle + (xs - middle) * 1.22) * k, from_up.shape).astype(np.float32)
    at_y = np.broadcast_to((mirror - ys) * k, from_up.shape).astype(np.float32)
    lower = cv2.remap(figure.teeth, at_x, at_y, cv2.INTER_LINEAR)
    out += (lower[..., :3] * np.array([0.60, 0.60, 0.63], np.float32) - out) * (lower[..., 3:] * 0.9)
    upper = figure.teeth[window(box, k)]
    out += (upper[..., :3] * 0.97 - out) * upper[..., 3:]
    # Light falls off inwards, and the lips throw shadows.
    shade = 1 - 0.45 * np.exp(-np.maximum(from_up, 0) / 2.6) - 0.22 * np.exp(np.minimum(from_low, 0) / 2.0)
    out *= (np.clip(shade, 0.1, 1) * (1 - 0.55 * np.abs(s) ** 2.4))[..., None]
    return out


EDGE = 4.0  # the upper teeth's edge, frame pixels below the line where the closed lips meet

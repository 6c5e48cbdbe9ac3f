"""Lids, brows and gaze. The upper lid is a cut like the mouth: skin above it, the eyeball below it."""

from __future__ import annotations

import cv2
import numpy as np

from generate.presenter.figure import Array, Figure, Points, axes, below, boxed, field, window
from generate.presenter.motion import Pose
from generate.presenter.wardrobe import smoothstep

EYES = (
    {
        "upper": [33, 246, 161, 160, 159, 158, 157, 173, 133],
        "lower": [33, 7, 163, 144, 145, 153, 154, 155, 133],
        "crease": [247, 30, 29, 27, 28, 56, 190],
        "brow": [70, 63, 105, 66, 107, 46, 53, 52, 65, 55],
        "still": [130, 226, 31, 228, 229, 230, 231, 232, 243, 244, 245, 193, 168, 6, 143, 21, 54, 103, 67, 109, 10],
        "iris": [468, 469, 470, 471, 472],
    },
    {
        "upper": [263, 466, 388, 387, 386, 385, 384, 398, 362],
        "lower": [263, 249, 390, 373, 374, 380, 381, 382, 362],
        "crease": [467, 260, 259, 257, 258, 286, 414],
        "brow": [300, 293, 334, 296, 336, 276, 283, 282, 295, 285],
        "still": [359, 446, 261, 448, 449, 450, 451, 452, 463, 464, 465, 417, 168, 6, 372, 251, 284, 332, 297, 338, 10],
        "iris": [473, 474, 475, 476, 477],
    },
)  # fmt: skip
LASH = np.array([34.0, 32.0, 40.0], np.float32)  # BGR
BROW_LIFT = 3.6  # frame pixels at brow = 1


def bare_lids(figure: Figure) -> Array:
    """The head without the upper lashes: a lid that comes down shows skin where the lashes stood."""
    k, points = figure.scale, figure.landmarks[:, :2]
    mask = np.zeros(figure.head.shape[:2], np.uint8)
    for part in EYES:
        upper = points[part["upper"]]
        spread = upper + (upper - upper.mean(axis=0)) * [0.22, 0.0]
        ring = np.vstack([spread + np.array([0, 2.0]), (spread - np.array([0, 12.0]))[::-1]])
        cv2.fillPoly(mask, [np.round(ring * k).astype(np.int32)], 255)
    # The skin just above the lashes, carried down over them: smooth and of the lid's own colour.
    h, w = mask.shape
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    above = yy.copy()
    for part in EYES:
        line = _sorted(points[part["upper"]])
        x0, x1 = (round((line[end, 0] + reach) * k) for end, reach in ((0, -24), (-1, 24)))
        columns = slice(x0, x1)
        reach_up = np.interp(np.arange(x0, x1) / k, line[:, 0], line[:, 1]) - 12.5
        above[:, columns] = np.minimum(yy[:, columns], (reach_up * k)[None])
    filled = cv2.remap(figure.head[..., :3], xx, above, cv2.INTER_LINEAR)
    filled = cv2.GaussianBlur(filled, (0, 0), sigmaX=4.0 * k, sigmaY=1.2 * k)
    soft = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 1.0 * k)[..., None]
    out = figure.head.copy()
    out[..., :3] += (filled * np.array([0.96, 0.955, 0.97], np.float32) - out[..., :3]) * soft
    return out


def _sorted(points: Points) -> Points:
    return np.asarray(points[np.argsort(points[:, 0])])


def draw_eye(canvas: Array, figure: Figure, bare: Array, which: int, pose: Pose) -> None:
    """Draw one eye with its lid and brow into ``canvas``. ``bare`` is :func:`bare_lids` of the figure."""
    points, k, head = figure.landmarks[:, :2], figure.scale, figure.head
    part = EYES[which]
    upper, lower, crease, brow, still = (
        points[part[n]] for n in ("upper", "lower", "crease", "brow", "still")
    )
    opening = float(np.mean(lower[3:6, 1] - upper[3:6, 1]))
    x = upper[:, 0]
    low_at = np.interp(x, _sorted(lower)[:, 0], _sorted(lower)[:, 1])
    t_upper, t_lower, t_crease, t_brow = upper.copy(), lower.copy(), crease.copy(), brow.copy()
    t_upper[:, 1] += pose.blink * (low_at - upper[:, 1] + 0.5) + 0.25 * pose.gaze_y * (1 - pose.blink)
    t_lower[:, 1] -= 0.06 * opening * pose.blink
    t_crease[:, 1] += 0.30 * opening * pose.blink - 0.25 * BROW_LIFT * pose.brow
    t_brow[:, 1] -= BROW_LIFT * pose.brow - 0.8 * pose.blink
    # A strip of lid above the lashes keeps its height; the skin behind it unfolds.
    strip, t_strip = upper[1:-1] - [0, 4.0], t_upper[1:-1] - [0, 3.4]
    box = boxed(
        min(brow[:, 0].min(), x.min()) - 44,
        brow[:, 1].min() - 60,
        max(brow[:, 0].max(), x.max()) + 44,
        lower[:, 1].max() + 40,
    )
    lid_at = field(
        box,
        k,
        np.vstack([upper, strip, crease, brow, still]),
        np.vstack([t_upper, t_strip, t_crease, t_brow, still]),
    )
    lid = cv2.remap(head, *lid_at, cv2.INTER_CUBIC)
    down = float(smoothstep(np.array(pose.blink, np.float32), 0.08, 0.4))
    if down > 0:
        lid += (cv2.remap(bare, *lid_at, cv2.INTER_CUBIC) - lid) * down
    plain = head[window(box, k)]
    ball = _ball(figure, part["iris"], box_origin=(box[0], box[1]), shape=plain.shape, pose=pose)

    xs, _ = axes(box, k)
    from_lid, from_low = below(box, k, _sorted(t_upper)), below(box, k, _sorted(t_lower))
    across = smoothstep(np.minimum(xs - x.min(), x.max() - xs), -0.5, 1.5)
    # A lowered lid shades the ball below its edge.
    ball[..., :3] *= (1 - 0.35 * down * np.exp(-np.maximum(from_lid, 0) / 2.5))[..., None]
    seen = smoothstep(from_lid, -0.2, 1.1) * smoothstep(-from_low, -1.0, 0.6) * across
    beneath = smoothstep(from_low, -0.6, 1.4) * across * smoothstep(from_lid, -0.5, 1.5)
    out = lid + (ball - lid) * seen[..., None]
    out += (plain - out) * beneath[..., None]
    if down > 0:
        out[..., :3] += (LASH - out[..., :3]) * (_lashes(xs, from_lid, x, pose.blink) * across * down)[
            ..., None
        ]
    canvas[window(box, k)] = _merged(canvas[window(box, k)], out, plain)


def _lashes(xs: Array, from_lid: Array, x: Points, blink: float) -> Array:
    """Alpha of the lash line at the edge of a lowered lid: thicker outwards, ragged below."""
    outwards = (xs - x[-1]) / (x[0] - x[-1])  # 0 at the nose, 1 at the temple
    thick = (0.7 + 1.3 * smoothstep(outwards, 0.15, 0.9)) * (0.9 + 0.35 * blink)
    ragged = 0.5 + 0.5 * np.sin(xs * 2.9 + 1.7 * np.sin(xs * 0.83))
    hanging = thick * (1 + 1.5 * blink * ragged * smoothstep(outwards, 0.1, 0.6))
    core = np.exp(-((np.minimum(from_lid, 0) / thick) ** 2)) * np.exp(
        -((np.maximum(from_lid, 0) / hanging) ** 2)
    )
    return np.asarray(core * (0.45 + 0.42 * smoothstep(outwards, 0.0, 0.35)), np.float32)


def _ball(
    figure: Figure, iris: list[int], *, box_origin: tuple[int, int], shape: tuple[int, ...], pose: Pose
) -> Array:
    """The eyeball as it is in the picture, its iris moved with the gaze."""
    k, points = figure.scale, figure.landmarks[:, :2]
    px, py = np.meshgrid(
        np.arange(shape[1], dtype=np.float32) + box_origin[0] * k,
        np.arange(shape[0], dtype=np.float32) + box_origin[1] * k,
    )
    centre = points[iris[0]] * k
    radius = float(np.linalg.norm(points[iris[1]] - points[iris[3]])) / 2 * k
    near = np.exp(-((((px - centre[0]) ** 2 + (py - centre[1]) ** 2) / (1.5 * radius) ** 2) ** 2)).astype(
        np.float32
    )
    return np.asarray(
        cv2.remap(
            figure.head, px - near * (pose.gaze_x * k), py - near * (pose.gaze_y * k * 0.6), cv2.INTER_CUBIC
        ),
        np.float32,
    )


def _merged(under: Array, new: Array, plain: Array) -> Array:
    """Where the two eyes' boxes overlap (the brows meet above the nose) the one that moved more wins."""
    moved = np.abs(new - plain).sum(axis=2, keepdims=True)
    before = np.abs(under - plain).sum(axis=2, keepdims=True)
    return np.asarray(np.where(moved >= before, new, under), np.float32)

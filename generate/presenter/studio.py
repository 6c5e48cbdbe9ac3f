"""From the upscaled portrait to the figure on the set: tidy hair, matte, neck, teeth, sweater, backdrop.

Coordinates of the portrait are in pixels of its 384 side (``U`` pixels each after the upscaling); they were read
off this one picture. Another choice of sources needs another reading.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from generate.presenter.figure import Figure
from generate.presenter.mouth import EDGE
from generate.presenter.wardrobe import backdrop, noise, smoothstep, sweater

Array = NDArray[np.float32]
Points = NDArray[np.float64]

WIDTH, HEIGHT = 1280, 720
U = 4  # pixels of the upscaled portrait a pixel of the sources
SIDE = 384 * U
SCALE = 1.5  # canvas pixels a frame pixel
SIZE = 560.0 / SIDE  # frame pixels a portrait pixel: the face is then about 330 pixels high
LEFT, TOP = 363.0, 38.0  # where the portrait's corner lies in the frame
NECK = 642.0  # x of the neck's middle in the frame
INNER_LIPS = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95]


def grid() -> tuple[Array, Array]:
    """x and y of each pixel of the portrait, in source pixels."""
    yy, xx = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    return xx / U, yy / U


def tidy(portrait: Array, seed: int) -> Array:
    """The right side's hair ends as the left side's does; no earring; a clean hairline on both sides."""
    x, y = grid()
    rng = np.random.default_rng(seed)
    spot = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(
        spot, (round(109.7 * U), round(296.4 * U)), (round(5.6 * U), round(14.8 * U)), 0, 0, 360, 255, -1
    )
    whole = np.clip(portrait, 0, 255).astype(np.uint8)
    clean = cv2.inpaint(whole, spot, 9, cv2.INPAINT_TELEA).astype(np.float32)
    ragged = noise((SIDE, SIDE), 1.5 * U, rng, 6.0)
    # Below the ear: mirrored about the neck, its width fitted to this side's.
    column = np.interp(
        x[0], [225, 239.1, 271.5, 288.3, 338.3, 357.3, 384], [154.7, 140.7, 115, 103.7, 66.8, 52.7, 32.4]
    ).astype(np.float32)
    mirrored = cv2.remap(clean, np.tile(column * U, (SIDE, 1)), y * U, cv2.INTER_CUBIC)
    edge = np.interp(y[:, 0], [211, 246.2, 267.2, 298.9, 316.5, 384], [292.6, 289, 283.4, 271.5, 270, 272.5])
    away = x - edge[:, None].astype(np.float32)
    alpha = smoothstep(away, -2.1, 2.1) * smoothstep(y + 0.25 * (x - 309.4) + 2.1 * ragged, 242.6, 281.3)
    out = clean * (1 - alpha[..., None]) + mirrored * alpha[..., None]
    # The hairline above the right temple: mirrored about the parting's line.
    middle = np.interp(y[:, 0], [73.8, 84.4, 105.5, 137.1, 150], [189.9, 193.4, 197.5, 198, 198.5])[:, None]
    opposite = cv2.remap(out, ((2 * middle - x) * U).astype(np.float32), y * U, cv2.INTER_CUBIC)
    line = np.interp(y[:, 0], [70, 84.4, 105.5, 137.1, 160], [232, 251, 272, 284, 288])[:, None].astype(
        np.float32
    )
    near = smoothstep(x - line, -36, -20) * smoothstep(x - line, 22, 8)
    alpha = near * smoothstep(y + 1.5 * ragged, 70, 84) * smoothstep(y + 1.5 * ragged, 158, 138)
    return np.asarray(out * (1 - alpha[..., None]) + opposite * alpha[..., None], np.float32)


def matte(portrait: Array) -> Array:
    """Alpha 0..1 of the person: MediaPipe's segmentation, sharpened along the picture's own edges."""
    import mediapipe

    picture = np.clip(portrait, 0, 255).astype(np.uint8)
    with mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0) as segmenter:
        rough = segmenter.process(np.ascontiguousarray(picture[..., ::-1])).segmentation_mask
    fine = cv2.ximgproc.guidedFilter(picture, rough.astype(np.float32), 6 * U, 1e-4 * 255**2)
    alpha = smoothstep(np.clip(fine, 0, 1), 0.25, 0.95)
    x, y = grid()
    # The outline of hair is smooth; the segmentation's small bumps go, strands() roughens it as hair does.
    calm = smoothstep(cv2.GaussianBlur(alpha, (0, 0), 2.4 * U), 0.36, 0.74)
    alpha += (calm - alpha) * smoothstep(y, 318, 296)
    # The sources cut the crown flat at their upper edge: round it.
    crown = np.interp(
        x[0],
        [105.5, 133.6, 151.2, 168.8, 191.6, 214.5, 235.6, 256.7, 281.3],
        [28.1, 14.8, 8.4, 4.2, 1.8, 2.8, 6.3, 14.1, 28.1],
    )
    return np.asarray(alpha * smoothstep((y - crown[None]).astype(np.float32), -0.7, 1.8), np.float32)


def unspill(portrait: Array, alpha: Array) -> Array:
    """The old background's colour out of the hair's edge: colours there come from further inside."""
    solid = cv2.erode((alpha > 0.97).astype(np.uint8), np.ones((2 * U + 5, 2 * U + 5), np.uint8))
    inside = solid.astype(np.float32)
    kept = portrait * inside[..., None]
    filled, got = np.zeros_like(portrait), np.zeros_like(inside)
    for sigma in (3, 8, 20, 60):
        weight = cv2.GaussianBlur(inside, (0, 0), sigma)
        colour = cv2.GaussianBlur(kept, (0, 0), sigma)
        new = (weight > 1e-3) & (got == 0)
        filled[new] = colour[new] / weight[new][:, None]
        got[new] = 1
    # Keep the strands' light and dark, take the hue and mean from inside.
    grey = portrait.mean(axis=2)
    texture = (grey - cv2.GaussianBlur(grey, (0, 0), 2.0 * U))[..., None] * 0.7
    near = np.clip(cv2.GaussianBlur(inside, (0, 0), 2.5)[..., None] * 1.2 - 0.2, 0, 1)
    near = np.where(solid[..., None] > 0, 1, near)
    return np.asarray(portrait * near + np.clip(filled + texture, 0, 255) * (1 - near), np.float32)


def strands(head: Array, seed: int) -> Array:
    """Single hairs across the outline, so that it is no cut: each follows the outline and leaves it slowly."""
    rng = np.random.default_rng(seed)
    alpha = head[..., 3]
    smooth = cv2.GaussianBlur(alpha, (0, 0), 6 * SCALE)
    gy, gx = np.gradient(smooth)
    ys, xs = np.nonzero((smooth > 0.45) & (smooth < 0.6))
    keep = ys < 490 * SCALE
    ys, xs = ys[keep], xs[keep]
    layer = np.zeros(alpha.shape, np.float32)
    for index in rng.choice(len(xs), 420, replace=False):
        x, y = float(xs[index]), float(ys[index])
        normal = -np.array([gx[int(y), int(x)], gy[int(y), int(x)]])
        normal /= np.linalg.norm(normal) + 1e-9
        along = np.array([-normal[1], normal[0]])
        along *= 1 if along[1] >= 0 else -1  # hair falls
        start = np.array([x, y]) - normal * rng.uniform(2, 7) * SCALE - along * rng.uniform(5, 25) * SCALE
        length, leave = rng.uniform(25, 70) * SCALE, rng.uniform(0.5, 4.5) * SCALE
        bend = rng.uniform(-1.5, 1.5) * SCALE
        t = np.linspace(0, 1, 24)[:, None]
        path = start + along * length * t + normal * (leave * np.sin(t * 2.2) + bend * t**2)
        low = np.maximum(np.floor(path.min(axis=0)).astype(int) - 3, 0)
        high = np.ceil(path.max(axis=0)).astype(int) + 4
        part = layer[low[1] : high[1], low[0] : high[0]]
        one = np.zeros(part.shape, np.uint8)
        cv2.polylines(
            one, [np.round((path - low) * 16).astype(np.int32)], False, 255, 1, cv2.LINE_AA, shift=4
        )
        np.maximum(part, one.astype(np.float32) * (rng.uniform(0.12, 0.42) / 255), out=part)
    layer = cv2.GaussianBlur(layer, (0, 0), 0.45 * SCALE)
    out = head.copy()
    total = layer + alpha * (1 - layer)
    colour = cv2.GaussianBlur(head[..., :3], (0, 0), 3 * SCALE) * 0.9
    share = np.where(alpha < 0.98, layer / np.maximum(total, 1e-6), 0)[..., None]
    out[..., :3] = head[..., :3] * (1 - share) + colour * share
    out[..., 3] = total
    return out


def placed(image: Array, *, extend: bool = False) -> Array:
    """A picture of the portrait's size on the canvas."""
    shrink = SIZE * SCALE
    matrix = np.array([[shrink, 0, LEFT * SCALE], [0, shrink, TOP * SCALE]])
    soft = cv2.GaussianBlur(image, (0, 0), 0.4 / shrink)
    size = (round(WIDTH * SCALE), round(HEIGHT * SCALE))
    border = cv2.BORDER_REPLICATE if extend else cv2.BORDER_CONSTANT
    return np.asarray(
        cv2.warpAffine(soft, matrix, size, flags=cv2.INTER_CUBIC, borderMode=border), np.float32
    )


def teeth_of(smile: Array, points: Points, seam: float) -> Array:
    """The upper teeth of an open smile, their edge a little below the closed lips' ``seam`` (y, frame pixels).

    Args:
        smile: the upscaled picture; points: its mesh points in its own pixels.
    """
    mask = np.zeros(smile.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(points[INNER_LIPS, :2]).astype(np.int32)], 255)
    mask = cv2.erode(mask, np.ones((3, 3), np.uint8))
    lab = cv2.cvtColor(np.clip(smile, 0, 255) / 255, cv2.COLOR_BGR2LAB)
    alpha = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 2.5)
    alpha = alpha * smoothstep(lab[..., 0], 38, 62) * smoothstep(lab[..., 1], 26, 14)
    ys, xs = np.nonzero(alpha > 0.5)
    shrink = SIZE * SCALE
    x = NECK * SCALE - 0.5 * SCALE - shrink * (xs.min() + xs.max()) / 2
    y = (seam + EDGE) * SCALE - shrink * ys.max()
    layer = cv2.GaussianBlur(np.dstack([smile, alpha]).astype(np.float32), (0, 0), 0.8)
    # The smile's arc, made flatter: speech shows the teeth's edges nearly level.
    py, px = np.mgrid[0 : layer.shape[0], 0 : layer.shape[1]].astype(np.float32)
    across = (px - (xs.min() + xs.max()) / 2) / ((xs.max() - xs.min()) / 2)
    rise = 0.34 * (ys.max() - ys.min()) * np.minimum(across**2, 1.2)
    layer = cv2.remap(layer, px, py - rise.astype(np.float32), cv2.INTER_LINEAR)
    size = (round(WIDTH * SCALE), round(HEIGHT * SCALE))
    return np.asarray(cv2.warpAffine(layer, np.array([[shrink, 0, x], [0, shrink, y]]), size), np.float32)


def dress(portrait: Array, smile: Array, smile_points: Points, seed: int) -> Figure:
    """Everything together. ``portrait`` and ``smile`` are upscaled; see :class:`Figure` for what comes out."""
    from generate.presenter.portrait import mesh

    rng = np.random.default_rng(seed)
    clean = tidy(portrait, seed)
    alpha = matte(clean)
    colour = placed(unspill(clean, alpha), extend=True)
    solid = np.clip(placed(alpha), 0, 1)
    x = (np.arange(colour.shape[1], dtype=np.float32) / SCALE)[None]
    y = (np.arange(colour.shape[0], dtype=np.float32) / SCALE)[:, None]
    # Below the hair only the neck is kept; it goes on under the collar. Its sides are cleared of the source's
    # clothes: their colours come from further in, darker towards the edge.
    neck = smoothstep(np.abs(x - NECK), 126, 120)
    ragged = noise((colour.shape[0], colour.shape[1]), 1.6 * SCALE, rng, 5.0)
    tips = smoothstep(y + 3.0 * ragged, 499, 509)
    solid = np.where(y > TOP + 544, neck, solid * (1 - tips * (1 - neck)))
    colour = _cleared_neck(colour)
    front = smoothstep(np.abs(x - NECK), 113, 121) * smoothstep(y, 540, 520)
    head = np.dstack([colour, solid]).astype(np.float32)
    landmarks = mesh(_flat(head))
    head = _shaded_neck(head, landmarks)
    head = strands(head, seed)
    cloth, cut = sweater((WIDTH, HEIGHT), SCALE, centre=NECK, neck=(124.0, TOP + 551.3), rng=rng)
    cloth *= 1 - 0.42 * _shadow(head[..., 3] * front)[..., None]
    seam = float((landmarks[13, 1] + landmarks[0, 1] * 0.35) / 1.35)
    teeth = teeth_of(smile, smile_points, seam)
    return Figure(head, np.dstack([cloth, cut]), front, backdrop(WIDTH, HEIGHT, rng), teeth, landmarks, SCALE)


def _shadow(alpha: Array) -> Array:
    """What the hair throws on the shoulders, 0..1: it lies lower and is soft."""
    moved = np.roll(alpha, round(9 * SCALE), axis=0)
    return np.asarray(cv2.GaussianBlur(moved, (0, 0), 7 * SCALE), np.float32)


def _cleared_neck(colour: Array) -> Array:
    h, w = colour.shape[:2]
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    side = xx / SCALE - NECK
    reach = 104.0
    folded = np.where(np.abs(side) > reach, np.sign(side) * (2 * reach - np.abs(side)), side)
    skin = cv2.remap(colour, ((NECK + folded) * SCALE).astype(np.float32), yy, cv2.INTER_LINEAR)
    skin *= (1 - 0.45 * smoothstep(np.abs(side), reach - 4, reach + 22))[..., None]
    where = smoothstep(yy / SCALE, 492, 502) * smoothstep(np.abs(side), reach - 6, reach + 1)
    where *= smoothstep(np.abs(side), reach + 24, reach + 16)
    return np.asarray(colour + (skin - colour) * where[..., None], np.float32)


def _flat(head: Array) -> NDArray[np.uint8]:
    flat = head[..., :3] * head[..., 3:] + 128 * (1 - head[..., 3:])
    return np.asarray(
        cv2.resize(np.clip(flat, 0, 255), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8
    )


def _shaded_neck(head: Array, landmarks: Points) -> Array:
    """The soft shadow that a jaw lit from above throws on the neck."""
    jaw = landmarks[[58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288], :2]
    x = np.arange(head.shape[1], dtype=np.float32) / SCALE
    y = np.arange(head.shape[0], dtype=np.float32) / SCALE
    below = y[:, None] - np.interp(x, jaw[:, 0], jaw[:, 1])[None].astype(np.float32)
    inside = smoothstep(np.minimum(x - jaw[0, 0], jaw[-1, 0] - x), 0, 25)[None]
    shade = smoothstep(below, 0, 9) * smoothstep(below, 75, 14) * inside
    tint = 1 - np.array([0.30, 0.26, 0.20], np.float32) * shade[..., None]
    out = head.copy()
    out[..., :3] *= tint
    return out

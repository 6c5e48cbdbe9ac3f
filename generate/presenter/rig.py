"""The portrait in any pose: eyes and mouth in the picture's own plane, then the head in depth, then the set."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

from generate.presenter.articulation import Mouth
from generate.presenter.eyes import bare_lids, draw_eye
from generate.presenter.figure import Array, Figure
from generate.presenter.motion import Pose
from generate.presenter.mouth import draw_mouth, find_seam
from generate.presenter.wardrobe import noise, smoothstep

GRAIN = 1.1  # levels of film grain, standard deviation
GRAINS = 12
MARGIN = 32  # frame pixels around the head that its motion may reach
EAR_DEPTH = 70.0  # z of the axis that the head turns about, behind the mesh's origin, frame pixels


class Rig:
    """Renders a :class:`Figure`. Frames are uint8 BGR of the backdrop's size; the same pose gives the same frame."""

    def __init__(self, figure: Figure, seed: int = 0):
        self.figure = figure
        self.height, self.width = figure.backdrop.shape[:2]
        self.seam = find_seam(figure)
        self.bare = bare_lids(figure)
        self.depth = self._depth()
        rng = np.random.default_rng(seed)
        shape = (self.height, self.width)
        self._grain = [noise(shape, 0.6, rng)[..., None] * GRAIN + 0.5 for _ in range(GRAINS)]
        solid = np.argwhere(cv2.resize(figure.head[..., 3], (self.width, self.height)) > 0.01)
        (top, left), (bottom, right) = (edge.tolist() for edge in (solid.min(axis=0), solid.max(axis=0)))
        self._head_box = (
            max(0, left // 2 * 2 - MARGIN),
            max(0, top // 2 * 2 - MARGIN),
            min(right // 2 * 2 + MARGIN, self.width),
            min(bottom // 2 * 2 + MARGIN, self.height),
        )
        self._body_top = int(np.argwhere(figure.body[..., 3].max(axis=1) > 0.01).min() / figure.scale) - 8

    def render(self, mouth: Mouth, pose: Pose, index: int = 0) -> NDArray[np.uint8]:
        """One frame; ``index`` chooses its grain."""
        figure = self.figure
        canvas = figure.head.copy()
        for which in (0, 1):
            draw_eye(canvas, figure, self.bare, which, pose)
        draw_mouth(canvas, figure, self.seam, mouth)
        x0, y0, x1, y1 = self._head_box
        at = self._head_map(pose)
        head = cv2.remap(canvas, *at, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        front = cv2.remap(figure.front, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        head[..., 3] = np.clip(head[..., 3], 0, 1)
        out = figure.backdrop.copy()
        out[y0:y1, x0:x1] += (head[..., :3] - out[y0:y1, x0:x1]) * head[..., 3:]
        top = self._body_top
        body = cv2.remap(
            figure.body, *self._body_map(pose), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        cover = body[..., 3].copy()
        if y1 > top:
            cover[: y1 - top, x0:x1] *= 1 - (front * head[..., 3])[top - y0 :]
        out[top:] += (body[..., :3] - out[top:]) * cover[..., None]
        grain = self._grain[(index * 7) % GRAINS]
        out += grain[:, ::-1] if index % 2 else grain
        return np.asarray(np.clip(out, 0, 255), np.uint8)

    def _depth(self) -> Array:
        """z in frame pixels for each pixel at half the frame's size: the face's own, falling back around it."""
        marks = self.figure.landmarks
        yy, xx = np.mgrid[0 : self.height : 4, 0 : self.width : 4]
        inside = LinearNDInterpolator(marks[:, :2], marks[:, 2])(xx, yy)
        outside = NearestNDInterpolator(marks[:, :2], marks[:, 2])(xx, yy)
        away = np.hypot(xx - marks[168, 0], (yy - marks[168, 1]) * 0.8)
        around = np.minimum(outside + 0.25 * np.maximum(away - 150, 0), 130)
        z = cv2.GaussianBlur(np.where(np.isnan(inside), around, inside).astype(np.float32), (0, 0), 4)
        return np.asarray(
            cv2.resize(z, (self.width // 2, self.height // 2), interpolation=cv2.INTER_LINEAR), np.float32
        )

    def _head_map(self, pose: Pose) -> tuple[Array, Array]:
        """For each frame pixel of the head's box, the canvas pixel to read: the rigid motion turned round by
        fixed-point iteration; the neck follows less and less down to the collar."""
        k = self.figure.scale
        x0, y0, x1, y1 = self._head_box
        yy, xx = np.mgrid[y0:y1:2, x0:x1:2].astype(np.float32) + np.float32(
            0.5
        )  # resize() aligns pixel centres
        neck_x, neck_y = self.figure.landmarks[152, 0], self.figure.landmarks[152, 1] + 40
        cos_yaw, sin_yaw = np.cos(pose.yaw), np.sin(pose.yaw)
        cos_pitch, sin_pitch = np.cos(pose.pitch), np.sin(pose.pitch)
        cos_roll, sin_roll = np.cos(pose.roll), np.sin(pose.roll)
        qx, qy = xx.copy(), yy.copy()
        for _ in range(4):
            z = (
                cv2.remap(self.depth, qx / 2, qy / 2, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
                - EAR_DEPTH
            )
            dx, dy = qx - neck_x, qy - neck_y
            turned, back = dx * cos_yaw + z * sin_yaw, -dx * sin_yaw + z * cos_yaw
            nodded = dy * cos_pitch - back * sin_pitch
            x2, y2 = turned * cos_roll - nodded * sin_roll, turned * sin_roll + nodded * cos_roll
            weight = smoothstep(qy, float(neck_y) + 40, float(neck_y) - 62)
            qx = xx - (x2 * pose.scale + pose.x - dx) * weight
            qy = yy - (y2 * pose.scale + pose.y - dy) * weight + (1 - weight) * 0.5 * pose.breath
        size = (x1 - x0, y1 - y0)
        full_x = cv2.resize(qx, size, interpolation=cv2.INTER_LINEAR)
        full_y = cv2.resize(qy, size, interpolation=cv2.INTER_LINEAR)
        return full_x * k, full_y * k

    def _body_map(self, pose: Pose) -> tuple[Array, Array]:
        """The shoulders rise and widen with the breath and follow the head's sway a little."""
        k = self.figure.scale
        yy, xx = np.mgrid[self._body_top : self.height, 0 : self.width].astype(np.float32)
        side = xx - self.figure.landmarks[152, 0]
        outer = smoothstep(np.abs(side), 90, 300)
        qx = xx - 0.22 * pose.x - np.sign(side) * 0.6 * pose.breath * outer
        return qx * k, (yy + pose.breath * (0.5 + 1.5 * outer)) * k

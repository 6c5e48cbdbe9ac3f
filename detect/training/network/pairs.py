"""Batches of pairs: a face and its own forgery, or a generated face and a real one of the same kind of picture."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from detect.artifact.crop import CANVAS, WINDOW, face_height, reach
from detect.artifact.geometry import Image, Points
from detect.training.network.alike import draw, travel
from detect.training.network.crops import Faces
from detect.training.network.forge import Region, paste, self_blend

GENERATED = 0.22  # share of pairs with a whole generated face
CLIPS = 0.65  # share of pairs taken from clips: they are what the gate sees
SHAPE = (33, 263, 1, 61, 291, 152, 10)  # landmarks that say how a head is turned


class Pairs(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Item i is batch i: always the same for the same seed, so that training can be taken up anywhere.

    A batch is (n, WINDOW, WINDOW, 3) uint8 BGR, which travels between processes four times as fast as floats, and
    its labels. Of each pair of pictures ``looks`` windows are taken: making the pictures is what costs.
    """

    def __init__(
        self, faces: Faces, seed: int, part: str = "train", *, pairs: int = 16, looks: int = 1
    ) -> None:
        self.faces, self.seed, self.pairs, self.looks = faces, seed, pairs, looks
        rows = np.flatnonzero(faces.part == part)
        real = faces.generator[rows] == ""
        moving = faces.clip[rows]
        self.real = {
            False: _by_person(faces, rows[real & ~moving]),
            True: _by_person(faces, rows[real & moving]),
        }
        self.made = {
            False: _by_person(faces, rows[~real & ~moving]),
            True: _by_engine(faces, rows[~real & moving]),
        }
        # The generated portraits' own counterpart: real ones from the same kind of collection.
        alike = np.isin(faces.repository[rows], ["celebahq_like", "mebeauty"])
        self.portraits = _by_person(faces, rows[real & ~moving & alike])
        shape = faces.points[:, list(SHAPE)]
        centred = shape - shape.mean(axis=1, keepdims=True)
        self.shape = (centred / np.linalg.norm(centred, axis=(1, 2), keepdims=True)).reshape(len(shape), -1)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        rng = np.random.default_rng((self.seed, number))
        views, labels = [], []
        for _ in range(self.pairs):
            generated = bool(rng.random() < GENERATED)
            views += self._generated(rng) if generated else self._pasted(rng)
            labels += [0, 2 if generated else 1] * self.looks
        return torch.from_numpy(np.stack(views)), torch.tensor(labels)

    def _pasted(self, rng: np.random.Generator) -> list[Image]:
        moving = bool(rng.random() < CLIPS)
        row = _draw(self.real[moving], rng)
        image, points = self.faces.crops[row], self.faces.points[row]
        if rng.random() < 0.25:  # forged after a first, small picture was made of it
            image, points = shrunk(image, points, float(rng.uniform(0.7, 0.95)))
        if rng.random() < 0.55:
            fake = self_blend(image, points, rng)
        else:
            other = self.donor(row, rng)
            region: Region = rng.choice(np.array(["mouth", "lower", "face"]), p=[0.45, 0.2, 0.35])
            bands = bool(rng.random() < 0.35)
            donor = (self.faces.crops[other], self.faces.points[other])
            fake = paste(image, points, *donor, region, rng=rng, bands=bands)
        way = draw(rng)
        real, inside = travel(image, points, way)
        fake, _ = travel(fake, points, way)
        return _seen(((real, inside), (fake, inside)), rng, self.looks)

    def _generated(self, rng: np.random.Generator) -> list[Image]:
        moving = bool(rng.random() < CLIPS)
        made = _draw(self.made[moving], rng)
        real = _draw(self.real[True] if moving else self.portraits, rng)
        way = draw(rng, heavy=bool(rng.random() < 0.6))
        out = []
        # Both faces at one height, then one way for both.
        height = min(face_height(self.faces.points[row]) for row in (real, made))
        for row in (real, made):
            points = self.faces.points[row]
            image, points = shrunk(self.faces.crops[row], points, height / face_height(points))
            out.append(travel(image, points, way))
        return _seen((out[0], out[1]), rng, self.looks)

    def donor(self, row: int, rng: np.random.Generator) -> int:
        """Another second of the same clip, or another person of the same part whose head is turned alike."""
        same = np.flatnonzero(self.faces.source == self.faces.source[row])
        if len(same) > 2 and rng.random() < 0.4:
            return int(rng.choice(same[same != row]))
        several = [_draw(self.real[bool(rng.random() < 0.3)], rng) for _ in range(12)]
        several = [i for i in several if self.faces.cluster[i] != self.faces.cluster[row]]
        return min(several, key=lambda i: float(np.abs(self.shape[i] - self.shape[row]).sum()))


def shrunk(image: Image, points: Points, scale: float) -> tuple[Image, Points]:
    """The face smaller on a canvas of the same size; its surroundings reflected."""
    if scale >= 0.999:
        return image, points
    side = round(CANVAS * scale)
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    edge = (CANVAS - side) // 2
    rest = CANVAS - side - edge
    out = cv2.copyMakeBorder(small, edge, rest, edge, rest, cv2.BORDER_REFLECT)
    return np.asarray(out, np.uint8), np.asarray(points * (side / CANVAS) + edge, np.float32)


def _seen(
    both: tuple[tuple[Image, Points], tuple[Image, Points]], rng: np.random.Generator, looks: int
) -> list[Image]:
    """The same windows of both, mirrored alike."""
    out = []
    for _ in range(looks):
        at, mirrored = rng.random(2), bool(rng.random() < 0.5)
        for image, points in both:
            (x0, x1), (y0, y1) = reach(points, image.shape[0])
            x, y = round(x0 + (x1 - x0) * at[0]), round(y0 + (y1 - y0) * at[1])
            part = image[y : y + WINDOW, x : x + WINDOW]
            out.append(np.ascontiguousarray(part[:, ::-1] if mirrored else part))
    return out


def tensor(views: torch.Tensor) -> torch.Tensor:
    """(n, 3, WINDOW, WINDOW) float32 RGB in -1..1 of (n, WINDOW, WINDOW, 3) uint8 BGR, wherever that lies."""
    batch = views.flip(3).permute(0, 3, 1, 2).float()
    return (batch / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def _by_person(faces: Faces, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [rows[faces.cluster[rows] == c] for c in np.unique(faces.cluster[rows])]


def _by_engine(faces: Faces, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [rows[faces.generator[rows] == g] for g in np.unique(faces.generator[rows])]


def _draw(groups: list[NDArray[np.int64]], rng: np.random.Generator) -> int:
    return int(rng.choice(groups[int(rng.integers(len(groups)))]))

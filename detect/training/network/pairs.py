"""Batches of pairs: a face and its own forgery, or a generated face and a real one of the same kind of picture."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from detect.artifact.crop import CANVAS, WINDOW, face_height, reach
from detect.artifact.geometry import Image, Points
from detect.training.network.alike import Way, draw, travel
from detect.training.network.crops import Faces
from detect.training.network.forge import Region, blended, mask, paste, self_blend

CAMERA = 0.08  # share of pairs of two cameras' pictures
GENERATED = 0.14  # share of pairs with a whole generated face
REDRAWN = 0.34  # share of pairs with a face that an autoencoder of ours drew anew, where there are such
FILMS = 0.5  # share of the H.264 pictures that follow others
CLIPS = 0.65  # share of pairs taken from clips: they are what the gate sees
SHAPE = (33, 263, 1, 61, 291, 152, 10)  # landmarks that say how a head is turned


class Pairs(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Item i is batch i: always the same for the same seed, so that training can be taken up anywhere.

    A batch is (n, WINDOW, WINDOW, 3) uint8 BGR, which travels between processes four times as fast as floats, and
    its labels. Of each pair of pictures ``looks`` windows are taken: making the pictures is what costs.
    """

    def __init__(
        self,
        faces: Faces,
        seed: int,
        part: str = "train",
        *,
        pairs: int = 16,
        looks: int = 1,
        redrawn: dict[int, NDArray[np.uint8]] | None = None,
    ) -> None:
        self.faces, self.seed, self.pairs, self.looks = faces, seed, pairs, looks
        self.redrawn = redrawn or {}  # row: (autoencoders, CANVAS, CANVAS, 3)
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
        self.collections = _by_collection(faces, rows[real & moving])
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
            kind = float(rng.random())
            if kind < CAMERA:
                pair, label = self._cameras(rng), 0
            elif kind < CAMERA + GENERATED:
                pair, label = self._generated(rng), 2
            elif kind < CAMERA + GENERATED + REDRAWN and self.redrawn:
                pair, label = self._redrawn(rng)
            else:
                pair, label = self._pasted(rng), 1
            views += pair
            labels += [0, label] * self.looks
        return torch.from_numpy(np.stack(views)), torch.tensor(labels)

    def _camera(self, rng: np.random.Generator) -> int:
        """A camera's picture: of a clip, by person or by collection, or a still."""
        if rng.random() >= CLIPS:
            return _draw(self.real[False], rng)
        return _draw(self.real[True] if rng.random() < 0.5 else self.collections, rng)

    def _cameras(self, rng: np.random.Generator) -> list[Image]:
        """Two cameras' pictures, each on a way of its own."""
        out = []
        for _ in range(2):
            row = self._camera(rng)
            image, points = shrunk(self.faces.crops[row], self.faces.points[row], float(rng.uniform(0.55, 1)))
            out.append(travel(image, points, draw(rng, heavy=bool(rng.random() < 0.5), films=FILMS)))
        return _seen((out[0], out[1]), rng, self.looks)

    def _redrawn(self, rng: np.random.Generator) -> tuple[list[Image], int]:
        """A face and what an autoencoder made of it: the whole picture, or a part of it over a soft border."""
        row = self._camera(rng)
        image, points = self.faces.crops[row], self.faces.points[row]
        several = self.redrawn[row]
        fake = several[int(rng.integers(len(several)))]
        if rng.random() < 0.25:  # what engines do to please
            soft = cv2.GaussianBlur(fake, (0, 0), 1.2)
            fake = np.asarray(
                cv2.addWeighted(fake, 1 + (k := float(rng.uniform(0.3, 1.2))), soft, -k, 0), np.uint8
            )
        whole = bool(rng.random() < 0.6)
        if not whole:
            region: Region = rng.choice(np.array(["mouth", "lower", "face"]), p=[0.3, 0.25, 0.45])
            fake = blended(image, fake, mask(image.shape, points, region, rng))
        elif rng.random() < 0.6:
            image, fake = as_sharp(image, fake, points)
        if rng.random() < 0.4:
            scale = float(rng.uniform(0.6, 0.95))
            image, _ = shrunk(image, points, scale)
            fake, points = shrunk(fake, points, scale)
        way = draw(rng, heavy=bool(rng.random() < 0.5), films=FILMS)
        if not way.codec:  # a camera's clip has its codec's traces already, what was drawn anew has none
            way = Way(
                codec="h264", level=int(rng.integers(17, 29)), seed=way.seed, frames=1 + int(rng.integers(3))
            )
        real, inside = travel(image, points, way)
        fake, _ = travel(fake, points, way)
        return _seen(((real, inside), (fake, inside)), rng, self.looks), 2 if whole else 1

    def _pasted(self, rng: np.random.Generator) -> list[Image]:
        row = self._camera(rng)
        image, points = self.faces.crops[row], self.faces.points[row]
        if not self.faces.clip[row] and rng.random() < 0.5:  # a still as a clip shows it, before it is forged
            life = Way(
                codec="h264", level=int(rng.integers(17, 29)), seed=int(rng.integers(1 << 30)), frames=2
            )
            image, _ = travel(image, points, life)
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
        way = draw(rng, films=FILMS)
        real, inside = travel(image, points, way)
        fake, _ = travel(fake, points, way)
        return _seen(((real, inside), (fake, inside)), rng, self.looks)

    def _generated(self, rng: np.random.Generator) -> list[Image]:
        moving = bool(rng.random() < CLIPS)
        made = _draw(self.made[moving], rng)
        clips = self.real[True] if rng.random() < 0.5 else self.collections
        real = _draw(clips if moving else self.portraits, rng)
        way = draw(rng, heavy=bool(rng.random() < 0.7), films=FILMS)
        both = []
        # Both faces at one height, then one way for both.
        height = min(face_height(self.faces.points[row]) for row in (real, made))
        for row in (real, made):
            points = self.faces.points[row]
            both.append(shrunk(self.faces.crops[row], points, height / face_height(points)))
        if rng.random() < 0.5:
            sharp = as_sharp(both[0][0], both[1][0], both[0][1], both[1][1])
            both = [(image, points) for image, (_, points) in zip(sharp, both, strict=True)]
        out = [travel(image, points, way) for image, points in both]
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


def as_sharp(one: Image, other: Image, points: Points, others: Points | None = None) -> tuple[Image, Image]:
    """Both as soft as the softer of them, on the face: sharpness alone is no sign of a maker."""
    want, have = _sharpness(one, points), _sharpness(other, points if others is None else others)
    sharper, at = (one, points) if want > have else (other, points if others is None else others)
    low, high, aim = 0.0, 2.5, min(want, have)
    if max(want, have) < 1.04 * aim:
        return one, other
    for _ in range(4):
        middle = (low + high) / 2
        soft = np.asarray(cv2.GaussianBlur(sharper, (0, 0), middle + 0.15), np.uint8)
        low, high = (middle, high) if _sharpness(soft, at) > aim else (low, middle)
    return (soft, other) if want > have else (one, soft)


def _sharpness(image: Image, points: Points) -> float:
    (x0, y0), (x1, y1) = np.clip([points.min(axis=0), points.max(axis=0)], 0, image.shape[0]).astype(int)
    grey = cv2.cvtColor(np.ascontiguousarray(image[y0:y1, x0:x1]), cv2.COLOR_BGR2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_32F).std()) + 0.1


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


def _by_collection(faces: Faces, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [rows[faces.repository[rows] == name] for name in np.unique(faces.repository[rows])]


def _draw(groups: list[NDArray[np.int64]], rng: np.random.Generator) -> int:
    return int(rng.choice(groups[int(rng.integers(len(groups)))]))

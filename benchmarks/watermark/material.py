"""Clips of three seconds at 1280x720 and 25 frames a second, unmarked."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.harness import media
from generate.presenter import sample_presenter

Image = npt.NDArray[np.uint8]
WIDTH, HEIGHT, FPS, SECONDS = 1280, 720, 25, 3


@dataclass(frozen=True)
class Clip:
    """Where three seconds come from."""

    path: Path
    start: int  # frames

    @property
    def name(self) -> str:
        return f"{self.path.stem}@{self.start}"


def clips() -> Iterator[Clip]:
    """Presenter first, then clips of the test media, one a speaker before any second one, without end."""
    presenter = sample_presenter()
    folder = media()
    others = [] if folder is None else _of_media(folder)
    for turn in range(1000):
        yield Clip(presenter, turn * 37 % 400)
        for path in others[turn * 5 % max(len(others), 1) :][:5]:
            yield Clip(path, turn * 11 % 40)


def _of_media(folder: Path) -> list[Path]:
    """Files of at least 450 px and four seconds, real ones and generated ones in turn, speakers spread."""
    with (folder / "manifest.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if float(row["seconds"] or 0) >= 4]
    rows = [row for row in rows if min(int(v) for v in row["size"].split("x")) >= 450]
    seen: dict[str, int] = {}
    order = []
    for index, row in enumerate(rows):
        seen[row["speaker"]] = seen.get(row["speaker"], 0) + 1
        order.append((seen[row["speaker"]], index % 7, index, row["file"]))
    return [folder / name for *_, name in sorted(order)]


def frames(clip: Clip, count: int = FPS * SECONDS) -> list[Image]:
    """(720, 1280, 3) BGR frames; smaller pictures stand in front of a quiet backdrop, as campaigns do it."""
    with av.open(str(clip.path)) as container:
        stream = container.streams.video[0]
        decoded = islice(container.decode(stream), clip.start, clip.start + count)
        found = [frame.to_ndarray(format="bgr24") for frame in decoded]
    if len(found) < count:
        found = (found * (count // max(len(found), 1) + 1))[:count]
    return [composed(image) for image in found]


def composed(image: Image) -> Image:
    """The picture at full height in a 1280x720 frame."""
    height, width = image.shape[:2]
    if (width, height) == (WIDTH, HEIGHT):
        return image
    scale = min(WIDTH / width, HEIGHT / height)
    size = (round(width * scale), round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    frame = backdrop().copy()
    x, y = (WIDTH - size[0]) // 2, (HEIGHT - size[1]) // 2
    frame[y : y + size[1], x : x + size[0]] = cv2.resize(image, size, interpolation=how)
    return frame


def backdrop() -> Image:
    """A grey gradient with a camera's noise."""
    ramp = np.linspace(60, 120, WIDTH)[None, :] + np.linspace(20, -20, HEIGHT)[:, None]
    noise = np.random.default_rng(3).normal(0, 1.2, (HEIGHT, WIDTH))
    grey: Image = np.clip(ramp + noise, 0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)

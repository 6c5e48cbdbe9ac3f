"""Pictures for the mark's tests: a moving synthetic scene with smooth and busy places, and a way through a codec."""

from __future__ import annotations

import io
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from provenance.mark import MarkEmbedder, MarkReader, MarkReading

Image = npt.NDArray[np.uint8]
KEY = b"the key of the mark's tests, 32 b"
ID = 0x5A17C0FFEE


def scene(width: int = 1280, height: int = 720, count: int = 12, seed: int = 0) -> list[Image]:
    """Frames: a gradient, clouds of several sizes, and an oval of smooth skin that moves."""
    random = np.random.default_rng(seed)
    clouds = np.zeros((height, width), np.float32)
    for size in (3, 12, 50):
        noise = random.normal(size=(height // size + 2, width // size + 2)).astype(np.float32)
        clouds += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) * size**0.5 * 1.5
    base = np.linspace(70, 150, width, dtype=np.float32)[None, :] + clouds
    frames = []
    for index in range(count):
        frame = np.repeat(np.clip(base, 0, 255)[:, :, None], 3, axis=2).astype(np.uint8)
        centre = (width // 2 + index * 2, height // 2 + index)
        cv2.ellipse(frame, centre, (width // 8, height // 4), 0, 0, 360, (130, 160, 205), -1)
        frames.append(frame)
    return frames


def marked(frames: list[Image], mark_id: int = ID, key: bytes = KEY) -> list[Image]:
    height, width = frames[0].shape[:2]
    embed = MarkEmbedder(mark_id, width, height, key)
    return [embed(index, frame) for index, frame in enumerate(frames)]


def recoded(frames: list[Image], crf: int) -> list[Image]:
    """Through H.264 and back."""
    buffer = io.BytesIO()
    height, width = (side - side % 2 for side in frames[0].shape[:2])
    with av.open(buffer, "w", format="matroska") as out:
        stream: Any = out.add_stream("libx264", rate=25, options={"crf": str(crf), "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame[:height, :width]), format="bgr24")
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as back:
        return [frame.to_ndarray(format="bgr24") for frame in back.decode(video=0)]


def resized(frames: list[Image], width: int, height: int) -> list[Image]:
    how = cv2.INTER_AREA if width < frames[0].shape[1] else cv2.INTER_CUBIC
    return [np.asarray(cv2.resize(frame, (width, height), interpolation=how), np.uint8) for frame in frames]


def seen(frame: Image, time: Fraction) -> Any:
    return SimpleNamespace(time=time, image=frame)


def read(
    frames: list[Image], expected: int | None = None, key: bytes = KEY, fps: int = 6, start: int = 0
) -> MarkReading:
    """Each frame stands for a look: six a second are all that the reader takes."""
    reader = MarkReader(key, expected)
    for index, frame in enumerate(frames):
        reader.see(seen(frame, Fraction(start + index, fps)))
    return reader.reading()

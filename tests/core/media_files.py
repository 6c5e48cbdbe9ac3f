"""Small media files for tests, made with PyAV: good ones, and each kind of bad one."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from core.media.encode import VideoWriter
from core.media.models import Image

RATE = 16_000
FPS = Fraction(25)


def picture(index: int, width: int = 320, height: int = 180) -> Image:
    """A smooth picture in which something moves: upper left is red, upper right blue, a bright bar wanders."""
    y, x = np.mgrid[:height, :width]
    image = np.stack([60 + 120 * x / width, 90 + 60 * y / height, 170 - 120 * x / width], -1)
    left = int((0.1 + 0.6 * (0.5 + 0.5 * np.sin(index / 9))) * width)
    image[height // 3 : 2 * height // 3, left : left + width // 8] = 235
    return np.asarray(image, np.uint8)


def tone(seconds: float, rate: int = RATE, level: float = 0.3, hertz: float = 440.0) -> NDArray[np.float32]:
    """A sine, float32 (n,)."""
    phase = 2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate
    return np.asarray(level * np.sin(phase), np.float32)


def write_video(
    path: Path,
    images: list[Image],
    sound: NDArray[np.float32] | None = None,
    *,
    rate: int = RATE,
    crf: int = 18,
    fps: Fraction = FPS,
) -> Path:
    """An MP4 of these pictures and this sound, through our own encoder."""
    height, width = images[0].shape[:2]
    with VideoWriter(path, width, height, fps, 0 if sound is None else rate, crf=crf) as writer:
        step = rate / float(fps)
        for i, image in enumerate(images):
            writer.write(image)
            if sound is not None:
                writer.write_sound(sound[round(i * step) : round((i + 1) * step)])
    return path


def write_raw(
    path: Path,
    width: int,
    height: int,
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    frames: int = 10,
    fps: int = 25,
    rotation: float | None = None,
    times: list[int] | None = None,
    sound_tracks: int = 0,
) -> Path:
    """A file that our encoder would not make: any size, codec, display matrix or clock (``times`` in ms)."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        if codec == "libx264":
            stream.codec_context.options = {"preset": "ultrafast"}
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation is not None:
            stream.set_display_rotation(rotation)
        tracks = [container.add_stream("aac", rate=48_000, layout="mono") for _ in range(sound_tracks)]
        for i in range(frames if times is None else len(times)):
            frame = av.VideoFrame.from_ndarray(picture(i, width, height), format="bgr24")
            frame = frame.reformat(format=pixel_format)
            frame.pts = i if times is None else times[i]
            frame.time_base = Fraction(1, fps) if times is None else Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for track in tracks:
            block = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), format="fltp", layout="mono")
            block.sample_rate, block.pts = 48_000, 0
            container.mux(track.encode(block))
            container.mux(track.encode(None))
    return path


def write_sound_only(path: Path) -> Path:
    """An MP4 with a sound track and no picture."""
    with av.open(str(path), "w") as container:
        track = container.add_stream("aac", rate=48_000, layout="mono")
        block = av.AudioFrame.from_ndarray(tone(1.0, 48_000)[None], format="fltp", layout="mono")
        block.sample_rate, block.pts = 48_000, 0
        container.mux(track.encode(block))
        container.mux(track.encode(None))
    return path


def insert_box(source: Path, target: Path, kind: bytes, payload: bytes) -> Path:
    """The file with one more box at its end, as any editor may add."""
    target.write_bytes(source.read_bytes() + struct.pack(">I4s", 8 + len(payload), kind) + payload)
    return target

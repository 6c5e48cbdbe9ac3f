"""A second, simple reader, so that the catalogue is not verified with what it is to measure.

It decodes the two tracks that it is told with PyAV, takes each frame's own time, converts colours with the matrices of
``ink`` in numpy, and lays sound on its clock. It knows nothing of rivals, resets, refusals or findings, and trusts what
the truth says about track numbers and turns: it shows that the files hold what they claim, not how to read them.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from core.media.heard import RATE, Heard
from tests.media_catalogue.found import Found
from tests.media_catalogue.ink import LUMA, TO_2020
from tests.media_catalogue.truth import Truth


def plain(path: Path, truth: Truth) -> Found:
    found = Found()
    assert truth.seen is not None
    wanted = [truth.seen.number] + ([truth.heard.number] if truth.heard is not None else [])
    pictures = 0
    sound: list[tuple[float, NDArray[np.float32]]] = []
    with av.open(str(path), metadata_errors="replace") as container:
        streams = [container.streams[number] for number in wanted]
        aspect = float(streams[0].sample_aspect_ratio or 1)
        if truth.seen.rotation in (90, 270):
            aspect = 1 / aspect
        rate = float(streams[0].average_rate or streams[0].guessed_rate or 25)
        resamplers: dict[tuple[str, int], Any] = {}
        began: float | None = None
        for packet in container.demux(streams):
            if began is None and packet.stream is streams[0] and packet.dts is not None:
                began = float(packet.dts * packet.time_base)
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            for frame in frames:
                time = float(frame.pts * frame.time_base) if frame.pts is not None else None
                if isinstance(frame, av.VideoFrame):
                    # AVI has no presentation times: the n-th picture at n / rate from the track's start.
                    if time is None or path.suffix == ".avi":
                        time = (began or 0.0) + pictures / rate
                    found.see(time, _squared(_bgr(frame), aspect))
                    pictures += 1
                elif time is not None:
                    key = (frame.layout.name, frame.sample_rate)
                    if key not in resamplers:
                        resamplers[key] = av.AudioResampler("flt", frame.layout.name, frame.sample_rate)
                    for out in resamplers[key].resample(frame):
                        channels = len(frame.layout.channels)
                        samples = np.frombuffer(out.planes[0], np.float32)[: out.samples * channels]
                        names = [c.name for c in frame.layout.channels]
                        if names[0] not in ("FL", "FC"):
                            names = ["FL", "FR", "FC", "LFE", "BL", "BR"][:channels]
                        sound.append((time, _three(samples.reshape(-1, channels), names, frame.sample_rate)))
    if not pictures:
        found.error = "no_frames"
        return found
    zero = min([found.shots[0].time] + ([sound[0][0]] if sound else []))
    for shot in found.shots:
        shot.time -= zero
    if sound:
        found.hear(_lay(sound, zero))
    found.close()
    return found


def _bgr(frame: Any) -> Any:
    """uint8 BGR, upright, by the formulas of H.273 (HDR is not tone-mapped here)."""
    depth = frame.format.components[0].bits
    kind = np.uint8 if depth == 8 else np.uint16
    planes = []
    for plane in frame.planes[:3]:
        rows = np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1)
        planes.append(rows[:, : plane.width].astype(np.float32))
    for i in (1, 2):
        planes[i] = planes[i].repeat(-(-frame.height // planes[i].shape[0]), 0)[: frame.height]
        planes[i] = planes[i].repeat(-(-frame.width // planes[i].shape[1]), 1)[:, : frame.width]
    full = int(frame.color_range) == 2 or frame.format.name.startswith("yuvj")
    name = {1: "709", 5: "601", 6: "601", 9: "2020"}.get(int(frame.colorspace))
    kr, kb = LUMA[name or ("709" if frame.height >= 720 else "601")]
    scale = 1 << (depth - 8)
    if full:
        top = (1 << depth) - 1
        y, cb, cr = planes[0] / top, (planes[1] - 128 * scale) / top, (planes[2] - 128 * scale) / top
    else:
        y = (planes[0] / scale - 16) / 219
        cb, cr = (planes[1] / scale - 128) / 224, (planes[2] / scale - 128) / 224
    red, blue = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    rgb = np.clip(np.stack([red, green, blue], -1), 0, 1)
    if int(frame.color_primaries) == 9 and int(frame.color_trc) in (1, 14, 15):
        rgb = np.clip((rgb**2.4) @ np.linalg.inv(TO_2020).T, 0, 1) ** (1 / 2.4)
    image = np.rint(rgb[..., ::-1] * 255).astype(np.uint8)
    return _upright(image, frame)


def _upright(image: Any, frame: Any) -> Any:
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return image
    m = struct.unpack("<9i", bytes(data)[:36])
    a, b, c, d = (round(m[i] / 65536) for i in (0, 1, 3, 4))
    height, width = image.shape[:2]
    out = np.zeros((width, height, 3) if a == 0 else image.shape, np.uint8)
    y, x = np.mgrid[:height, :width]
    u, v = a * x + c * y, b * x + d * y
    out[v - v.min(), u - u.min()] = image
    return out


def _squared(image: Any, aspect: float) -> Any:
    return image if aspect == 1 else _stretch(image, aspect)


def _stretch(image: Any, aspect: float) -> Any:
    height, width = image.shape[:2]
    if aspect > 1:
        columns = np.minimum((np.arange(round(width * aspect)) / aspect).astype(int), width - 1)
        return image[:, columns]
    rows = np.minimum((np.arange(round(height / aspect)) * aspect).astype(int), height - 1)
    return image[rows]


def _three(samples: Any, names: list[str], rate: int) -> NDArray[np.float32]:
    """Left, right, centre at 16 kHz, surround beside the fronts."""
    folded = np.zeros((len(samples), 3), np.float32)
    for i, name in enumerate(names):
        if len(names) == 1:
            folded[:, 0] += samples[:, i]
            folded[:, 1] += samples[:, i]
        elif name in ("FC", "BC"):
            folded[:, 2] += samples[:, i]
        elif name.endswith("L"):
            folded[:, 0] += samples[:, i]
        elif name.endswith("R"):
            folded[:, 1] += samples[:, i]
    return folded if rate == RATE else _resample(folded, rate)


def _resample(samples: Any, rate: int) -> Any:
    at = np.arange(int(len(samples) * RATE / rate)) * rate / RATE
    grid = np.arange(len(samples))
    return np.stack([np.interp(at, grid, samples[:, i]) for i in range(3)], -1).astype(np.float32)


def _lay(sound: list[tuple[float, Any]], zero: float) -> Heard:
    total = max(round((time - zero) * RATE) + len(part) for time, part in sound)
    out = np.zeros((total, 3), np.float32)
    for time, part in sound:
        at = max(0, round((time - zero) * RATE))
        out[at : at + len(part)] = part[: total - at]
    if not out[:, 2].any():
        out = out[:, :2]
    return Heard.of(out)

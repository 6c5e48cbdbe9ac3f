"""What happens to a video on its way through the world. Each attack takes decoded frames and gives decoded frames."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Frames = list[Image]
Attacked = tuple[Frames, int]  # frames and their rate
FPS = 25


def coded(frames: Frames, codec: str = "libx264", fps: int = FPS, **options: Any) -> tuple[Frames, int]:
    """Frames through an encoder and back, and the stream's size in bytes."""
    height, width = (side - side % 2 for side in frames[0].shape[:2])
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as out:
        stream: Any = out.add_stream(codec, rate=fps, options={k: str(v) for k, v in options.items()})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame[:height, :width]), format="bgr24")
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    size = buffer.tell()
    buffer.seek(0)
    with av.open(buffer) as back:
        return [frame.to_ndarray(format="bgr24") for frame in back.decode(video=0)], size


def x264(frames: Frames, crf: int, fps: int = FPS) -> Attacked:
    return coded(frames, "libx264", fps, crf=crf, preset="veryfast")[0], fps


def _with(codec: str, options: dict[str, Any], frames: Frames) -> Attacked:
    return coded(frames, codec, FPS, **options)[0], FPS


def _each(change: Callable[[Image], Any], frames: Frames, crf: int = 26) -> Attacked:
    return x264([np.clip(change(frame), 0, 255).astype(np.uint8) for frame in frames], crf)


def _sized(width: int, height: int, crf: int, frames: Frames) -> Attacked:
    return x264([_resize(frame, width, height) for frame in frames], crf)


def _resize(frame: Image, width: int, height: int) -> Image:
    how = cv2.INTER_AREA if width <= frame.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(frame, (width, height), interpolation=how), np.uint8)


def _crop(share: float, frames: Frames, crf: int = 26, *, back: bool = True) -> Attacked:
    height, width = frames[0].shape[:2]
    wide, high = int(width * (1 - share)), int(height * (1 - share))
    x, y = (width - wide) // 3, (height - high) // 2
    cut = [np.ascontiguousarray(frame[y : y + high, x : x + wide]) for frame in frames]
    return x264([_resize(frame, width, height) for frame in cut] if back else cut, crf)


def _noise(deviation: float, frames: Frames) -> Attacked:
    random = np.random.default_rng(1)
    return x264([_add(frame, random.normal(0, deviation, frame.shape)) for frame in frames], 26)


def _add(frame: Image, more: Any) -> Image:
    added: Image = np.clip(frame + more, 0, 255).astype(np.uint8)
    return added


def _in_hsv(hue: int, saturation: float, frame: Image) -> Image:
    hsv = cv2.cvtColor(frame, cv2.COLOR_BGR2HSV).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + hue) % 180
    hsv[..., 1] = np.clip(hsv[..., 1] * saturation, 0, 255)
    return np.asarray(cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR), np.uint8)


def _rate(fps: int, frames: Frames) -> Attacked:
    count = len(frames) * fps // FPS
    return x264([frames[min(round(i * FPS / fps), len(frames) - 1)] for i in range(count)], 26, fps)


def _caption(frame: Image) -> Image:
    out = frame.copy()
    height, width = out.shape[:2]
    cv2.rectangle(out, (0, int(height * 0.85)), (width, height), (20, 20, 20), -1)
    place = (width // 8, int(height * 0.94))
    cv2.putText(out, "A caption over the lower part", place, cv2.FONT_HERSHEY_SIMPLEX, 1.4, (255,) * 3, 3)
    cv2.circle(out, (width - 100, 90), 60, (40, 120, 240), -1)
    return out


def _rotate(degrees: float, frame: Image) -> Image:
    height, width = frame.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(frame, matrix, (width, height), flags=cv2.INTER_CUBIC), np.uint8)


def _inset(share: float, frame: Image) -> Image:
    height, width = frame.shape[:2]
    out = np.full_like(frame, 90)
    small = _resize(frame, int(width * share), int(height * share))
    out[40 : 40 + small.shape[0], 60 : 60 + small.shape[1]] = small
    return out


def _screen(frame: Image) -> Image:
    """A rough stand-in for a phone filming a screen: perspective, blur, moire, gain, noise."""
    height, width = frame.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + np.array([[22, 10], [-30, 18], [-14, -16], [26, -8]], np.float32)
    warped = cv2.warpPerspective(frame, cv2.getPerspectiveTransform(corners, moved), (width, height))
    stripes = 4 * np.sin(np.arange(height) * 1.1)[:, None, None]
    return _add(cv2.GaussianBlur(warped, (0, 0), 1.3) * 0.9 + 12, stripes)


def _denoise(frame: Image) -> Image:
    return np.asarray(cv2.bilateralFilter(frame, 7, 12, 5), np.uint8)


def _twice(frames: Frames) -> Attacked:
    return x264(x264([_resize(f, 960, 540) for f in frames], 30)[0], 30)


CORE: dict[str, Callable[[Frames], Attacked]] = {
    "h264_crf23": partial(x264, crf=23),
    "h264_crf28": partial(x264, crf=28),
    "h264_crf33": partial(x264, crf=33),
    "hevc_crf28": partial(_with, "libx265", {"crf": 28, "preset": "fast", "x265-params": "log-level=none"}),
    "hevc_crf34": partial(_with, "libx265", {"crf": 34, "preset": "fast", "x265-params": "log-level=none"}),
    "vp9_crf36": partial(_with, "libvpx-vp9", {"crf": 36, "b": 0, "deadline": "realtime", "cpu-used": 7}),
    "av1_crf40": partial(_with, "libsvtav1", {"crf": 40, "preset": 10}),
    "scale_50": partial(_sized, 640, 360, 23),
    "crop_10": partial(_crop, 0.10),
    "crop_25": partial(_crop, 0.25),
    "squeeze": partial(_sized, 960, 720, 26),
    "fps_15": partial(_rate, 15),
    "brightness": partial(_each, lambda frame: frame * 1.0 + 25),
    "contrast": partial(_each, lambda frame: (frame - 128.0) * 0.8 + 128),
    "saturation": partial(_each, partial(_in_hsv, 0, 1.3)),
    "hue": partial(_each, partial(_in_hsv, 9, 1.0)),
    "noise": partial(_noise, 6.0),
    "blur": partial(_each, lambda frame: cv2.GaussianBlur(frame, (0, 0), 1.2)),
    "flip": partial(_each, lambda frame: frame[:, ::-1]),
    "trim_3s": partial(x264, crf=26),
    "caption_logo": partial(_each, _caption),
    "480p_crf30": partial(_sized, 854, 480, 30),
}
STRESS: dict[str, Callable[[Frames], Attacked]] = {
    "scale_33": partial(_sized, 426, 240, 23),
    "fps_30": partial(_rate, 30),
    "denoise": partial(_each, _denoise),
    "crop_25_not_resized": partial(_crop, 0.25, back=False),
    "h264_crf40": partial(x264, crf=40),
    "360p_crf32": partial(_sized, 640, 360, 32),
    "two_generations_540p_crf30": _twice,
    "rotation_2_degrees": partial(_each, partial(_rotate, 2.0)),
    "filmed_screen_simulated": partial(_each, _screen),
    "picture_in_picture_60": partial(_each, partial(_inset, 0.6)),
    "trim_1s": lambda frames: x264(frames[:FPS], 26),
}

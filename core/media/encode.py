"""The one encoder (trust step 7): pictures and sound in as they come, one MP4 out, or nothing."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from core.heartbeat import beat
from core.media.models import Image, Samples

SOUND_RATE = 48_000
_BT709, _LIMITED, _FULL = 1, 1, 2
# Rounding to nearest and chroma from all source columns: worth a tenth of a millisecond a picture.
_ACCURATE = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP


class VideoWriter:
    """Writes H.264 (yuv420p, BT.709, limited range) and AAC (48 kHz) into an MP4 with its index in front.

    The file appears under ``path`` when the block ends well, and not at all otherwise. The same input gives
    the same bytes on the same builds and ``threads``. Memory is bounded by the encoder's look-ahead, provided
    that pictures and sound come in step (within a few seconds of each other).

    Args:
        width, height: of the pictures; both even.
        fps: frames a second; picture n is presented at n / fps.
        sample_rate: of the samples that come in, Hz; 0 for a video without sound.
        crf: x264's constant rate factor; 18 is visually transparent for faces.
        threads: x264's; part of what determines the bytes.
        channels: 1 or 2 of the sound track.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        fps: Fraction,
        sample_rate: int,
        *,
        crf: int = 18,
        threads: int = 2,
        channels: int = 1,
        preset: str = "fast",
    ) -> None:
        if width % 2 or height % 2:
            raise ValueError(f"4:2:0 needs even sides, not {width}x{height}")
        self.path = path
        self.frames = 0
        self.samples = 0
        self._size = (height, width, 3)
        self._channels = channels
        self._rate = sample_rate
        self._part = path.with_name(f".{path.name}.part")
        self._fps = Fraction(fps)
        self._reformatter = VideoReformatter()
        self._container = av.open(
            str(self._part),
            "w",
            format="mp4",
            options={"movflags": "+faststart", "fflags": "+bitexact", "max_interleave_delta": "2000000"},
        )
        video: Any = self._container.add_stream("libx264", rate=self._fps)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        context = video.codec_context
        context.time_base = 1 / self._fps
        context.gop_size = round(2 * self._fps)
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED
        # Whole frames in parallel: slices (libav's default) compress worse, and their bytes depend on timing.
        context.thread_count, context.thread_type = threads, "FRAME"
        context.options = {"crf": str(crf), "preset": preset}
        self._video = video
        self._audio: Any = None
        if sample_rate:
            self._audio = self._container.add_stream(
                "aac", rate=SOUND_RATE, layout="stereo" if channels == 2 else "mono"
            )
            self._audio.codec_context.bit_rate = 96_000 * channels
            self._resampler = av.AudioResampler(
                format="fltp",
                layout="stereo" if channels == 2 else "mono",
                rate=SOUND_RATE,
                frame_size=1024,
            )

    def write(self, image: Image) -> None:
        """The next picture: uint8 BGR (height, width, 3)."""
        beat()
        if image.shape != self._size or image.dtype != np.uint8:
            raise ValueError(f"expected uint8 {self._size}, got {image.dtype} {image.shape}")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
        frame = self._reformatter.reformat(
            frame,
            format="yuv420p",
            interpolation=_ACCURATE,
            threads=1,
            dst_colorspace=_BT709,
            src_color_range=_FULL,
            dst_color_range=_LIMITED,
        )
        frame.pts, frame.time_base = self.frames, 1 / self._fps
        frame.colorspace = _BT709
        frame.color_range = _LIMITED
        self._container.mux(self._video.encode(frame))
        self.frames += 1

    def write_sound(self, samples: Samples) -> None:
        """The next samples: float32 (n,) or (n, 2) in [-1, 1] at ``sample_rate``."""
        if self._audio is None:
            raise ValueError("this video was opened without sound")
        samples = np.asarray(samples, np.float32)
        if samples.ndim == 2 and samples.shape[1] == 2 and self._channels == 1:
            samples = samples.mean(axis=1)
        elif samples.ndim == 1 and self._channels == 2:
            samples = np.repeat(samples[:, None], 2, axis=1)
        if not len(samples):
            return
        packed = np.ascontiguousarray(samples.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(
            packed, format="flt", layout="stereo" if self._channels == 2 else "mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self.samples, Fraction(1, self._rate)
        self.samples += len(samples)
        for out in self._resampler.resample(frame):
            self._container.mux(self._audio.encode(out))

    def close(self) -> None:
        """Finish and put the file in its place."""
        beat()
        self._container.mux(self._video.encode(None))
        if self._audio is not None:
            for out in self._resampler.resample(None) if self.samples else []:
                self._container.mux(self._audio.encode(out))
            self._container.mux(self._audio.encode(None))
        self._container.close()
        self._part.replace(self.path)

    def abort(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(av.FFmpegError, ValueError):
            self._container.close()
        self._part.unlink(missing_ok=True)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.abort()
            return
        try:
            self.close()
        except BaseException:
            self.abort()
            raise

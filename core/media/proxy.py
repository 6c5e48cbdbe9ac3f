"""A copy that every browser plays, of a video that some do not: VP8 and Opus in WebM, smaller, at the same times.

It is for a person who has to look and could not otherwise. It has other pixels, another sound and another
essence than the video.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from core.heartbeat import beat
from core.media.models import Frame, Samples
from core.media.reading import read
from core.settings import MediaSettings

WIDEST = 1280
SOUND_RATE = 48_000
_TICK = Fraction(1, 1000)  # WebM's


def write_proxy(
    source: Path,
    out: Path,
    *,
    limits: MediaSettings | None = None,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Write ``out`` as people see and hear ``source``, each picture at its own time (to the millisecond).

    The file appears when it is whole, and not at all otherwise.

    Raises:
        MediaError: as :func:`core.media.probe.probe`.
    """
    part = out.with_name(f".{out.name}.part")
    heard: list[Samples] = []
    with read(source, limits, want="F", hear=heard.append) as reading:
        video = reading.presentation.video
        duration = float(reading.presentation.duration) or 1.0
        sound = reading.presentation.audio
        writer = _Writer(part, video.width, video.height, video.usual_rate, sound.sample_rate if sound else 0)
        try:
            for frame in reading.events():
                for block in heard:
                    writer.sound(block)
                heard.clear()
                if frame is not None:
                    writer.picture(frame)
                    if progress is not None:
                        progress(min(1.0, float(frame.time) / duration))
            writer.close()
        except BaseException:
            writer.abort()
            raise
    part.replace(out)
    return out


class _Writer:
    def __init__(self, path: Path, width: int, height: int, rate: Fraction, sound_rate: int) -> None:
        share = min(1.0, WIDEST / max(width, height))
        self._size = max(2, round(width * share) // 2 * 2), max(2, round(height * share) // 2 * 2)
        self._path, self._rate = path, sound_rate
        self._container = av.open(str(path), "w", format="webm", options={"fflags": "+bitexact"})
        self._video: Any = self._container.add_stream("libvpx", rate=rate)
        self._video.width, self._video.height = self._size
        self._video.pix_fmt = "yuv420p"
        context = self._video.codec_context
        context.time_base = _TICK
        context.thread_count = 1
        context.bit_rate = 2_500_000
        context.options = {"deadline": "realtime", "cpu-used": "6", "auto-alt-ref": "0", "crf": "12"}
        self._audio: Any = None
        self._samples = 0
        if sound_rate:
            self._audio = self._container.add_stream("libopus", rate=SOUND_RATE, layout="stereo")
            self._audio.codec_context.bit_rate = 96_000
            self._resampler = av.AudioResampler(
                format="flt", layout="stereo", rate=SOUND_RATE, frame_size=960
            )

    def picture(self, frame: Frame) -> None:
        beat()
        image = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame.image), format="bgr24")
        image = image.reformat(width=self._size[0], height=self._size[1], format="yuv420p")
        image.pts, image.time_base = round(frame.time / _TICK), _TICK
        self._container.mux(self._video.encode(image))

    def sound(self, block: Samples) -> None:
        """float32 (n, 2), or (n, 3) with a centre that the first two have in them."""
        packed = np.ascontiguousarray(block[:, :2], np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self._samples, Fraction(1, self._rate)
        self._samples += len(block)
        for out in self._resampler.resample(frame):
            self._container.mux(self._audio.encode(out))

    def close(self) -> None:
        self._container.mux(self._video.encode(None))
        if self._audio is not None:
            for out in self._resampler.resample(None) if self._samples else []:
                self._container.mux(self._audio.encode(out))
            self._container.mux(self._audio.encode(None))
        self._container.close()

    def abort(self) -> None:
        with contextlib.suppress(av.FFmpegError, ValueError):
            self._container.close()
        self._path.unlink(missing_ok=True)

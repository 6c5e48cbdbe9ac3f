"""Trust steps 5 to 7 for a finished video that came in from outside: its own pictures, our label and mark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from core.labels import LabelProfile, draw_label
from core.media.decode import frames, sound_blocks
from core.media.encode import VideoWriter
from core.media.models import Frame, Image, Samples
from core.media.probe import probe
from core.settings import MediaSettings
from generate.errors import Cancelled

FASTEST = Fraction(60)  # frames a second of the output
AHEAD_SECONDS = 0.5  # sound may run this far ahead of the picture in the writer


def relabel(
    source: Path,
    *,
    label_profile: LabelProfile,
    mark: Callable[[int, Image], Image],
    out: Path,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    limits: MediaSettings | None = None,
    threads: int = 2,
) -> Path:
    """Encode ``source`` once more with the territory's label and the invisible mark, at its size and rate.

    An uneven frame clock becomes an even one of the mean rate (the nearest picture is shown); odd sides lose one
    row or column (4:2:0). More than two channels of sound become one. Streaming; atomic like
    :func:`generate.service.make_candidate`.

    Raises:
        MediaError: the source cannot be read or breaks a limit. Cancelled: somebody asked for it.
    """
    info = probe(source, limits)
    width, height = info.video.width // 2 * 2, info.video.height // 2 * 2
    fps = min(info.video.frame_rate, FASTEST).limit_denominator(1001 * 60)
    duration = float(info.video.duration)
    rate, channels = (info.audio.sample_rate, info.audio.channels) if info.audio else (0, 1)
    stereo = 2 if channels == 2 else 1
    sound = sound_blocks(source, limits) if info.audio else iter(())
    done = 0.0  # seconds of sound written
    with VideoWriter(out, width, height, fps, rate, threads=threads, channels=stereo) as writer:
        for index, picture in enumerate(steady(frames(source, limits), fps)):
            if cancelled is not None and cancelled():
                raise Cancelled("the import was cancelled", where=source.name, next_step="start it again")
            labelled = draw_label(picture[:height, :width], label_profile, float(index / fps), duration)
            writer.write(mark(index, labelled))  # trust steps 6 and 7
            now = float((index + 1) / fps)
            while rate and done < now + AHEAD_SECONDS and (block := next(sound, None)) is not None:
                writer.write_sound(_mixed(block, stereo))
                done += len(block) / rate
            if progress is not None and duration > 0:
                progress(min(1.0, now / duration))
        for block in sound:
            writer.write_sound(_mixed(block, stereo))
    return out


def steady(pictures: Iterable[Frame], fps: Fraction) -> Iterator[Image]:
    """Pictures at n / fps from pictures at any times: the last one that is due by then is shown."""
    shown: Image | None = None
    count = 0
    for frame in pictures:
        # Half a frame of grace: a clock that jitters around the rate drops and doubles nothing.
        while shown is not None and count / fps < frame.time - 1 / (2 * fps):
            yield shown
            count += 1
        shown = frame.image
    if shown is not None:
        yield shown


def _mixed(block: Samples, channels: int) -> Samples:
    if channels == 2 and block.shape[1] == 2:
        return block
    return np.ascontiguousarray(block.mean(axis=1), np.float32)

"""Trust steps 5 to 7 for a finished video that came in from outside: its own pictures, our label and mark."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path

from core.labels import LabelProfile, draw_label
from core.media.encode import VideoWriter
from core.media.models import Frame, Image, Samples
from core.media.reading import read
from core.settings import MediaSettings
from generate.errors import Cancelled
from generate.sound import plan_mix

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
    """Encode ``source`` once more with the territory's label and the invisible mark: see :func:`rewrite`.

    Raises:
        MediaError: the source cannot be read or breaks a limit. Cancelled: somebody asked for it.
    """

    def change(index: int, image: Image, time: float, end: float) -> Image:
        return mark(index, draw_label(image, label_profile, time, end))  # trust steps 6 and 7

    return rewrite(
        source, change, out=out, progress=progress, cancelled=cancelled, limits=limits, threads=threads
    )


def rewrite(
    source: Path,
    change: Callable[[int, Image, float, float], Image],
    *,
    out: Path,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    limits: MediaSettings | None = None,
    threads: int = 2,
) -> Path:
    """Encode ``source`` once more as it is seen and heard, each picture after ``change(index, image, time, end)``.

    What people see and hear is what is written: upright, square pixels, BT.709, at the displayed size and the file's
    rate; the first picture from time zero on, also where the sound begins before it; the sound as
    :mod:`generate.sound` says. An uneven frame clock becomes an even one of its usual step (the picture that is due
    is shown); odd sides lose one row or column (4:2:0). Streaming; sound that
    a file carries before its pictures waits in memory. Atomic like :func:`generate.service.make_candidate`.

    Raises:
        MediaError: the source cannot be read or breaks a limit. Cancelled: somebody asked for it.
    """
    mix = plan_mix(source, limits)
    waiting: deque[Samples] = deque()
    done = 0  # samples of sound written
    with read(source, limits, want="F", hear=waiting.append) as reading:
        video = reading.presentation.video
        width, height = video.width // 2 * 2, video.height // 2 * 2
        # An uneven clock keeps the rate of its usual step: at the mean rate moving pictures would be lost.
        rate = max(video.frame_rate, video.usual_rate) if video.variable else video.frame_rate
        fps = min(rate, FASTEST).limit_denominator(1001 * 60)
        end = float(video.end)
        with VideoWriter(
            out, width, height, fps, mix.rate, threads=threads, channels=max(1, mix.channels)
        ) as writer:
            for index, picture in enumerate(steady(reading.pictures(), fps)):
                if cancelled is not None and cancelled():
                    raise Cancelled("the import was cancelled", where=source.name, next_step="start it again")
                writer.write(change(index, picture[:height, :width], float(index / fps), end))
                now = float((index + 1) / fps)
                while mix.rate and waiting and done < (now + AHEAD_SECONDS) * mix.rate:
                    done += len(waiting[0])
                    writer.write_sound(mix.apply(waiting.popleft()))
                if progress is not None and end > 0:
                    progress(min(1.0, now / end))
            while mix.rate and waiting:
                writer.write_sound(mix.apply(waiting.popleft()))
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

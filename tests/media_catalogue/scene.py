"""One scene: pictures that flash and sound that beeps at the same moments, and the truth about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from tests.media_catalogue import beeps
from tests.media_catalogue.card import card_colours
from tests.media_catalogue.truth import HeardTruth, SeenTruth, Truth
from tests.media_catalogue.writing import Picture, Sound

# Samples that a coder puts before the first one (packets begin that much earlier); where a container does not take
# them away again they are presented, as silence. AAC and Opus at 48 kHz.
PRIMING = {"aac": 1024, "libopus": 312, "ac3": 256, "eac3": 256, "mp2": 481, "libmp3lame": 1105}


@dataclass
class Scene:
    """``times`` of the pictures and the sound's span on one content clock; flash and beep together."""

    times: Sequence[Fraction]
    sound: tuple[float, float] | None = (0.0, 4.0)
    seed: int = 0
    first: int = 0
    rate: Fraction = Fraction(25)
    events: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        wanted = beeps.event_times(
            float(max(self.times[-1], Fraction(self.sound[1] if self.sound else 0))), self.seed
        )
        seconds = np.array([float(t) for t in self.times])
        for time in wanted:
            if time < seconds[0] or time > seconds[-1]:
                continue
            index = int(np.searchsorted(seconds, time))
            if index < len(seconds) - 2 and (not self.events or index > self.events[-1] + 3):
                self.events.append(index)

    def picture(self, **how: Any) -> Picture:
        marks = frozenset(self.first + index for index in self.events)
        return Picture(self.times, rate=self.rate, first=self.first, flashes=marks, **how)

    @property
    def beep_times(self) -> list[float]:
        """Seconds of the content clock at which a beep begins and ends inside the sound."""
        if self.sound is None:
            return []
        begin, end = self.sound
        return [
            float(self.times[i])
            for i in self.events
            if begin + 0.03 <= float(self.times[i]) <= end - beeps.BEEP - 0.03
        ]

    def sound_track(self, rate: int = 48_000, hertz: float = beeps.MAIN, **how: Any) -> Sound:
        assert self.sound is not None
        begin, end = self.sound
        at = [time - begin for time in self.beep_times]
        mono = beeps.voice(at, end - begin, rate, hertz)
        return Sound(mono[:, None], start=Fraction(begin).limit_denominator(90_000), rate=rate, **how)

    def truth(
        self,
        picture: Picture,
        *,
        numbers: tuple[int, int] = (0, 1),
        primed: float = 0.0,
        cut: tuple[float, float] = (0.0, 0.0),
        shift: tuple[float, float] = (0.0, 0.0),
        seen: dict[str, Any] | None = None,
        heard: dict[str, Any] | None = None,
        **more: Any,
    ) -> Truth:
        """The truth of the scene as muxed.

        Args:
            numbers: track numbers of picture and sound.
            primed: seconds of priming that the container presents.
            cut: what an edit list leaves out at the start of picture and sound (content clock).
            shift: what is added to the content times of picture and sound.
        """
        kept = [
            (c, t) for c, t in zip(picture.counters, self.times, strict=True) if float(t) >= cut[0] - 0.001
        ]
        times = [float(t) + shift[0] for _, t in kept]
        span = self.sound
        sound_start = None if span is None else max(span[0], cut[1]) + shift[1] - primed
        zero = times[0] if sound_start is None else min(times[0], sound_start)
        step = float(1 / self.rate)
        marks = [float(self.times[i]) for i in self.events]
        flashes = tuple(t + shift[0] - zero for t in marks if t >= cut[0] - 0.001)
        sides = (
            (picture.height, picture.width)
            if picture.rotation in (90, 270)
            else (picture.width, picture.height)
        )
        aspect = 1 / picture.aspect if picture.rotation in (90, 270) else picture.aspect
        seen_truth = SeenTruth(
            number=numbers[0],
            counters=tuple(c for c, _ in kept),
            times=tuple(t - zero for t in times),
            width=round(sides[0] * aspect) if aspect > 1 else sides[0],
            height=round(sides[1] / aspect) if aspect < 1 else sides[1],
            rotation=picture.rotation,
            aspect=picture.aspect,
            frame_rate=float(self.rate),
            end=times[-1] + step - zero,
            colours=card_colours(),
            flashes=flashes,
            tagged=picture.ink.tagged
            and picture.codec != "mpeg4",  # AVI and MPEG-4 Part 2 as libav writes it say nothing
            hdr=picture.ink.transfer != "sdr",
        )
        heard_truth = None
        if span is not None and sound_start is not None:
            at = tuple(t + shift[1] - zero for t in self.beep_times if t >= cut[1] + 0.01)
            end = span[1] + shift[1] - zero
            heard_truth = HeardTruth(
                number=numbers[1],
                voices={beeps.MAIN: at},
                start=sound_start - zero,
                end=end,
                loudness=loudness(len(at), end - (sound_start - zero)),
            )
            heard_truth = replace(heard_truth, **(heard or {}))
        return Truth(
            seen=replace(seen_truth, **(seen or {})),
            heard=heard_truth,
            offset=shift[1] - shift[0],
            **more,
        )


def loudness(count: int, seconds: float, level: float = beeps.LEVEL) -> float | None:
    """dBFS RMS of ``count`` whole beeps in so many seconds."""
    if not count:
        return None
    return float(10 * np.log10(count * beeps.BEEP * level**2 / 2 / seconds))

"""One reading of a file: one child, one walk over its packets, one decode of picture and sound.

Whoever looks at a file (probe, gates, relabelling, onboarding, the verifier) looks through this, so that all of them
see the same pictures, hear the same sound, and speak of the same seconds.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from core.heartbeat import beat
from core.media.boxes import declared_seconds, is_truncated
from core.media.confined import MALFORMED, Message, converse
from core.media.errors import media_error
from core.media.facts import decoded_of, essence_of, presentation_of, rational
from core.media.heard import RATE as HEARD_RATE
from core.media.heard import Heard
from core.media.models import Decoded, Essence, Frame, FrameTimes, Presentation, Samples
from core.media.own import OwnFile
from core.settings import MediaSettings, get_settings

_FINEST = 2**31  # ticks of a second (child_scan.FINEST)

Hear = Callable[[Samples], None]
"""Called with the sound at the file's own rate as it comes, float32 (n, 2), or (n, 3) with the centre of a surround
layout; sample n of all blocks is at n / rate, from time zero."""


class Reading:
    """One file, being read. ``presentation`` and ``essence`` are known at once; ``times`` (where they were asked for),
    ``heard`` and ``decoded`` when :meth:`pictures` has come to its end (or :meth:`finish` was called)."""

    def __init__(
        self,
        path: Path,
        limits: MediaSettings,
        messages: Iterator[Message],
        hear: Hear | None,
        rate: int,
        *,
        timed: bool = False,
    ) -> None:
        self.path = path
        self.limits = limits
        self._messages = messages
        self._hear, self._rate, self._timed = hear, rate, timed
        self._axes: dict[bytes, _Axis] = {}
        facts = self._first()
        try:
            self.presentation: Presentation = presentation_of(
                facts, path.stat().st_size, declared_seconds(path), limits
            )
            self.essence: Essence = essence_of(facts)
        except MALFORMED as error:
            raise media_error("unreadable", path, {}, limits) from error
        self.heard: Heard | None = None
        self.times: FrameTimes | None = None
        self.decoded = Decoded()

    def pictures(self) -> Iterator[Frame]:
        """Every presented picture in order; the sound is taken in on the way.

        Raises:
            MediaError: as :func:`core.media.probe.probe`, also in mid-file.
        """
        return (frame for frame in self.events() if frame is not None)

    def events(self) -> Iterator[Frame | None]:
        """As :meth:`pictures`, with None after each block of sound."""
        count, time, over = 0, Fraction(-1), False
        for message in self._messages:
            beat()
            frame, block = None, None
            try:
                if over:
                    raise ValueError("something comes after the end")
                if message.kind == b"F":
                    frame = self._frame(message, count, time)
                    count, time = count + 1, frame.time
                elif message.kind in (b"A", b"H"):
                    block = self._sound(message)
                elif message.kind == b"T" and self._timed and self.times is None:
                    self.times = self._frame_times(message)
                elif message.kind == b"D":
                    self.decoded, over = decoded_of(message.json()), True
                    if self.decoded.pictures != count:
                        raise ValueError("other pictures are counted than came")
                    if self._timed and self.times is None:
                        raise ValueError("no times came")
                else:
                    raise ValueError("a message of no kind")
            except MALFORMED as error:
                raise media_error("unreadable", self.path, {}, self.limits) from error
            if block is not None:
                self._hand_on(message.kind, *block)
            yield frame

    def finish(self) -> None:
        """Read to the end; pictures that come are dropped."""
        for _ in self.events():
            pass

    def _first(self) -> dict[str, Any]:
        try:
            message = next(self._messages)
            if message.kind != b"I":
                raise ValueError("facts come first")
            return message.json()
        except StopIteration as ended:
            raise media_error("decoder_died", self.path, {}, self.limits) from ended
        except MALFORMED as error:
            raise media_error("unreadable", self.path, {}, self.limits) from error

    def _frame(self, message: Message, expected: int, after: Fraction) -> Frame:
        """A picture of the presentation, at its place in the order and later than the one before."""
        index, numerator, denominator, width, height = struct.unpack("<qqqii", message.head)
        time = rational(numerator, denominator)
        if index != expected or index > self.limits.max_seconds * self.limits.max_frame_rate:
            raise ValueError("a picture out of order, or too many")
        if not (0 <= time <= self.limits.max_seconds and time > after):
            raise ValueError("a picture out of time")
        if (width, height) != (self.presentation.video.width, self.presentation.video.height):
            raise ValueError("a picture of another size")
        return Frame(index, time, message.body.reshape(height, width, 3))

    def _frame_times(self, message: Message) -> FrameTimes:
        """As many as there are pictures, one later than the other, within the presentation."""
        (base,) = struct.unpack("<q", message.head)
        ticks = np.frombuffer(message.body.tobytes(), np.int64)
        if not 1 <= base <= _FINEST or len(ticks) != self.presentation.video.frames or not len(ticks):
            raise ValueError("not the times of these pictures")
        if len(ticks) > self.limits.max_seconds * self.limits.max_frame_rate + 1:
            raise ValueError("too many pictures")
        if ticks[0] < 0 or ticks[-1] > self.limits.max_seconds * base or (np.diff(ticks) < 0).any():
            raise ValueError("pictures out of time")
        return FrameTimes(ticks, base)

    def _sound(self, message: Message) -> tuple[int, Samples]:
        """(samples of silence before it, the block)"""
        audio = self.presentation.audio
        if audio is None:
            raise ValueError("sound of a file without any")
        rate = audio.sample_rate if message.kind == b"A" else self._rate
        axis = self._axes.setdefault(message.kind, _Axis(rate, 3 if audio.has_centre else 2, self.limits))
        return axis.lay(rational(*struct.unpack("<qq", message.head)), message.body)

    def _hand_on(self, kind: bytes, gap: int, block: Samples) -> None:
        axis = self._axes[kind]
        if kind == b"H":
            if self.heard is None:
                self.heard = Heard(axis.channels, self._rate)
            self.heard.silence(gap)
            self.heard.feed(block)
        elif self._hear is not None:
            for first in range(0, gap, axis.rate):
                self._hear(np.zeros((min(axis.rate, gap - first), axis.channels), np.float32))
            self._hear(block)


class _Axis:
    """Blocks laid end to end from time zero: what starts late is preceded by silence."""

    def __init__(self, rate: int, channels: int, limits: MediaSettings) -> None:
        self.rate, self.channels = rate, channels
        self._most = round((limits.max_seconds + 2) * rate)
        self._position = 0

    def lay(self, start: Fraction, body: Any) -> tuple[int, Samples]:
        """(samples of silence before the block, the block)"""
        block = np.ascontiguousarray(body).view(np.float32).reshape(-1, self.channels)
        gap = round(start * self.rate) - self._position
        if not len(block) or gap < -self.rate or self._position + max(gap, 0) + len(block) > self._most:
            raise ValueError("sound off the axis, or none")
        # Rounding of one rate to the other is no hole.
        gap = gap if gap > self.rate // 200 else 0
        self._position += gap + len(block)
        return gap, np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0)


def _is_truncated(path: Path, limits: MediaSettings) -> bool:
    try:
        return path.is_file() and is_truncated(path)
    except OSError as error:
        raise media_error("missing_file", path, {}, limits) from error


@contextmanager
def read(
    path: Path,
    limits: MediaSettings | None = None,
    *,
    want: str = "FH",
    hear: Hear | None = None,
    rate: int = HEARD_RATE,
    own: OwnFile | None = None,
) -> Generator[Reading, None, None]:
    """Read a file. The child that decodes it dies with the block.

    Args:
        want: what is decoded: ``F`` pictures, ``H`` the sound at 16 kHz (:attr:`Reading.heard`); ``T``: the times of
            all pictures, from the packets (:attr:`Reading.times`); nothing for the presentation and the essence alone.
        hear: takes the sound at the file's own rate as it comes.
        rate: of :attr:`Reading.heard`, Hz; every check hears 16 kHz.
        own: the caller's word that this file is ours, by its digest; None, for every other: it is foreign.

    Raises:
        MediaError: as :func:`core.media.probe.probe`.
    """
    limits = limits or get_settings().media
    wants = want + ("A" if hear is not None else "")
    messages = converse("read", path, limits, own=own, want=wants, rate=rate)
    try:
        if _is_truncated(path, limits):
            raise media_error("truncated", path, {}, limits)
        yield Reading(path, limits, messages, hear, rate, timed="T" in want)
    finally:
        messages.close()

"""From decoded sound to what people hear on two speakers, and its clock. Runs in the confined child only.

Surround becomes stereo by the coefficients of ITU-R BS.775 through libswresample (loudness kept), mono becomes two
equal channels. A surround layout's centre comes along as a third channel: it carries the voice.
"""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Any

import av
import numpy as np

from core.media.child_clock import Clock
from core.media.child_media import decoded
from core.media.wire import Refused, Wire

JITTER = Fraction(1, 50)  # seconds: a clock in milliseconds jitters, a step of 20 ms is a gap
FINE = Fraction(1, 200)  # seconds of one step that is no clock's rounding
ROUNDING = Fraction(1, 1000)  # seconds: clocks count milliseconds or coarser ticks, not samples
ADRIFT = Fraction(1, 10)  # seconds by which small steps may add up before they are one
BLOCK = Fraction(1, 2)  # seconds a message: a codec's blocks are too short to be worth one each
PRIMING = Fraction(1, 20)
QUIET = 0.001  # -60 dBFS
MOST_SPANS = 1000


class SoundReader:
    """Feed it the packets of the sound track; it sends what is heard, at the file's own rate and at 16 kHz."""

    def __init__(
        self, stream: Any, clock: Clock, wire: Wire, *, max_seconds: float, wants: set[str], rate: int
    ) -> None:
        context = stream.codec_context
        self.rate: int = context.sample_rate
        self.width = 3 if has_centre(context) else 2
        self.broken = 0
        self.packets = 0
        self.gaps: list[list[float]] = []
        self.overlaps: list[list[float]] = []
        self.changes: list[float] = []
        self._clock, self._max_seconds = clock, max_seconds
        self._shape: tuple[str, str, int] | None = None
        self._stereo: Any = None
        self._same: Any = None
        self._centre: int | None = None
        self._mono = False
        self._position: Fraction | None = None  # where the sound that came out ends
        self._first = Fraction(0)
        self._clock_end: Fraction | None = None  # where the last packet ended, by its own time
        self._doubling = False
        self.dropped = 0.0
        self._audible = False
        rates = {"A": self.rate, "H": rate}
        self._lanes = [_Lane(kind, rate, self.width, wire) for kind, rate in rates.items() if kind in wants]

    def packet(self, packet: Any) -> None:
        self.packets += 1
        frames, broken = decoded(packet)
        self.broken += broken
        if self.broken > 100 and self.broken > self.packets / 10:
            raise Refused("damaged")
        for frame in frames:
            self._frame(frame)

    def end(self) -> None:
        self._drain()
        for lane in self._lanes:
            lane.end()

    @property
    def seconds(self) -> float:
        return float(self._position or 0)

    def _frame(self, frame: Any) -> None:
        if frame.sample_rate <= 0 or frame.samples <= 0:
            return
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        start = self._clock.at(frame.pts) if frame.pts is not None else self._position
        if len(frame.layout.channels) > 2 and "FL" not in _names(frame.layout):
            raise Refused("layout", found=len(frame.layout.channels))
        if shape != self._shape:
            if self._shape is not None and start is not None and len(self.changes) < MOST_SPANS:
                self.changes.append(float(start))
            self._begin(shape, frame.layout)
        frame.pts = None
        try:
            block = self._stereo_of(frame)
        except (av.FFmpegError, ValueError) as error:
            raise Refused("layout", found=len(frame.layout.channels)) from error
        if len(block):
            self._lay(start if start is not None else Fraction(0), block)

    def _begin(self, shape: tuple[str, str, int], layout: Any) -> None:
        self._drain()
        self._shape = shape
        names = _names(layout)
        # One channel is played by both speakers as it is; the library would turn it down as if it were a centre.
        self._mono = len(names) == 1
        self._stereo = av.AudioResampler(
            format="flt", layout=layout.name if self._mono else "stereo", rate=self.rate
        )
        self._same = av.AudioResampler(format="flt", layout=layout, rate=self.rate)
        self._centre = names.index("FC") if self.width == 3 and "FC" in names else None

    def _drain(self) -> None:
        """What a resampler still holds when the sound changes its shape, or ends."""
        if self._stereo is not None and self._shape is not None:
            block = self._stereo_of(None)
            if len(block) and self._position is not None:
                self._lay(self._position, block)

    def _stereo_of(self, frame: Any) -> Any:
        """float32 (n, width) at the file's rate."""
        stereo = [samples_of(out) for out in self._stereo.resample(frame)]
        both = np.concatenate(stereo) if stereo else np.zeros((0, 2), np.float32)
        both = np.repeat(both, 2, axis=1) if self._mono and stereo else both
        if self.width == 2:
            return both
        if self._centre is None:
            return np.hstack([both, both.mean(axis=1, keepdims=True)])
        rows = [samples_of(out)[:, self._centre] for out in self._same.resample(frame)]
        centre = np.concatenate(rows) if rows else np.zeros(0, np.float32)
        count = min(len(both), len(centre))
        return np.hstack([both[:count], centre[:count, None]])

    def _lay(self, start: Fraction, block: Any) -> None:
        """Put a block on the axis. Where the clock leaves a hole silence will stand, what it doubles is left out; where
        it only runs a little faster or slower than its samples, they are stretched."""
        position = self._position if self._position is not None else start
        step = start - self._clock_end if self._clock_end is not None else Fraction(0)
        self._clock_end = start + Fraction(len(block), self.rate)
        if self._clock_end > self._max_seconds + 1:
            raise Refused("too_long", found=float(self._clock_end))
        apart = start - position
        # One step at once is a hole or sound on sound; what small steps add up to is drift.
        abrupt = abs(step) > FINE and abs(apart) > JITTER
        # What was placed on other sound is cut until the clock has caught up.
        self._doubling = apart < -ROUNDING and (self._doubling or abrupt or apart < -ADRIFT)
        if not self._doubling and not abrupt and abs(apart) <= ADRIFT:
            block, start = _stretched(block, apart, self.rate), position
        elif apart > 0:
            if self._audible and len(self.gaps) < MOST_SPANS:
                self.gaps.append([float(position), float(start)])
        elif self._doubling:
            cut = min(len(block), round(-apart * self.rate))
            self._doubled(float(start), float(start + Fraction(cut, self.rate)))
            self.dropped += cut / self.rate
            block, start = block[cut:], position
        if start < 0:  # before the zero that the packets state
            block = block[round(-start * self.rate) :]
            start = Fraction(0)
        if not len(block):
            return
        # What an encoder leaves before the first sound (priming) may be cut off from it by a hole: nobody hears that.
        primed = self._position is not None and self._position > self._first + PRIMING
        self._first = start if self._position is None else self._first
        self._audible = self._audible or (primed and bool(np.abs(block).max() > QUIET))
        for lane in self._lanes:
            lane.add(start, block, self.rate)
        self._position = start + Fraction(len(block), self.rate)

    def _doubled(self, start: float, end: float) -> None:
        if self.overlaps and start <= self.overlaps[-1][1] + float(JITTER):
            self.overlaps[-1][1] = max(end, self.overlaps[-1][1])
        elif len(self.overlaps) < MOST_SPANS:
            self.overlaps.append([start, end])


class _Lane:
    """One rate at which the sound is sent: blocks of (n, width) float32 with the second at which each starts."""

    def __init__(self, kind: str, rate: int, width: int, wire: Wire) -> None:
        self._kind, self._rate, self._width, self._wire = kind.encode(), rate, width, wire
        self._resampler: Any = None
        self._held: list[Any] = []
        self._count = 0
        self._start = Fraction(0)
        self._next: Fraction | None = None  # where the sound that went in ends

    def add(self, start: Fraction, block: Any, rate: int) -> None:
        if self._next is None or start != self._next:
            self.end()
            self._start = start
        self._next = start + Fraction(len(block), rate)
        if rate == self._rate:
            self._hold(block)
            return
        if self._resampler is None:
            layout = "stereo" if self._width == 2 else "3.0"
            self._resampler = av.AudioResampler(format="flt", layout=layout, rate=self._rate)
        packed = np.ascontiguousarray(block.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(
            packed, format="flt", layout="stereo" if self._width == 2 else "3.0"
        )
        frame.sample_rate = rate
        for out in self._resampler.resample(frame):
            self._hold(samples_of(out))

    def _hold(self, block: Any) -> None:
        self._held.append(block)
        self._count += len(block)
        if self._count >= BLOCK * self._rate:
            self._send()

    def _send(self) -> None:
        if self._held:
            head = struct.pack("<qq", self._start.numerator, self._start.denominator)
            self._wire.send(self._kind, head, np.ascontiguousarray(np.concatenate(self._held), np.float32))
            self._start += Fraction(self._count, self._rate)
        self._held, self._count = [], 0

    def end(self) -> None:
        """The end of a run without holes: what the resampler holds comes out."""
        if self._resampler is not None:
            for out in self._resampler.resample(None):
                self._hold(samples_of(out))
            self._resampler = None
        self._send()
        self._next = None


def _stretched(block: Any, apart: Fraction, rate: int) -> Any:
    """The block, longer or shorter by a hundredth at most, so that a slow drift is made up for. (A hundredth of pitch
    is not heard, and a hole is.)"""
    if abs(apart) <= JITTER / 2 or len(block) < 200:
        return block
    most = len(block) // 100
    count = len(block) + max(-most, min(most, round(apart * rate)))
    at = np.linspace(0, len(block) - 1, count)
    columns = [np.interp(at, np.arange(len(block)), column) for column in block.T]
    return np.stack(columns, 1).astype(np.float32)


def samples_of(frame: Any) -> Any:
    """A packed float frame as float32 (n, channels), finite. (av's own arrays of planar frames of eight channels read
    beyond their memory.)"""
    channels = len(frame.layout.channels)
    values = np.frombuffer(frame.planes[0], np.float32)[: frame.samples * channels].reshape(-1, channels)
    return np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=-1.0)


def has_centre(context: Any) -> bool:
    return context.channels > 2 and "FC" in _names(context.layout)


def _names(layout: Any) -> list[str]:
    return [channel.name for channel in layout.channels]

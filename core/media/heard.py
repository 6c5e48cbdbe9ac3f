"""What is heard: the sound of one file at 16 kHz, kept on disk and read in slices, one "ear" a way of listening.

Two speakers play left and right, one speaker plays their sum, and what is in antiphase is heard on two speakers and
vanishes on one. So a check that hears only the sum does not hear what people hear. An ear is left, right, mid
((L+R)/2), side ((L-R)/2) or the centre of a surround layout; it is there where it is above -50 dB of the loudest.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from core.heartbeat import beat
from core.media.errors import no_room
from core.media.models import Samples
from core.rows import close_quietly, temporary_file

RATE = 16_000
PRESENT_DB = -50.0  # relative to the loudest ear: what lies below is not heard beside it
SILENT_DB = -100.0  # dBFS: digital silence, and the noise of the last bit
MID_DB = (
    -9.0
)  # mid is what most devices play; where it is this far below left or right, it is not what is heard

EarName = Literal["mid", "left", "right", "side", "centre"]


class Listening(Protocol):
    """Mono sound at 16 kHz that is read in slices: an :class:`Ear`, or an array float32 (n,)."""

    def __len__(self) -> int: ...
    def __getitem__(self, key: slice, /) -> Samples: ...


def blocks(sound: Listening, seconds: float = 60.0) -> Iterator[Samples]:
    """The sound in order, in blocks of so many seconds: bounded memory at any length."""
    step = max(1, round(seconds * RATE))
    for start in range(0, len(sound), step):
        yield sound[start : start + step]


@dataclass(frozen=True)
class Ear:
    """One way of listening. ``sound[a:b]`` reads samples a to b as float32 (n,) in [-1, 1]; sample n is at n / rate.

    ``level`` is the RMS of its loudest second, dBFS.
    """

    name: EarName
    level: float
    _heard: Heard

    def __len__(self) -> int:
        return len(self._heard)

    def __getitem__(self, key: slice, /) -> Samples:
        start, stop, step = key.indices(len(self))
        if step != 1:
            raise ValueError("an ear is read forwards")
        return self._heard.read(self.name, start, stop)

    @property
    def seconds(self) -> float:
        return len(self) / self._heard.rate


class Heard:
    """The sound of one file at ``rate`` (16 kHz for every check). Fed in order, then read; the file behind it has no
    name and goes with the object.

    Making, feeding and reading raise :class:`core.media.errors.NoRoom` where the disk is full."""

    def __init__(self, channels: int, rate: int = RATE) -> None:
        """``channels``: 1 (mono), 2 (left and right as two speakers play them, a centre shared out to both) or 3 (these
        and the centre by itself)."""
        if channels not in (1, 2, 3):
            raise ValueError(f"1 to 3 channels, not {channels}")
        self.channels, self.rate = channels, rate
        self._file = temporary_file("sound")
        weakref.finalize(self, close_quietly, self._file)
        self._samples = 0
        self._second = np.zeros(len(_MIX[channels]))
        self._filled = 0  # samples of the second that is being measured
        self._loudest = np.zeros(len(_MIX[channels]))

    @classmethod
    def of(cls, samples: Samples) -> Heard:
        """From an array: float32 (n,) or (n, 1 to 3)."""
        samples = np.asarray(samples, np.float32)
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        heard = cls(channels)
        heard.feed(samples.reshape(-1, channels))
        return heard

    def feed(self, block: Samples) -> None:
        """The next samples, float32 (n, channels)."""
        block = np.ascontiguousarray(block, np.float32).reshape(-1, self.channels)
        try:
            self._file.seek(0, 2)
            self._file.write(block.tobytes())
        except OSError as error:
            raise no_room(error) from error
        self._samples += len(block)
        mix = np.array(list(_MIX[self.channels].values()), np.float32).T
        while len(block):  # the loudest second, on a grid of seconds
            part, block = block[: self.rate - self._filled], block[self.rate - self._filled :]
            self._second += np.square(np.clip(part, -1, 1) @ mix, dtype=np.float64).sum(axis=0)
            self._filled += len(part)
            self._loudest = np.maximum(self._loudest, self._second / self.rate)
            if self._filled == self.rate:
                self._second, self._filled = np.zeros_like(self._second), 0

    def silence(self, count: int) -> None:
        """So many samples of silence next. A hole in the file: hours of it cost no space and no time."""
        try:
            self._file.truncate((self._samples + count) * 4 * self.channels)
        except OSError as error:
            raise no_room(error) from error
        self._samples += count
        if self._filled + count >= self.rate:  # the second that was being measured is over
            self._second = np.zeros_like(self._second)
        self._filled = (self._filled + count) % self.rate

    def __len__(self) -> int:
        return self._samples

    def read(self, ear: EarName, start: int, stop: int) -> Samples:
        """Samples of one ear, float32 (stop - start,), clipped to [-1, 1]."""
        beat()  # every check that listens comes by here, slice by slice
        width = 4 * self.channels
        try:
            self._file.seek(start * width)  # what is still held is written first
            raw = np.frombuffer(self._file.read(max(0, stop - start) * width), np.float32)
        except OSError as error:
            raise no_room(error) from error
        mix = np.array(_MIX[self.channels][ear], np.float32)
        found: Samples = np.clip(raw.reshape(-1, self.channels), -1, 1) @ mix
        return found

    @property
    def ears(self) -> tuple[Ear, ...]:
        """The ears at which something is heard, the main one first; in silence the mid alone, without sound none.

        Where nothing is in the side, left and right are the mid and are not listed.
        """
        if not self._samples:
            return ()
        names: list[EarName] = list(_MIX[self.channels])
        levels = {name: _decibel(power) for name, power in zip(names, self._loudest, strict=True)}
        loudest = max(levels.values())
        if loudest <= SILENT_DB:
            return (Ear("mid", loudest, self),)
        present = [name for name in names if levels[name] >= loudest + PRESENT_DB]
        if "side" not in present:
            present = [name for name in present if name not in ("left", "right")]
        main = self._main(levels)
        ordered = [main, *(name for name in present if name != main)]
        return tuple(Ear(name, levels[name], self) for name in ordered)

    @property
    def main(self) -> Ear | None:
        """The ear that stands for all: mid, or the louder of left and right where mid is hardly there."""
        ears = self.ears
        return ears[0] if ears else None

    @staticmethod
    def _main(levels: dict[EarName, float]) -> EarName:
        sides: list[EarName] = [name for name in ("left", "right") if name in levels]
        louder = max(sides, key=lambda name: levels[name], default=None)
        if louder is not None and levels["mid"] < levels[louder] + MID_DB:
            return louder
        return "mid"


# How each ear is made of the channels.
_MIX: dict[int, dict[EarName, tuple[float, ...]]] = {
    1: {"mid": (1.0,)},
    2: {"mid": (0.5, 0.5), "left": (1.0, 0.0), "right": (0.0, 1.0), "side": (0.5, -0.5)},
    3: {
        "mid": (0.5, 0.5, 0.0),
        "left": (1.0, 0.0, 0.0),
        "right": (0.0, 1.0, 0.0),
        "side": (0.5, -0.5, 0.0),
        "centre": (0.0, 0.0, 1.0),
    },
}


def _decibel(power: float) -> float:
    return float(10 * np.log10(power + 1e-12))

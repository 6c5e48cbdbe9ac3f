"""Pictures and sound out of a foreign file, in a stream: only a few frames are in memory at any time."""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np

from core.media.confined import Message, converse
from core.media.errors import media_error
from core.media.models import Frame, Samples
from core.settings import MediaSettings, get_settings


def frames(path: Path, limits: MediaSettings | None = None) -> Generator[Frame, None, None]:
    """Every presented picture, upright, in order. The decoding child dies with the generator.

    Raises:
        MediaError: as :func:`core.media.probe.probe`, also in mid-file.
    """
    limits = limits or get_settings().media
    expected = 0
    with closing(converse("pictures", path, limits)) as messages:
        for message in messages:
            try:
                frame = _frame(message, expected)
            except (ValueError, struct.error, ZeroDivisionError) as error:
                raise media_error("unreadable", path, {}, limits) from error
            yield frame
            expected += 1


def _frame(message: Message, expected: int) -> Frame:
    index, numerator, denominator, width, height = struct.unpack("<qqqii", message.head)
    if message.kind != b"F" or index != expected:
        raise ValueError("a picture out of order")
    return Frame(index, Fraction(numerator, denominator), message.body.reshape(height, width, 3))


def sound_blocks(path: Path, limits: MediaSettings | None = None) -> Iterator[Samples]:
    """The sound at the file's own rate, float32 (n, channels) in about [-1, 1]; sample 0 is at time zero.

    Gaps in the file's clock become silence, so sample n is at n / rate. Nothing where there is no sound.
    """
    for _rate, block in _on_the_axis(path, limits or get_settings().media, None, mono=False):
        yield block


def sound(path: Path, rate: int = 16_000, limits: MediaSettings | None = None) -> Samples:
    """All sound as float32 mono (n,) in [-1, 1], sample n at n / rate; empty where there is no sound track."""
    blocks = [b[:, 0] for _, b in _on_the_axis(path, limits or get_settings().media, rate, mono=True)]
    return np.clip(np.concatenate(blocks), -1.0, 1.0) if blocks else np.zeros(0, np.float32)


def _on_the_axis(
    path: Path, limits: MediaSettings, rate: int | None, *, mono: bool
) -> Iterator[tuple[int, Samples]]:
    """(rate, block) laid end to end from time zero: what starts late is preceded by silence."""
    with closing(converse("sound", path, limits, rate=rate, mono=mono)) as messages:
        channels, file_rate, position = 0, 0, 0
        for message in messages:
            try:
                if message.kind == b"I":
                    facts = message.json()
                    file_rate, channels = int(facts["rate"]), int(facts["channels"])
                    if not (1 <= channels <= 64 and 1000 <= file_rate <= 768_000):
                        raise ValueError("impossible sound")
                    continue
                numerator, denominator = struct.unpack("<qq", message.head)
                start = Fraction(numerator, denominator)
                block = message.body.view(np.float32).reshape(-1, channels)
            except (ValueError, KeyError, TypeError, struct.error, ZeroDivisionError) as error:
                raise media_error("unreadable", path, {}, limits) from error
            # Jitter of a clock in milliseconds is no gap; 20 ms is.
            gap = round(start * file_rate) - position
            if gap > file_rate // 50 and start <= Fraction(limits.max_seconds):
                yield file_rate, np.zeros((gap, channels), np.float32)
                position += gap
            yield file_rate, np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0)
            position += len(block)

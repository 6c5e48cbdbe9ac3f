"""Tiny real videos, each with an essence of its own: 96 x 96, two seconds, sound. Encoded once a process, then varied.

The encoder's note in the first packet (x264 names itself there) is overwritten with the mark id. Any player plays the
file as before; its packets, and so its essence, are others; and the double of the mark reader finds the id again.
"""

from __future__ import annotations

import re
import tempfile
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np

from core.media.encode import VideoWriter
from provenance.fingerprint import Fingerprint
from provenance.fingerprint.models import FACE_BYTES, PICTURE_VALUES, SHAPE_VALUES

SIDE, SECONDS, FPS, RATE = 96, 2, 25, 48_000
_NOTE = re.compile(rb"x264 - core [^\0]{60}")
_MARK = re.compile(rb"kit mark ([0-9a-f]{10})\.")


def write_clip(path: Path, mark_id: int) -> Path:
    """A video that "carries" this mark id."""
    path.write_bytes(_varied(mark_id))
    return path


def mark_in(path: Path) -> int | None:
    """The id that :func:`write_clip` wrote, in a file that may have been sealed and published since."""
    found = _MARK.search(path.read_bytes())
    return int(found.group(1), 16) if found else None


def other_media(path: Path, out: Path, mark_id: int) -> Path:
    """The same file with the media of another render: one that "carries" ``mark_id``."""
    out.write_bytes(_MARK.sub(b"kit mark %010x." % mark_id, path.read_bytes()))
    return out


def fingerprint_of(path: Path) -> Fingerprint:
    """A fingerprint in the real form, of a video of :func:`write_clip`: it follows from the mark id alone."""
    mark_id = mark_in(path) or 0
    numbers = np.random.default_rng(mark_id)
    samples, frames, hops = 4 * SECONDS, FPS * SECONDS, 40 * SECONDS
    return Fingerprint(
        duration_ms=1000 * SECONDS,
        aspect=1000,
        picture_ms=np.arange(samples, dtype=np.uint32) * 250,
        pictures=np.full((samples, PICTURE_VALUES), numbers.integers(0, 255), np.uint8),
        face_bits=np.zeros((samples, FACE_BYTES), np.uint8),
        face_shape=np.zeros((samples, SHAPE_VALUES), np.uint8),
        frame_ms=np.arange(frames, dtype=np.uint32) * (1000 // FPS),
        motion=np.full((frames, 5), -32768, np.int16),
        speech=np.full(hops, numbers.integers(0, 1 << 24), np.uint32),
        level=np.zeros(hops, np.uint8),
    )


def _varied(mark_id: int) -> bytes:
    note = b"kit mark %010x." % mark_id
    plain = _plain()
    at = _NOTE.search(plain)
    assert at is not None, "the encoder leaves no note any more: vary another unused part of a packet"
    return plain[: at.start()] + note.ljust(at.end() - at.start(), b" ") + plain[at.end() :]


@lru_cache(maxsize=1)
def _plain() -> bytes:
    """A grey ramp that moves, and a tone: obviously nobody."""
    ramp = np.add.outer(np.arange(SIDE), np.arange(SIDE)).astype(np.uint8)
    tone = (0.1 * np.sin(2 * np.pi * 220 * np.arange(SECONDS * RATE) / RATE)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plain.mp4"
        with VideoWriter(path, SIDE, SIDE, Fraction(FPS), RATE, crf=30) as writer:
            for index in range(FPS * SECONDS):
                writer.write(np.repeat(np.roll(ramp, index, axis=1)[:, :, None], 3, axis=2))
                writer.write_sound(tone[index * RATE // FPS : (index + 1) * RATE // FPS])
        return path.read_bytes()

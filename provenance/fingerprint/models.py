"""The fingerprint's data and its compact, versioned byte form; the answer of a comparison."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from core.errors import InputError

LUMA_SIDE = 24
CHROMA_SIDE = 8
PICTURE_VALUES = LUMA_SIDE**2 + 2 * CHROMA_SIDE**2
FACE_BYTES = 32
SHAPE_VALUES = 10
SPEECH_BITS = 24

# Pictures a second, and speech hops a second.
PICTURE_RATE = 4
SPEECH_RATE = 40

MAGIC = b"GRFP"
VERSION = 1
MAX_SECONDS = 4 * 3600 + 60
_MAX_BODY = 80_000_000
_HEAD = struct.Struct("<IIIIII")

Array = npt.NDArray[Any]
What = Literal["picture", "face", "speech", "order"]


class FingerprintError(InputError):
    """Bytes that are not a fingerprint of a version that this program reads."""

    code = "fingerprint"


@dataclass(frozen=True)
class Fingerprint:
    """What a video shows and says.

    Attributes:
        duration_ms: until the last picture has been shown and the last sound is heard, from the presentation's zero.
            (Ones stored before sound after the last picture was taken in end with the picture.)
        aspect: width over height times 1000.
        picture_ms: uint32 (n,) time of each picture sample, four a second.
        pictures: uint8 (n, 704): 24x24 block means of luma, then 8x8 of Cb and of Cr.
        face_bits: uint8 (n, 32): signs of 256 projections of the aligned face patch; zeros without a face.
        face_shape: uint8 (n, 10): pose-free distance ratios of the face (64 is the eyes' distance); zeros without one.
        frame_ms: uint32 (m,) time of each frame.
        motion: int16 (m, 5): mouth opening and width (4096 is the eyes' distance), face x, y and size
            (1/10000 of the frame's short side); -32768 in all where no face was found.
        speech: uint32 (k,): 24 bits of the sign of the spectrum's change, 40 a second.
        level: uint8 (k,): loudness, half decibels over -100 dBFS.
    """

    duration_ms: int
    aspect: int
    picture_ms: Array
    pictures: Array
    face_bits: Array
    face_shape: Array
    frame_ms: Array
    motion: Array
    speech: Array
    level: Array

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.duration_ms / 1000

    @property
    def shown(self) -> tuple[float, float]:
        """Seconds at which the first picture comes and the last one ends."""
        if not len(self.frame_ms):
            return 0.0, 0.0
        return int(self.frame_ms[0]) / 1000, min(self.duration_ms, picture_end(self.frame_ms)) / 1000

    def part(self, t0: float, t1: float) -> Fingerprint:
        """The fingerprint of seconds ``t0`` to ``t1``, on a time axis of its own."""
        start, stop = round(t0 * 1000), round(t1 * 1000)
        pictures = (self.picture_ms >= start) & (self.picture_ms < stop)
        frames = (self.frame_ms >= start) & (self.frame_ms < stop)
        hops = slice(round(t0 * SPEECH_RATE), round(t1 * SPEECH_RATE))
        return Fingerprint(
            duration_ms=stop - start,
            aspect=self.aspect,
            picture_ms=self.picture_ms[pictures] - np.uint32(start),
            pictures=self.pictures[pictures],
            face_bits=self.face_bits[pictures],
            face_shape=self.face_shape[pictures],
            frame_ms=self.frame_ms[frames] - np.uint32(start),
            motion=self.motion[frames],
            speech=self.speech[hops],
            level=self.level[hops],
        )

    def to_bytes(self) -> bytes:
        """Compact form: about 1 KB a second. The same fingerprint gives the same bytes."""
        counts = (len(self.picture_ms), len(self.frame_ms), len(self.speech))
        # Differences to the sample before compress three times better than the samples.
        steps = np.diff(self.pictures, axis=0, prepend=np.zeros((1, PICTURE_VALUES), np.uint8))
        parts = [
            _HEAD.pack(self.duration_ms, self.aspect, *counts, 0),
            self.picture_ms.astype("<u4").tobytes(),
            steps.astype(np.uint8).T.tobytes(),
            self.face_bits.astype(np.uint8).tobytes(),
            self.face_shape.astype(np.uint8).tobytes(),
            self.frame_ms.astype("<u4").tobytes(),
            self.motion.astype("<i2").T.tobytes(),
            self.speech.astype("<u4").tobytes(),
            self.level.astype(np.uint8).tobytes(),
        ]
        return MAGIC + bytes([VERSION]) + zlib.compress(b"".join(parts), 6)

    @staticmethod
    def from_bytes(data: bytes) -> Fingerprint:
        """Parse :meth:`to_bytes`. Hostile bytes raise :class:`FingerprintError`; memory stays bounded."""
        if data[:4] != MAGIC:
            raise _broken("these bytes are not a fingerprint")
        if data[4:5] != bytes([VERSION]):
            raise _broken("the fingerprint is of a version that this program does not read")
        unzip = zlib.decompressobj()
        try:
            body = unzip.decompress(data[5:], _MAX_BODY)
        except zlib.error as error:
            raise _broken("the fingerprint is damaged") from error
        if not unzip.eof or unzip.unused_data or len(body) < _HEAD.size:
            raise _broken("the fingerprint is damaged or too long")
        duration_ms, aspect, pictures, frames, hops, _ = _HEAD.unpack_from(body)
        _check_counts(duration_ms, pictures, frames, hops, len(body))
        reader = _Reader(body, _HEAD.size)
        picture_ms = reader.take("<u4", (pictures,))
        steps = reader.take("u1", (PICTURE_VALUES, pictures))
        found = Fingerprint(
            duration_ms=duration_ms,
            aspect=aspect,
            picture_ms=picture_ms,
            pictures=np.cumsum(steps.T, axis=0, dtype=np.uint8),
            face_bits=reader.take("u1", (pictures, FACE_BYTES)),
            face_shape=reader.take("u1", (pictures, SHAPE_VALUES)),
            frame_ms=reader.take("<u4", (frames,)),
            motion=reader.take("<i2", (5, frames)).T.copy(),
            speech=reader.take("<u4", (hops,)),
            level=reader.take("u1", (hops,)),
        )
        for times in (found.picture_ms, found.frame_ms):
            if len(times) and (np.any(np.diff(times.astype(np.int64)) <= 0) or int(times[-1]) > duration_ms):
                raise _broken("the fingerprint's times do not run forward")
        if len(found.speech) and int(found.speech.max()) >> SPEECH_BITS:
            raise _broken("the fingerprint's speech part is damaged")
        return found


def picture_end(frame_ms: Array) -> int:
    """When the last picture ends, ms: it is shown for as long as the one before."""
    if not len(frame_ms):
        return 0
    last = int(frame_ms[-1])
    return last + (last - int(frame_ms[-2]) if len(frame_ms) > 1 else 0)


def _broken(what: str) -> FingerprintError:
    return FingerprintError(what, next_step="take the fingerprint of the asset again")


def _check_counts(duration_ms: int, pictures: int, frames: int, hops: int, size: int) -> None:
    if duration_ms > MAX_SECONDS * 1000:
        raise _broken("the fingerprint is of a video that is too long")
    seconds = duration_ms / 1000 + 2
    if pictures > seconds * PICTURE_RATE or frames > seconds * 1000 or hops > seconds * 2 * SPEECH_RATE:
        raise _broken("the fingerprint's counts do not fit its length")
    expected = pictures * (4 + PICTURE_VALUES + FACE_BYTES + SHAPE_VALUES) + frames * 14 + hops * 5
    if size != _HEAD.size + expected:
        raise _broken("the fingerprint's parts do not fit its length")


class _Reader:
    def __init__(self, body: bytes, at: int):
        self._body, self._at = body, at

    def take(self, kind: str, shape: tuple[int, ...]) -> Array:
        count = int(np.prod(shape))
        values = np.frombuffer(self._body, kind, count, self._at).reshape(shape)
        self._at += values.nbytes
        return values.copy()


class Difference(NamedTuple):
    """Seconds ``t0`` to ``t1`` of the candidate in which ``what`` is not the reference's."""

    t0: float
    t1: float
    what: What


@dataclass(frozen=True)
class Comparison:
    """Whether a candidate is the reference, whole or trimmed.

    Attributes:
        agrees: every second of the candidate agrees in picture, face and speech, in order.
        offset: seconds of the reference at the candidate's start; None when no place was found.
        differing: what differs, by whole seconds of the candidate; never empty when ``agrees`` is false.
        covers: seconds of the reference that the candidate shows.
        measures: per second of the candidate: the numbers that decided, for experts.
        reason: why nothing could be compared, for people; empty otherwise.
    """

    agrees: bool
    offset: float | None
    differing: tuple[Difference, ...]
    covers: tuple[float, float] | None = None
    measures: tuple[dict[str, float], ...] = ()
    reason: str = ""

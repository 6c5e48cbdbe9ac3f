"""Take the fingerprint: a watcher that sees each frame of the one decode, and the sound at the end."""

from __future__ import annotations

import hashlib
from array import array
from fractions import Fraction
from functools import lru_cache
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from core.media.heard import Listening
from provenance.fingerprint.models import (
    CHROMA_SIDE,
    FACE_BYTES,
    LUMA_SIDE,
    MAX_SECONDS,
    PICTURE_RATE,
    PICTURE_VALUES,
    SHAPE_VALUES,
    Fingerprint,
    picture_end,
)
from provenance.fingerprint.sound import audible_until, speech_hash

Floats = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]

NO_FACE = -32768
PADDING_MS = 60  # sound that outlasts the picture by less is a codec's padding
PATCH = 32
# Where the aligned patch has the outer eye corners, the nose's base and the mouth's corners, px of 32.
_ANCHORS = (33, 263, 2, 61, 291)
_PLACES = np.array([[7.0, 9.5], [25.0, 9.5], [16.0, 18.5], [11.0, 23.5], [21.0, 23.5]], np.float32)
# Pairs of mesh points whose distance hardly changes with speech: eyes, nose, jaw, brows, forehead.
_PAIRS = (
    (133, 362), (129, 358), (168, 2), (33, 129), (263, 358),
    (234, 454), (10, 168), (105, 334), (2, 152), (172, 397),
)  # fmt: skip
_EYES = (33, 263)


class SeenFrame(Protocol):
    """What the watcher needs of a decoded frame."""

    @property
    def time(self) -> Fraction: ...

    @property
    def image(self) -> Image: ...


class SeenFace(Protocol):
    """What the watcher needs of a tracked face: (478, 3) mesh points, px."""

    @property
    def landmarks(self) -> Floats: ...


class Fingerprinter:
    """Watches the frames of one video in order; :meth:`fingerprint` ends it."""

    def __init__(self) -> None:
        self._aspect = 0
        self._next = Fraction(0)
        self._frame_ms = array("I")
        self._motion = array("h")
        self._picture_ms = array("I")
        self._pictures, self._bits, self._shapes = bytearray(), bytearray(), bytearray()

    def see(self, frame: SeenFrame, face: SeenFace | None) -> None:
        """Take in one frame, with its face where one is tracked. Past four hours frames are not taken in."""
        ms = round(float(frame.time) * 1000)
        if ms < 0 or ms > MAX_SECONDS * 1000 or (self._frame_ms and ms <= self._frame_ms[-1]):
            return
        height, width = frame.image.shape[:2]
        self._aspect = self._aspect or round(1000 * width / height)
        self._frame_ms.append(ms)
        self._motion.extend(_motion(face.landmarks, width, height) if face else (NO_FACE,) * 5)
        if frame.time < self._next:
            return
        self._next = Fraction(int(frame.time * PICTURE_RATE) + 1, PICTURE_RATE)
        self._picture_ms.append(ms)
        self._pictures += picture_values(frame.image).tobytes()
        self._bits += face_bits(frame.image, face.landmarks).tobytes() if face else bytes(FACE_BYTES)
        self._shapes += _shape(face.landmarks).tobytes() if face else bytes(SHAPE_VALUES)

    def fingerprint(self, sound: Listening | None) -> Fingerprint:
        """The fingerprint of all frames seen and of the sound (mono at 16 kHz from time zero; None without one).

        It lasts as long as the longer of the two: words after the last picture count. Silence there does not, and no
        codec's padding.
        """
        words, level = speech_hash(sound if sound is not None else np.zeros(0, np.float32))
        frame_ms = np.array(self._frame_ms, np.uint32)
        duration = picture_end(frame_ms)
        heard = round(1000 * audible_until(level))
        if heard >= duration + PADDING_MS:
            duration = min(heard, MAX_SECONDS * 1000)
        hops = int(duration / 25) + 40  # of what is only silent or padding, a second is enough
        return Fingerprint(
            duration_ms=duration,
            aspect=self._aspect,
            picture_ms=np.array(self._picture_ms, np.uint32),
            pictures=np.frombuffer(bytes(self._pictures), np.uint8).reshape(-1, PICTURE_VALUES),
            face_bits=np.frombuffer(bytes(self._bits), np.uint8).reshape(-1, FACE_BYTES),
            face_shape=np.frombuffer(bytes(self._shapes), np.uint8).reshape(-1, SHAPE_VALUES),
            frame_ms=frame_ms,
            motion=np.array(self._motion, np.int16).reshape(-1, 5),
            speech=words[:hops],
            level=level[:hops],
        )


def picture_values(image: Image) -> Image:
    """(704,) block means: 24x24 luma, 8x8 Cb, 8x8 Cr."""
    luma = cv2.resize(
        cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (LUMA_SIDE, LUMA_SIDE), interpolation=cv2.INTER_AREA
    )
    small = cv2.resize(image, (CHROMA_SIDE, CHROMA_SIDE), interpolation=cv2.INTER_AREA)
    colour = cv2.cvtColor(small, cv2.COLOR_BGR2YCrCb)
    return np.concatenate([luma.ravel(), colour[:, :, 2].ravel(), colour[:, :, 1].ravel()])


def face_bits(image: Image, landmarks: Floats) -> Image:
    """(32,) bytes: signs of 256 fixed random projections of the aligned, levelled face patch."""
    matrix, _ = cv2.estimateAffinePartial2D(
        np.ascontiguousarray(landmarks[list(_ANCHORS), :2]).astype(np.float32), _PLACES, method=cv2.LMEDS
    )
    if matrix is None or not np.all(np.isfinite(matrix)):
        return np.zeros(FACE_BYTES, np.uint8)
    # Shrink first: sampling a large face at 32 px would alias, and a re-encode changes what aliases.
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    blur = 0.5 / max(scale, 1e-3)
    x0, y0 = np.maximum(landmarks[:, :2].min(axis=0) - 4 * blur, 0).astype(int)
    x1, y1 = (landmarks[:, :2].max(axis=0) + 4 * blur).astype(int)
    part = image[y0:y1, x0:x1]
    if part.size == 0:
        return np.zeros(FACE_BYTES, np.uint8)
    grey = cv2.cvtColor(part, cv2.COLOR_BGR2GRAY).astype(np.float32)
    if blur > 0.6:
        grey = cv2.GaussianBlur(grey, (0, 0), blur)
    matrix[:, 2] += matrix[:, :2] @ np.array([x0, y0])
    patch = cv2.warpAffine(
        grey, matrix, (PATCH, PATCH), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    # Light from one side, and contrast, are taken out: what is left is the face's own relief.
    patch -= cv2.GaussianBlur(patch, (0, 0), 6.0)
    patch /= cv2.sqrt(cv2.GaussianBlur(patch * patch, (0, 0), 6.0) + 1.0)
    patch = cv2.GaussianBlur(patch, (0, 0), 0.8)
    return np.packbits(np.asarray(_projections() @ patch.ravel() > 0))


@lru_cache(maxsize=1)
def _projections() -> Floats:
    """(256, 1024) of +1 and -1, of zero mean inside a soft oval; fixed for ever by SHAKE-256."""
    count = FACE_BYTES * 8
    bits = np.unpackbits(
        np.frombuffer(
            hashlib.shake_256(b"greenroom face patch 1").digest(count * PATCH * PATCH // 8), np.uint8
        )
    )
    signs = bits.reshape(count, PATCH * PATCH).astype(np.float32) * 2 - 1
    ys, xs = np.mgrid[:PATCH, :PATCH].astype(np.float32)
    oval = np.clip(3 - 3 * np.hypot((xs - 15.5) / 13.5, (ys - 15.5) / 15.0) + 0.8, 0, 1).ravel()
    signs *= oval
    signs -= oval * (signs.sum(axis=1, keepdims=True) / oval.sum())
    fixed: Floats = signs.astype(np.float32)
    return fixed


def _between(points: Floats, a: int, b: int) -> float:
    return float(np.linalg.norm(points[a] - points[b]))


def _shape(landmarks: Floats) -> Image:
    eyes = max(_between(landmarks, *_EYES), 1e-6)
    ratios = [_between(landmarks, a, b) / eyes for a, b in _PAIRS]
    shape: Image = np.clip(np.rint(np.array(ratios) * 64), 1, 255).astype(np.uint8)
    return shape


def _motion(landmarks: Floats, width: int, height: int) -> tuple[int, int, int, int, int]:
    eyes = max(_between(landmarks, *_EYES), 1e-6)
    short = min(width, height)
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    centre = (low + high) / 2 / short
    values = (
        4096 * _between(landmarks, 13, 14) / eyes,
        4096 * _between(landmarks, 61, 291) / eyes,
        10000 * float(centre[0]),
        10000 * float(centre[1]),
        10000 * float((high - low).max()) / short,
    )
    a, b, c, d, e = (int(np.clip(round(v), -32767, 32767)) for v in values)
    return a, b, c, d, e

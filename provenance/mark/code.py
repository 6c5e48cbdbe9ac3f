"""The mark's payload: 40-bit id, keyed 32-bit CRC, tail-biting convolutional code, soft Viterbi decoder.

Rate 1/3, constraint length 7, generators 133, 171, 165 (octal): the tail-biting code of 3GPP TS 36.212,
5.1.3.1. Tail-biting spends no bits on a tail; decoding goes round the circle until it has settled
(wrap-around Viterbi; Shao, Lin and Fossorier, IEEE Trans. Commun. 51(10), 2003).
"""

from __future__ import annotations

import hashlib
import zlib

import numpy as np
import numpy.typing as npt

from core.errors import InputError

ID_BITS = 40
CRC_BITS = 32
PAYLOAD_BITS = ID_BITS + CRC_BITS
MAX_ID = (1 << ID_BITS) - 1
GENERATORS = (0o133, 0o171, 0o165)
CODED_BITS = PAYLOAD_BITS * len(GENERATORS)
MIN_KEY_BYTES = 16
_MEMORY = 6
_STATES = 1 << _MEMORY

Floats = npt.NDArray[np.float32]


class MarkIdError(InputError):
    """The id is not one that a mark can carry, or the key is too short."""

    code = "mark_id"


def check_id(mark_id: int) -> int:
    """The id itself. Raises :class:`MarkIdError` unless 1 <= id < 2**40 (0 is never given to an asset)."""
    if not 1 <= mark_id <= MAX_ID:
        raise MarkIdError(
            "a mark id is a whole number from 1 to 2^40 - 1", next_step="allocate ids with allocate_mark"
        )
    return mark_id


def check_key(key: bytes) -> bytes:
    """The key itself. Raises :class:`MarkIdError` when it is shorter than 16 bytes."""
    if len(key) < MIN_KEY_BYTES:
        raise MarkIdError(f"a mark key has at least {MIN_KEY_BYTES} bytes", next_step="make a new mark key")
    return key


def key_stream(key: bytes, label: str, count: int) -> bytes:
    """``count`` bytes that depend on the whole key and on the label (SHAKE-256)."""
    head = len(key).to_bytes(4, "big") + key
    return hashlib.shake_256(b"greenroom mark 1\0" + head + label.encode()).digest(count)


def _crc(mark_id: int, key: bytes) -> int:
    # Keyed by a prefix, so that another key's payload is as unlikely to pass as noise is.
    return zlib.crc32(key_stream(key, "crc", 16) + mark_id.to_bytes(ID_BITS // 8, "big"))


def payload_bits(mark_id: int, key: bytes) -> npt.NDArray[np.uint8]:
    """(72,) bits: id, then CRC, most significant first."""
    value = (check_id(mark_id) << CRC_BITS) | _crc(mark_id, key)
    return np.unpackbits(np.frombuffer(value.to_bytes(PAYLOAD_BITS // 8, "big"), np.uint8))


def payload_id(bits: npt.NDArray[np.uint8], key: bytes) -> int | None:
    """The id of (72,) bits, None when the CRC does not agree or the id is 0."""
    value = int.from_bytes(np.packbits(bits).tobytes(), "big")
    mark_id = value >> CRC_BITS
    if mark_id == 0 or _crc(mark_id, key) != value & 0xFFFFFFFF:
        return None
    return mark_id


def encode(bits: npt.NDArray[np.uint8]) -> Floats:
    """(72,) bits to (216,) coded bits as +1/-1 (bit 1 is -1), tail-biting."""
    register = np.stack([np.roll(bits, shift) for shift in range(_MEMORY + 1)])  # row 0: the newest bit
    out = np.empty((len(bits), len(GENERATORS)), np.float32)
    for column, generator in enumerate(GENERATORS):
        taps = [shift for shift in range(_MEMORY + 1) if generator >> (_MEMORY - shift) & 1]
        out[:, column] = 1 - 2.0 * (register[taps].sum(axis=0) & 1)
    return out.reshape(-1)


def codeword(mark_id: int, key: bytes) -> Floats:
    """(216,) +1/-1: what the tile's data chips carry for this id."""
    return encode(payload_bits(mark_id, key))


def _trellis() -> tuple[npt.NDArray[np.intp], Floats]:
    """For each new state and each of its two predecessors: the predecessor, and the three coded bits (+1/-1).

    A state holds the last six bits, the newest in the top place.
    """
    before = np.empty((_STATES, 2), np.intp)
    signs = np.empty((_STATES, 2, len(GENERATORS)), np.float32)
    for state in range(_STATES):
        bit = state >> (_MEMORY - 1)
        for oldest in range(2):
            previous = (state << 1 & (_STATES - 1)) | oldest
            before[state, oldest] = previous
            word = bit << _MEMORY | previous
            for column, generator in enumerate(GENERATORS):
                signs[state, oldest, column] = 1 - 2 * ((word & generator).bit_count() & 1)
    return before, signs


_BEFORE, _SIGNS = _trellis()


def decode(soft: Floats, *, turns: int = 3) -> npt.NDArray[np.uint8]:
    """Most likely (72,) bits for (216,) soft values (positive: coded bit 0), any scale.

    Goes round the circle ``turns`` times from an unknown state and keeps the middle turn.
    """
    steps = soft.astype(np.float32).reshape(-1, len(GENERATORS))
    gains = steps @ _SIGNS.reshape(-1, len(GENERATORS)).T  # (72, states * 2)
    gains = np.tile(gains.reshape(len(steps), _STATES, 2), (turns, 1, 1))
    metric = np.zeros(_STATES, np.float32)
    choices = np.empty((len(gains), _STATES), np.uint8)
    for index, gain in enumerate(gains):
        paths = metric[_BEFORE] + gain
        choice = paths[:, 1] > paths[:, 0]
        choices[index] = choice
        metric = np.where(choice, paths[:, 1], paths[:, 0])
        metric -= metric.max()
    state = int(metric.argmax())
    bits = np.empty(len(gains), np.uint8)
    for index in range(len(gains) - 1, -1, -1):
        bits[index] = state >> (_MEMORY - 1)
        state = int(_BEFORE[state, choices[index, state]])
    middle = turns // 2 * len(steps)
    return bits[middle : middle + len(steps)]

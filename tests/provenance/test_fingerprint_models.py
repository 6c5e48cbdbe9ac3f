"""The fingerprint's bytes: what goes in comes out, and hostile bytes end in one clear error."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.fingerprint import Fingerprint, FingerprintError
from provenance.fingerprint.models import FACE_BYTES, MAGIC, PICTURE_VALUES, SHAPE_VALUES, VERSION


def some(seconds: int = 3, seed: int = 0) -> Fingerprint:
    random = np.random.default_rng(seed)
    pictures, frames, hops = seconds * 4, seconds * 25, seconds * 40
    return Fingerprint(
        duration_ms=seconds * 1000,
        aspect=1778,
        picture_ms=np.arange(pictures, dtype=np.uint32) * 250,
        pictures=random.integers(0, 256, (pictures, PICTURE_VALUES), dtype=np.uint8),
        face_bits=random.integers(0, 256, (pictures, FACE_BYTES), dtype=np.uint8),
        face_shape=random.integers(1, 256, (pictures, SHAPE_VALUES), dtype=np.uint8),
        frame_ms=np.arange(frames, dtype=np.uint32) * 40,
        motion=random.integers(0, 5000, (frames, 5)).astype(np.int16),
        speech=random.integers(0, 1 << 24, hops).astype(np.uint32),
        level=random.integers(0, 200, hops, dtype=np.uint8),
    )


def packed(body: bytes) -> bytes:
    return MAGIC + bytes([VERSION]) + zlib.compress(body)


def test_what_goes_in_comes_out() -> None:
    print_ = some()
    back = Fingerprint.from_bytes(print_.to_bytes())
    for name in print_.__dataclass_fields__:
        assert np.array_equal(getattr(back, name), getattr(print_, name)), name


def test_the_same_fingerprint_gives_the_same_bytes() -> None:
    assert some().to_bytes() == some().to_bytes() != some(seed=1).to_bytes()


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_foreign_bytes_are_refused(data: bytes) -> None:
    for body in (data, MAGIC + data, MAGIC + bytes([VERSION]) + data, packed(data)):
        with pytest.raises(FingerprintError):
            Fingerprint.from_bytes(body)


@given(st.integers(0, 10**9), st.integers(1, 255))
@settings(max_examples=150, deadline=None)
def test_a_changed_byte_is_refused(at: int, change: int) -> None:
    data = bytearray(some(2).to_bytes())
    data[at % len(data)] ^= change
    with pytest.raises(FingerprintError):
        Fingerprint.from_bytes(bytes(data))


@pytest.mark.parametrize("counts", [(2**32 - 1, 0, 0), (0, 2**32 - 1, 0), (0, 0, 2**32 - 1), (5, 0, 0)])
def test_counts_that_do_not_fit_are_refused_before_memory_is_taken(counts: tuple[int, int, int]) -> None:
    with pytest.raises(FingerprintError):
        Fingerprint.from_bytes(packed(struct.pack("<IIIIII", 2000, 1778, *counts, 0)))


def test_a_bomb_is_refused() -> None:
    bomb = MAGIC + bytes([VERSION]) + zlib.compress(bytes(100_000_000), 1)
    assert len(bomb) < 1_000_000
    with pytest.raises(FingerprintError, match="too long"):
        Fingerprint.from_bytes(bomb)


def test_times_that_run_backwards_are_refused() -> None:
    print_ = some()
    print_.frame_ms[5] = 0
    with pytest.raises(FingerprintError, match="run forward"):
        Fingerprint.from_bytes(print_.to_bytes())

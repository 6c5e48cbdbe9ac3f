"""The payload's code: what was written is read, and nothing else is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.mark import MAX_ID, MarkIdError
from provenance.mark.code import CODED_BITS, check_key, codeword, decode, payload_bits, payload_id

KEY = b"a test key of enough bytes"
ids = st.integers(1, MAX_ID)


@given(ids)
@settings(max_examples=40, deadline=None)
def test_an_id_comes_back(mark_id: int) -> None:
    assert payload_id(decode(codeword(mark_id, KEY)), KEY) == mark_id


@given(ids, st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_an_id_comes_back_through_noise_as_strong_as_the_signal(mark_id: int, seed: int) -> None:
    soft = codeword(mark_id, KEY) * 1.3 + np.random.default_rng(seed).normal(size=CODED_BITS).astype(
        np.float32
    )
    assert payload_id(decode(soft), KEY) == mark_id


@given(ids, st.integers(0, 71))
@settings(max_examples=60, deadline=None)
def test_one_wrong_bit_fails_the_crc(mark_id: int, at: int) -> None:
    bits = payload_bits(mark_id, KEY)
    bits[at] ^= 1
    assert payload_id(bits, KEY) is None


def test_another_key_fails_the_crc() -> None:
    assert payload_id(payload_bits(77, KEY), KEY + b"!") is None


def test_noise_is_not_an_id() -> None:
    random = np.random.default_rng(5)
    for _ in range(300):
        assert payload_id(decode(random.normal(size=CODED_BITS).astype(np.float32)), KEY) is None


@pytest.mark.parametrize("mark_id", [0, -1, MAX_ID + 1])
def test_an_id_outside_40_bits_is_refused(mark_id: int) -> None:
    with pytest.raises(MarkIdError, match="from 1 to 2\\^40"):
        codeword(mark_id, KEY)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(MarkIdError, match="16 bytes"):
        check_key(b"short")

"""The same fact always hashes to the same value."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from core.canonical import canonical_json, digest_bytes, digest_file, digest_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


def test_keys_are_sorted_and_spaces_are_gone() -> None:
    assert canonical_json({"b": 1, "a": [1.0, "é"]}) == '{"a":[1,"é"],"b":1}'.encode()


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=5))
def test_the_order_of_keys_does_not_count(value: dict[str, object]) -> None:
    assert digest_json(value) == digest_json(dict(reversed(value.items())))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, {"x": b"y"}])
def test_what_is_not_json_is_refused(value: object) -> None:
    with pytest.raises(rfc8785.CanonicalizationError):
        canonical_json(value)


def test_digests_are_plain_sha256(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"hello")
    assert digest_file(path) == digest_bytes(b"hello") == hashlib.sha256(b"hello").hexdigest()


_TEXT = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["\x00", "\x1f\x7f", "\u2028", '"\\/', "\ud800"]
)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | _TEXT
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES)
def test_the_quick_way_writes_what_the_library_writes(value: Any):
    def answer(write: Any) -> Any:
        try:
            return write(value)
        except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
            return type(error)

    assert answer(canonical_json) == answer(rfc8785.dumps)

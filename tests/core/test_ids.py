"""Identifiers sort by time, never collide, and carry a readable prefix."""

from __future__ import annotations

import time

from core.ids import new_id


def test_the_form() -> None:
    prefix, _, rest = new_id("rnd").partition("_")
    assert prefix == "rnd"
    assert len(rest) == 26
    assert set(rest) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")


def test_later_ones_sort_later() -> None:
    first = new_id("a")
    time.sleep(0.003)
    assert new_id("a") > first


def test_no_two_are_equal() -> None:
    assert len({new_id("a") for _ in range(10_000)}) == 10_000

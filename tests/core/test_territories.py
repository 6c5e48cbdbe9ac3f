"""What is a territory: two letters of ISO 3166-1, a part of a country, or the Union."""

from __future__ import annotations

import pytest

from core.territories import COUNTRIES, is_territory
from policy.packs import pack_names, shipped_pack


@pytest.mark.parametrize("text", ["in", "IN", "eu", "us", "in-ka", "us-CA", "gb-sct"])
def test_a_territory(text: str):
    assert is_territory(text)


@pytest.mark.parametrize(
    "text", ["", "xx", "india", "i", "in-", "in-kerala", "in_ka", "north america", "*", "eu\n"]
)
def test_no_territory(text: str):
    assert not is_territory(text)


def test_every_territory_that_a_rule_pack_names_is_one():
    assert len(COUNTRIES) == 249
    assert all(is_territory(name) for pack in pack_names() for name in shipped_pack(pack).territories)

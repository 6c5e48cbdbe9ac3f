"""A name is what people read: letters of every script, joined as it is written, and nothing that hides."""

from __future__ import annotations

import pytest

from core.errors import InputError
from pipeline.brands import visible_name

JOINED = {
    "Persian": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "Hindi": "\u0930\u093e\u0937\u094d\u200d\u091f\u094d\u0930",
    "Malayalam": "\u0d28\u0d4d\u200d\u0d31\u0d46",
}


@pytest.mark.parametrize("name", JOINED.values(), ids=JOINED)
def test_a_joiner_that_writing_needs_is_part_of_a_name(name: str):
    assert "\u200c" in name or "\u200d" in name
    assert visible_name(name, "brand") == name


@pytest.mark.parametrize(
    "name",
    [
        "Te\u200da",
        "\u200cTea",
        "Tea\u200d",
        "\u0645\u200c\u200c\u062e",
        "\u202egnp",
        "T\u200bea",
        "\u2066Tea",
        "",
        "x" * 201,
    ],
)
def test_what_hides_something_is_no_name(name: str):
    with pytest.raises(InputError):
        visible_name(name, "brand")

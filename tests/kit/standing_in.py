"""Put a double in a function's place wherever the house has imported it by name, for the length of a block."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

HOUSE = (
    "core",
    "audit",
    "generate",
    "detect",
    "policy",
    "provenance",
    "pipeline",
    "delivery",
    "review_ui",
    "greenroom",
)


@contextmanager
def standing_in(original: Any, double: Any) -> Iterator[None]:
    """``double`` answers wherever a module of the house holds ``original``, also where that is imported meanwhile.

    Tests name the function, not the modules that use it: code may move between modules and the double stays in place.
    """
    _replace(original, double)
    try:
        yield
    finally:
        _replace(double, original)


def _replace(old: Any, new: Any) -> None:
    for name, module in list(sys.modules.items()):
        if module is None or name.partition(".")[0] not in HOUSE:
            continue
        for attribute, value in list(vars(module).items()):
            if value is old:
                setattr(module, attribute, new)

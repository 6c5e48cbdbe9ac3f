"""Put a double in a function's place wherever it was imported by name, for the length of a block."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

HOUSE = {
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
    "tests",
    "benchmarks",
}


@contextmanager
def standing_in(*pairs: tuple[Any, Any]) -> Iterator[None]:
    """For each (original, double): the double answers wherever a module of the house holds the original.

    Tests name the function, not the modules that use it: code may move between modules and the double stays in place.
    A double that calls its original keeps it in a closure or on an object: a module's own name for it is replaced too.

    Within the block such a name is replaced again by another `standing_in` only. pytest's monkeypatch, which ends
    after the block, would put the double back for every test that follows: that is found here, at the end.
    """
    known = set(sys.modules)
    places = _places({id(original): double for original, double in pairs})
    for module, attribute, _, double in places:
        setattr(module, attribute, double)
    try:
        yield
    finally:
        taken = [
            f"{module.__name__}.{name}"
            for module, name, _, double in places
            if vars(module).get(name) is not double
        ]
        for module, attribute, original, _ in places:
            setattr(module, attribute, original)
        back = _places({id(double): original for original, double in pairs}, known)
        for module, attribute, _, original in back:  # of modules that were imported meanwhile
            setattr(module, attribute, original)
    assert not taken, f"replaced within the block by other means than standing_in: {taken}"


def _places(wanted: dict[int, Any], known: Collection[str] = ()) -> list[tuple[ModuleType, str, Any, Any]]:
    """(module, name, what it is, what shall be there) for each name in the house that is wanted."""
    return [
        (module, attribute, value, wanted[id(value)])
        for name, module in list(sys.modules.items())
        if module is not None and name.partition(".")[0] in HOUSE and name not in known
        for attribute, value in list(vars(module).items())
        if id(value) in wanted
    ]

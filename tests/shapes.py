"""Every shape that a declared type allows: all parts there, all that may be absent absent, and each absent alone."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


def shapes_of(kind: Any) -> Iterator[Any]:
    """Values of a type, fullest first. A part that may be absent is tried there and absent; a list empty and not."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        for one in inside:
            yield from shapes_of(one)
    elif origin is Literal:
        yield from inside
    elif origin is list:
        every = list(shapes_of(inside[0]))
        yield from (every, [], *([one] for one in every))
    elif origin is dict:
        every = list(shapes_of(inside[1]))
        yield from ({f"name_{number}": one for number, one in enumerate(every)}, {})
    elif origin is tuple:
        yield tuple(next(shapes_of(one)) for one in inside)
    elif hasattr(kind, "__required_keys__"):
        yield from _of_record(get_type_hints(kind))
    elif kind is type(None):
        yield None
    else:
        yield from {bool: (True, False), int: (3, 0, -3), float: (1.25, 0.0, -7.5), str: ("words", "")}[kind]


def _of_record(fields: dict[str, Any]) -> Iterator[dict[str, Any]]:
    values = {name: list(shapes_of(kind)) for name, kind in fields.items()}
    full = {name: every[0] for name, every in values.items()}
    yield full
    yield {name: every[-1] for name, every in values.items()}
    for name, every in values.items():
        for value in every[1:]:
            yield {**full, name: value}

"""What is wrong with a person's words, in words: a model's faults with the key, what is allowed, what was meant."""

from __future__ import annotations

import difflib
import sys
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_QUOTED = 40  # characters of a value that are repeated to its author


def close_to(word: str, known: Iterable[str]) -> str:
    """``" (did you mean `x`?)"`` where one of the known words is close, else nothing."""
    found = _close(word, known)
    return f" (did you mean `{found}`?)" if found else ""


def one_of(known: Iterable[str]) -> str:
    """The allowed words, for an error's next step."""
    return f"use one of: {', '.join(known)}"


def worded(error: ValidationError, model: type[BaseModel], node: yaml.Node | None = None) -> Iterator[str]:
    """Each fault as one clause, in the order of the file; with its line where the file's tree is given."""
    # A value that may be of several kinds has a fault for each of them: they are one fault of one key.
    faults: dict[tuple[str | int, ...], list[ErrorDetails]] = {}
    for fault in error.errors(include_url=False):
        faults.setdefault(_place(fault["loc"], model), []).append(fault)
    unknown = [place for place, (fault, *_) in faults.items() if fault["type"] == "extra_forbidden"]
    misspelt = {(*place[:-1], _close(str(place[-1]), _keys(model, place[:-1]))) for place in unknown}
    lines = {place: _line(node, place) for place in faults}
    for place in sorted(faults, key=lambda place: lines[place] or sys.maxsize):
        first = faults[place][0]
        if first["type"] == "missing" and place in misspelt:
            continue  # it is there, under the name that is told
        below = any(other[: len(place)] == place and other != place for other in faults)
        if first["type"] == "too_short" and below:
            continue  # what is wrong within it is told
        several = len(faults[place]) > 1
        words = _one_of_kinds(faults[place], place) if several else _words(first, place, model)
        yield f"line {lines[place]}: {words}" if lines[place] else words


def _close(word: str, known: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(word.lower(), list(known), 1, 0.6)), "")


def _line(node: yaml.Node | None, place: tuple[str | int, ...]) -> int | None:
    """The line of the key that a place names; of what is around it where the key is not there."""
    line = None
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(part)]
            if not found:
                return line
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            return line
    return line


_KINDS = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple": "a list",
    "list": "a list",
    "dict": "keys with values",
    "model": "keys with values",
    "datetime": "a time with its zone, such as 2026-01-01T00:00:00Z",
    "date": "a date, such as 2026-01-01",
}


def _words(fault: ErrorDetails, place: tuple[str | int, ...], model: type[BaseModel]) -> str:
    """One fault. Kinds that nobody has put into words say what pydantic says."""
    kind, about, value = fault["type"], fault.get("ctx", {}), fault["input"]
    key = ".".join(str(part) for part in place)
    expected = _KINDS.get(kind.split("_")[0])
    words = f"`{key}`: {fault['msg'][:1].lower()}{fault['msg'][1:]}"
    if kind == "extra_forbidden":
        words = _unknown(place, _keys(model, place[:-1]))
    elif kind == "missing":
        what = _description(model, place)
        words = f"the key `{key}` is missing" + (f" ({what})" if what else "")
    elif kind in ("literal_error", "enum"):
        allowed = str(about.get("expected", "")).replace("'", "").replace(" or ", ", ")
        meant = close_to(value, allowed.split(", ")) if isinstance(value, str) else ""
        words = f"`{key}` is {_told(value)}; allowed: {allowed}{meant}"
    elif kind == "value_error":
        said = str(about.get("error", fault["msg"])).rstrip(".")
        words = f"`{key}`: {said}" if key else said
    elif kind.startswith("timezone"):
        words = f"`{key}` needs a time zone, such as 2026-01-01T00:00:00Z"
    elif kind.endswith(("_type", "_parsing", "_format")) and expected:
        words = f"`{key}` must be {expected}, and is {_told(value)}{_no(value)}"
    elif "max_length" in about or "min_length" in about:
        bound = (
            f"at most {about['max_length']}" if "max_length" in about else f"at least {about['min_length']}"
        )
        words = f"`{key}` is {bound} long"
    elif "pattern" in about:
        form = _description(model, place) or about["pattern"]
        words = f"`{key}` is {_told(value)}, which has not its form ({form})"
    return words


def _unknown(place: tuple[str | int, ...], known: Sequence[str]) -> str:
    there = ".".join(str(part) for part in place[:-1])
    meant = close_to(str(place[-1]), known) or f" (there are {', '.join(known)})"
    return f"there is no key `{shortened(place[-1])}`{f' in `{there}`' if there else ''}{meant}"


def _one_of_kinds(faults: Sequence[ErrorDetails], place: tuple[str | int, ...]) -> str:
    kinds = [
        str(fault.get("ctx", {}).get("expected", "")) or _KINDS.get(fault["type"].split("_")[0], fault["msg"])
        for fault in faults
    ]
    value = faults[0]["input"]
    return f"`{'.'.join(map(str, place))}` must be {' or '.join(kinds)}, and is {_told(value)}"


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"'{shortened(value)}'" if value else "empty"
    if value is None:
        return "empty"
    if isinstance(value, int | float):
        return str(value)[:_QUOTED]
    return (
        "a list"
        if isinstance(value, list | tuple)
        else "keys with values"
        if isinstance(value, Mapping)
        else "none"
    )


def _no(value: Any) -> str:
    return ' (YAML reads yes, no, on and off so: write "no" in quotes)' if isinstance(value, bool) else ""


def shortened(value: object) -> str:
    """A stranger's value in a message: its first visible characters."""
    text = "".join(letter if letter.isprintable() else "?" for letter in str(value)[: _QUOTED + 1])
    return f"{text[:_QUOTED]}..." if len(text) > _QUOTED else text


def _place(loc: tuple[str | int, ...], model: type[BaseModel]) -> tuple[str | int, ...]:
    """The keys alone: pydantic also names which kind of value it tried."""
    place: list[str | int] = []
    inside: type[BaseModel] | None = model
    for part in loc:
        if inside is None and isinstance(part, str) and ("[" in part or part in _KINDS):
            continue
        place.append(part)
        if isinstance(part, str):
            field = inside.model_fields.get(part) if inside is not None else None
            inside = _model_in(field.annotation) if field is not None else None
    return tuple(place)


def _within(model: type[BaseModel], place: tuple[str | int, ...]) -> type[BaseModel] | None:
    inside: type[BaseModel] | None = model
    for part in place:
        if isinstance(part, str) and inside is not None:
            field = inside.model_fields.get(part)
            inside = _model_in(field.annotation) if field is not None else None
    return inside


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in typing.get_args(annotation) if (found := _model_in(part))), None)


def _keys(model: type[BaseModel], place: tuple[str | int, ...]) -> list[str]:
    inside = _within(model, place)
    return list(inside.model_fields) if inside is not None else []


def _description(model: type[BaseModel], place: tuple[str | int, ...]) -> str:
    inside = _within(model, place[:-1])
    field = inside.model_fields.get(str(place[-1])) if inside is not None and place else None
    return (field.description or "").rstrip(".") if field is not None else ""

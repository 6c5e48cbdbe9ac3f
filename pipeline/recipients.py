"""A file of recipients, a line at a time: CSV with a header, or JSON lines. Nothing of it is kept.

What a line says is data of a stranger: bounds are on the line, the columns and the text's form; what the values may be
is asked of the campaign's schema, later. Errors name the row and never quote it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from core.errors import GreenroomError, InputError
from core.faults import close_to, shortened
from generate.fields import MOST_FIELDS

Format = Literal["csv", "jsonl"]
LONGEST_LINE = 65_536  # characters


@dataclass(frozen=True)
class Recipient:
    """One row: its number in the file, from 1 (a CSV's header is no row), and its fields; or why it cannot be read."""

    number: int
    fields: Mapping[str, Any]
    error: GreenroomError | None = None


def recipients(lines: Iterable[bytes], form: Format, schema: Mapping[str, Any]) -> Iterator[Recipient]:
    """The rows of a file in order; one that cannot be read comes with its error, and the next ones follow.

    Args:
        schema: the campaign's fields. A CSV has text only: a value becomes a number where its field is one, and an
            empty cell is an absent field.

    Raises:
        InputError: the file as a whole cannot be used: no UTF-8, an endless line, a header that is no list of the
            campaign's fields.
    """
    text = _text(lines)
    return _csv(text, schema) if form == "csv" else _json_lines(text)


def _text(lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST_LINE:
            raise _unusable(f"a line is longer than {LONGEST_LINE:,} bytes", number)
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise _unusable("the file is not in UTF-8", number) from error
        if "\0" in text:
            raise _unusable("the file holds a zero byte", number)
        yield text


def _json_lines(lines: Iterator[str]) -> Iterator[Recipient]:
    number = 0
    for line in lines:
        if not line.strip():
            continue
        number += 1
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            yield Recipient(number, value)
        else:
            yield Recipient(number, {}, _unreadable("the line is no JSON object", number))


def _csv(lines: Iterator[str], schema: Mapping[str, Any]) -> Iterator[Recipient]:
    reader = csv.reader(lines, strict=True)
    properties = schema.get("properties", {})
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise _unusable("the header cannot be read", 1) from error
    if not header or len(header) > MOST_FIELDS or len(set(header)) != len(header) or "" in header:
        raise _unusable(f"the header is not a list of at most {MOST_FIELDS} different field names", 1)
    if unknown := [name for name in header if name not in properties]:
        known = ", ".join(properties) or "none"
        meant = close_to(unknown[0], properties)
        raise _unusable(
            f"the header names `{shortened(unknown[0])}`, no field of the campaign{meant}; its fields: {known}",
            1,
        )
    number = 0
    while True:
        try:
            cells = next(reader, None)
        except csv.Error:  # an open quote may have taken in the rest: nothing after it can be trusted
            number += 1
            yield Recipient(
                number, {}, _unreadable("the row's quotes are broken; the rest was not read", number)
            )
            return
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        number += 1
        if len(cells) != len(header):
            what = f"the row has {len(cells)} cells, the header {len(header)}"
            yield Recipient(number, {}, _unreadable(what, number))
            continue
        named = zip(header, cells, strict=True)
        yield Recipient(
            number, {name: _value(properties.get(name), cell) for name, cell in named if cell.strip()}
        )


def _value(field: Any, cell: str) -> Any:
    kind = field.get("type") if isinstance(field, Mapping) else None
    try:
        if kind == "integer":
            return int(cell)
        if kind == "number":
            return float(cell)
    except ValueError:
        return cell  # the schema says what is wrong with it
    return cell


def _unreadable(what: str, number: int) -> InputError:
    return InputError(
        what, where=f"row {number}", next_step="correct the row and send it again", code="row_unreadable"
    )


def _unusable(what: str, line: int) -> InputError:
    return InputError(
        what,
        where=f"line {line}",
        next_step="send CSV with a header, or one JSON object a line, in UTF-8",
        code="recipients_unusable",
    )

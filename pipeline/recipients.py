"""A file of recipients, a row at a time: CSV with a header, or JSON lines. Nothing of it is kept.

A CSV is read as spreadsheets write it: separated by commas, semicolons or tabs. What a row says is data of a stranger:
bounds are on the line, the columns and the text's form; what the values may be is asked of the campaign's schema,
later. Errors name the row and never quote it.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from core.errors import GreenroomError, InputError
from core.faults import close_to, shortened
from generate.fields import MOST_FIELDS
from pipeline.csv_text import text_lines, unusable

Format = Literal["csv", "jsonl"]

_SEPARATORS = ",;\t"
_SPREADSHEET_ERRORS = frozenset({"#REF!", "#N/A", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!"})


@dataclass(frozen=True)
class Recipient:
    """One row: its number in the file, from 1 (a CSV's header is no row), and its fields; or why it cannot be read."""

    number: int
    fields: Mapping[str, Any]
    error: GreenroomError | None = None


def recipients(blocks: Iterable[bytes], form: Format, schema: Mapping[str, Any]) -> Iterator[Recipient]:
    """The rows of a file in order; one that cannot be read comes with its error, and the next ones follow.

    Args:
        blocks: the file in pieces of any length.
        schema: the campaign's fields. A CSV has text only: a value becomes a number where its field is one, and an
            empty cell is an absent field.

    Raises:
        InputError: the file as a whole cannot be used: neither UTF-8 nor UTF-16, an endless line, a header that is no
            list of the campaign's fields.
    """
    lines = text_lines(blocks)
    return _csv(lines, schema) if form == "csv" else _json_lines(lines)


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
    properties = schema.get("properties", {})
    first, separator = _first_line(lines, properties)
    header = _header(first, separator, properties)
    reader = csv.reader(lines, delimiter=separator, strict=True)
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
        yield _row(number, cells, header, properties)


def _row(number: int, cells: list[str], header: list[str], properties: Mapping[str, Any]) -> Recipient:
    while len(cells) > len(header) and not cells[-1].strip():
        cells.pop()  # a spreadsheet's empty columns beside the table
    if len(cells) != len(header):
        what = f"the row does not have a cell for each of the header's {len(header)} columns"
        return Recipient(
            number, {}, _unreadable(what, number, "put a value that holds the separator into quotes")
        )
    for name, cell in zip(header, cells, strict=True):
        # A text that begins so was calculated somewhere, or would be somewhere else: nobody meant it to be spoken.
        if cell.lstrip().startswith("=") or cell.strip() in _SPREADSHEET_ERRORS:
            return Recipient(number, {}, _formula(name, number))
    named = zip(header, cells, strict=True)
    return Recipient(
        number, {name: _value(properties.get(name), cell) for name, cell in named if cell.strip()}
    )


def _first_line(lines: Iterator[str], properties: Mapping[str, Any]) -> tuple[str, str]:
    """The header's line and what separates its cells: what a line ``sep=;`` says, else what makes most of them names of
    fields, else what makes most cells."""
    first = next(lines, "").rstrip("\r\n")
    if stated := re.fullmatch(r"sep=([,;\t])", first, re.IGNORECASE):
        return next(lines, "").rstrip("\r\n"), stated[1]

    def fits(separator: str) -> tuple[int, int]:
        try:
            names = _names(first, separator, properties)
        except csv.Error:
            return (0, 0)
        return sum(name in properties for name in names), len(names)

    return first, max(_SEPARATORS, key=fits)


def _names(line: str, separator: str, properties: Mapping[str, Any]) -> list[str]:
    """The header's cells, each as the field that it means: ``First name`` is ``first_name``. Raises csv.Error."""
    names = [cell.strip() for cell in next(csv.reader([line], delimiter=separator, strict=True), [])]
    while len(names) > 1 and not names[-1]:
        names.pop()
    meant = {name: re.sub(r"[\s-]+", "_", name.casefold()) for name in names}
    return [meant[name] if name not in properties and meant[name] in properties else name for name in names]


def _header(line: str, separator: str, properties: Mapping[str, Any]) -> list[str]:
    try:
        header = _names(line, separator, properties)
    except csv.Error as error:
        raise unusable("the header cannot be read", 1) from error
    if twice := [name for name, count in Counter(header).items() if count > 1 and name]:
        raise unusable(f"the header names `{shortened(twice[0])}` twice", 1, "name each column once")
    if not header or len(header) > MOST_FIELDS or "" in header:
        raise unusable(f"the header is not a list of at most {MOST_FIELDS} different field names", 1)
    if unknown := [name for name in header if name not in properties]:
        known = ", ".join(properties) or "none"
        meant = close_to(unknown[0], properties)
        raise unusable(
            f"the header names `{shortened(unknown[0])}`, no field of the campaign{meant}; its fields: {known}",
            1,
            "rename that column as its field, or take it out",
        )
    return header


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


def _unreadable(what: str, number: int, fix: str = "correct the row") -> InputError:
    return InputError(
        what, where=f"row {number}", next_step=f"{fix}, and send it again", code="row_unreadable"
    )


def _formula(name: str, number: int) -> InputError:
    return InputError(
        f"the cell of `{name}` holds a formula or a spreadsheet's error",
        where=f"row {number}",
        next_step="put the words themselves into the cell, and send it again",
        code="cell_formula",
    )

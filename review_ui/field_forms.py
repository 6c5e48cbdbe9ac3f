"""The typed fields of a template as a form: a row for each field that its text names, and the JSON Schema of the rows.

The rows follow the text: who writes ``{{ city }}`` has a row ``city``. What the form cannot say (a pattern, a default)
is said as JSON instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import GreenroomError, InputError
from generate.fields import LARGEST_NUMBER, LONGEST_BY_FORMAT, LONGEST_FIELD, LONGEST_PLAIN, check_schema
from generate.templates import variables
from pipeline.drafts import example_of

KINDS: dict[str, str] = {
    "name": "a name",
    "place": "a place",
    "text": "some words",
    "choice": "one of a list",
    "integer": "a whole number",
    "number": "a number",
}
LONGEST_JSON = 60_000


@dataclass(frozen=True)
class FieldRow:
    """One field as its row shows it; every value as it was typed.

    Attributes:
        most, least: the bounds of a number. longest: how many characters words may have.
        choices: separated by semicolons or line ends.
    """

    name: str
    kind: str = "text"
    required: bool = True
    least: str = ""
    most: str = ""
    longest: str = ""
    choices: str = ""
    example: str = ""


def named_in(template: str) -> list[str]:
    """The fields that a template's text names, in its order; none while it does not parse."""
    try:
        names = variables(template)["properties"]
    except GreenroomError:
        return []

    def place(name: str) -> int:
        found = re.search(rf"\{{[{{%][^}}]*\b{name}\b", template)
        return found.end() if found is not None else len(template)

    return sorted(names, key=place)


def rows_of(names: Sequence[str], sent: Mapping[str, str]) -> list[FieldRow]:
    """A row for each field, as it was sent (``city.kind`` and so on); a new one with what its name suggests."""
    rows = []
    for name in names:
        if f"{name}.kind" not in sent:
            rows.append(FieldRow(name, kind=_suggested(name)))
            continue
        rows.append(
            FieldRow(
                name,
                kind=sent[f"{name}.kind"] if sent[f"{name}.kind"] in KINDS else "text",
                required=f"{name}.optional" not in sent,
                **{
                    part: sent.get(f"{name}.{part}", "").strip()
                    for part in ("least", "most", "longest", "choices", "example")
                },
            )
        )
    return rows


def schema_of(rows: Sequence[FieldRow], recipient: str = "") -> dict[str, Any]:
    """The JSON Schema of some rows.

    Args:
        recipient: the field that says who a recipient is; one that no row has is words that are not spoken; "": none.

    Raises InputError for a bound that is no number.
    """
    properties = {row.name: _described(row) for row in rows}
    required = [row.name for row in rows if row.required]
    if recipient and recipient not in properties:
        properties[recipient] = _described(FieldRow(recipient))
        required.append(recipient)
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
        **({"recipient": recipient} if recipient else {}),
    }


def schema_from(text: str) -> dict[str, Any]:
    """The JSON Schema that somebody typed. Raises InputError where it is no JSON object."""
    try:
        value = json.loads(text[:LONGEST_JSON])
    except (ValueError, RecursionError) as error:
        raise InputError(
            "this is no JSON",
            where="fields as JSON",
            next_step="correct it, or describe the fields in the form",
        ) from error
    if not isinstance(value, dict):
        raise InputError(
            "the fields are described by a JSON object", where="fields as JSON", next_step="begin with {"
        )
    return value


def examples_of(rows: Sequence[FieldRow], schema: Mapping[str, Any]) -> dict[str, Any]:
    """A value for each field: the row's own, else a guess. One that is no number stays text, and is told so."""
    try:
        described = check_schema(schema)
    except GreenroomError:
        return {}
    typed = {row.name: row.example for row in rows if row.example}
    return {
        name: _number(typed[name], field) if name in typed else example_of(field)
        for name, field in described.items()
    }


def _suggested(name: str) -> str:
    if "name" in name:
        return "name"
    return "place" if name in ("city", "town", "place", "country", "region") else "text"


def _described(row: FieldRow) -> dict[str, Any]:
    if row.kind in ("name", "place"):
        return {"type": "string", "format": row.kind, "maxLength": _whole(row, LONGEST_BY_FORMAT[row.kind])}
    if row.kind == "choice":
        choices = [choice.strip() for choice in row.choices.replace("\n", ";").split(";") if choice.strip()]
        if not choices:
            raise InputError(
                "a list of choices is empty",
                where=f"field '{row.name}'",
                next_step="write the choices with semicolons between them",
            )
        return {"type": "string", "enum": list(dict.fromkeys(choices))}
    if row.kind == "text":
        return {"type": "string", "maxLength": _whole(row, LONGEST_PLAIN)}
    bounds = {"minimum": row.least, "maximum": row.most}
    return {"type": row.kind, **{name: _bound(row, value) for name, value in bounds.items() if value}}


def _whole(row: FieldRow, usual: int) -> int:
    if not row.longest:
        return usual
    if (
        not row.longest.isascii()
        or not row.longest.isdigit()
        or not 1 <= int(row.longest[:6]) <= LONGEST_FIELD
    ):
        raise InputError(
            f"how long words may be is a number from 1 to {LONGEST_FIELD}",
            where=f"field '{row.name}'",
            next_step="correct it, or leave it empty",
        )
    return int(row.longest)


def _bound(row: FieldRow, text: str) -> float | int:
    try:
        number = float(text)
        if not abs(number) <= LARGEST_NUMBER:  # nor for what is no number
            raise ValueError
    except ValueError as error:
        raise InputError(
            "the least and the most of a number are numbers",
            where=f"field '{row.name}'",
            next_step="correct them, or leave them empty",
        ) from error
    return int(number) if number == int(number) else number


def _number(text: str, field: Mapping[str, Any]) -> Any:
    try:
        if field.get("type") == "integer":
            return int(text)
        if field.get("type") == "number":
            return float(text)
    except ValueError:
        return text
    return text

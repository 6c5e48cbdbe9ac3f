"""Typed fields of a script: what a recipient's data may look like (trust step 2: data, never template or prompt).

A schema is JSON Schema (draft 2020-12) of an object. Four types of field:
``{"type": "string", "format": "name"}``, ``{"type": "string", "format": "place"}``,
``{"type": "number"}`` or ``{"type": "integer"}`` with bounds, and ``{"type": "string", "enum": [...]}`` (a choice).
A plain ``{"type": "string"}`` needs its ``maxLength`` or gets 200. ``default`` fills an absent field. ``recipient``,
beside ``properties``, may name the field that says who the recipient is: an address, or the customer's number.
"""

from __future__ import annotations

import json
import re
import re._parser as regex_parser  # the parser that re itself uses: patterns are judged by structure
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from generate.errors import FieldError, TemplateError

LONGEST_FIELD = 500  # characters, whatever the schema says
LONGEST_BY_FORMAT = {"name": 60, "place": 80}
LONGEST_PLAIN = 200
MOST_FIELDS = 50
LONGEST_PATTERN = 200
LARGEST_NUMBER = 1e15

_MARKUP = re.compile(r"[<>{}\[\]\\`|]|&#?\w+;")
_IN_NAME = {"name": " .'’‘-", "place": " .,'’‘-()/"}
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_JOINERS = frozenset("\u200c\u200d")  # needed inside Indic and Persian words
_KEYS = frozenset(
    [
        "type",
        "format",
        "enum",
        "const",
        "maxLength",
        "minLength",
        "pattern",
        "minimum",
        "maximum",
        "default",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "title",
        "description",
        "examples",
    ]
)

FieldValue = str | int | float


def check_schema(schema: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The fields' schemas by name.

    Raises:
        TemplateError: not an object schema, too many fields, a type that is no field type, or a pattern that
            can run away on a crafted value.
    """
    try:
        known = _known(json.dumps(schema))
    except TypeError:  # no JSON, such as a date that YAML made
        known = _described(schema)
    return {name: dict(field) for name, field in known.items()}


@lru_cache(maxsize=256)
def _known(written: str) -> dict[str, dict[str, Any]]:
    """A campaign asks the same of each of its recipients, and the answer takes a millisecond and more to find."""
    return _described(json.loads(written))


def _described(schema: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    def wrong(what: str, where: str = "fields' schema") -> TemplateError:
        return TemplateError(what, where=where, next_step="correct the schema", code="template_schema")

    properties = schema.get("properties", {})
    if schema.get("type", "object") != "object" or not isinstance(properties, Mapping):
        raise wrong("the schema of the fields does not describe an object")
    if len(properties) > MOST_FIELDS:
        raise wrong(f"a template has at most {MOST_FIELDS} fields")
    for name, field in properties.items():
        where = f"field '{name}'"
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", str(name)):
            raise wrong("a field's name is lower case letters, digits and _", where[:60])
        if not isinstance(field, Mapping) or field.get("type") not in ("string", "number", "integer"):
            raise wrong("a field is a string, a number or an integer", where)
        if unknown := set(field) - _KEYS:
            raise wrong(f"the schema keyword '{sorted(unknown)[0]}' is not used for fields", where)
        if field.get("format", "name") not in LONGEST_BY_FORMAT:
            raise wrong("the format of a field is 'name' or 'place'", where)
        if "pattern" in field and not _tame(str(field["pattern"])):
            raise wrong("the pattern is too long, broken, or repeats a repetition", where)
    import jsonschema  # here and below: it takes a process that only shows or sends things a while to load

    try:
        jsonschema.Draft202012Validator.check_schema(dict(schema))
    except jsonschema.SchemaError as error:
        raise wrong(f"the schema is not valid JSON Schema: {error.message[:120]}") from error
    unfilled = [name for name in schema.get("required", []) if name not in properties]
    if unfilled:
        raise wrong("a required field is not described", f"field '{str(unfilled[0])[:40]}'")
    if not _names_a_recipient(schema.get("recipient"), schema):
        raise wrong(
            "the field that names the recipient is described, required and has no default", "recipient"
        )
    return {str(name): dict(field) for name, field in properties.items()}


def _names_a_recipient(named: Any, schema: Mapping[str, Any]) -> bool:
    """Each recipient has such a field, or the schema names none."""
    properties = schema.get("properties", {})
    if named is None:
        return True
    known = isinstance(named, str) and named in properties
    return known and named in schema.get("required", list(properties)) and "default" not in properties[named]


def check_fields(schema: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, FieldValue]:
    """The values, NFC-normalised, with defaults filled in.

    Raises:
        FieldError: a missing or unknown field; a value of another type, too long, outside its bounds or choices;
            markup, template syntax, control characters or direction overrides in it. Never quotes the value.
    """
    fields = check_schema(schema)
    for name in values:
        if name not in fields:
            raise FieldError(
                "the template has no such field",
                where=f"field '{str(name)[:40]}'",
                next_step=f"use only: {', '.join(sorted(fields)) or 'no fields at all'}",
                code="field_unknown",
            )
    checked: dict[str, FieldValue] = {}
    for name, field in fields.items():
        if name in values:
            checked[name] = checked_value(name, field, values[name])
        elif "default" in field:
            checked[name] = checked_value(name, field, field["default"])
        elif name in schema.get("required", list(fields)):
            raise FieldError(
                "a required field is missing",
                where=f"field '{name}'",
                next_step="give it a value for this recipient, or a default in the template's schema",
                code="field_missing",
            )
    return checked


def _wrong(name: str, what: str, next_step: str, code: str) -> FieldError:
    return FieldError(what, where=f"field '{name}'", next_step=next_step, code=code)


def checked_value(name: str, field: Mapping[str, Any], value: Any) -> FieldValue:
    """One value as :func:`check_fields` takes it. Raises FieldError."""
    if field["type"] != "string":
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST_NUMBER:
            raise _wrong(name, "the value is no number", "send a plain number", "field_type")
        _validate(name, field, value)
        return value
    if not isinstance(value, str):
        raise _wrong(name, "the value is no text", "send a string", "field_type")
    if len(value) > (longest := longest_of(field)):
        what = f"the value has more than {longest} characters"
        raise _wrong(name, what, "shorten it", "field_too_long")
    text = unicodedata.normalize("NFC", value)
    _plain(name, text)
    _of_format(name, field.get("format"), text)
    _validate(name, field, text)
    return text


def longest_of(field: Mapping[str, Any]) -> int:
    """Characters that a text field's value may have."""
    by_format = LONGEST_BY_FORMAT.get(field.get("format", ""), LONGEST_FIELD)
    if "maxLength" not in field and "enum" not in field and "format" not in field:
        return LONGEST_PLAIN
    return min(int(field.get("maxLength", LONGEST_FIELD)), by_format)


def _plain(name: str, text: str) -> None:
    """One line of visible text without markup, or a FieldError."""
    for character in text:
        if character in _BIDI:
            what = "the value turns the direction of writing"
            raise _wrong(name, what, "remove the invisible marks", "field_direction")
        category = unicodedata.category(character)
        if (category[0] == "C" and character not in _JOINERS) or category in ("Zl", "Zp"):
            what = "the value holds control characters or line breaks"
            raise _wrong(name, what, "send one line of plain text", "field_control")
    if _MARKUP.search(text):
        raise _wrong(name, "the value holds markup or template syntax", "send plain text", "field_markup")
    if not text.strip():
        raise _wrong(
            name, "the value is empty", "fill it in, or leave it out if it has a default", "field_empty"
        )


def _of_format(name: str, format_: str | None, text: str) -> None:
    if format_ not in _IN_NAME:
        return
    for character in text:
        known = unicodedata.category(character)[0] in "LM" or character in _IN_NAME[format_]
        if not (known or character in _JOINERS or (format_ == "place" and character.isdigit())):
            step = "use letters, spaces, hyphens and apostrophes"
            raise _wrong(name, f"this is no {format_}", step, "field_format")


def _validate(name: str, field: Mapping[str, Any], value: FieldValue) -> None:
    import jsonschema

    error = next(iter(jsonschema.Draft202012Validator(dict(field)).iter_errors(value)), None)
    if error is not None:
        rule = str(error.validator)
        allowed = field.get(rule, "")
        written = ", ".join(map(str, allowed)) if isinstance(allowed, list) else str(allowed)
        what, next_step = _RULES.get(rule, (f"the value breaks the rule '{rule}'", "allowed: {}"))
        raise _wrong(name, what, next_step.format(written[:120]), "field_rule")


_RULES = {
    "enum": ("the value is none of the choices", "take one of: {}"),
    "const": ("the value is not the only one that is allowed", "write {}"),
    "minimum": ("the number is too small", "send at least {}"),
    "maximum": ("the number is too large", "send at most {}"),
    "exclusiveMinimum": ("the number is too small", "send more than {}"),
    "exclusiveMaximum": ("the number is too large", "send less than {}"),
    "multipleOf": ("the number is not a multiple of what is asked for", "send a multiple of {}"),
    "minLength": ("the value is too short", "send at least {} characters"),
    "pattern": (
        "the value does not have the form that the field asks for",
        "its form, as a regular expression: {}",
    ),
    "type": ("the value is of another type", "send a value of the type {}"),
}
"""What is wrong and what helps, by the schema's rule that a value breaks."""


def _tame(pattern: str) -> bool:
    """No repetition inside a repetition: such patterns can take exponential time on a crafted value."""
    if len(pattern) > LONGEST_PATTERN:
        return False
    try:
        parsed = regex_parser.parse(pattern)
    except (re.error, OverflowError, RecursionError):
        return False

    def calm(node: Any, inside: bool) -> bool:
        if isinstance(node, regex_parser.SubPattern):
            return all(calm(item, inside) for item in node)
        if isinstance(node, tuple | list):
            repeats = bool(node) and str(node[0]) in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
            if repeats and inside:
                return False
            return all(calm(item, inside or repeats) for item in node)
        return True

    return calm(parsed, False)

"""Trust step 2: fields are data, the template language is small, spans are exact."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import GreenroomError
from generate.errors import FieldError, TemplateError
from generate.fields import check_fields, check_schema
from generate.templates import compose_script, variables

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "first": {"type": "string", "format": "name"},
        "city": {"type": "string", "format": "place"},
        "boxes": {"type": "integer", "minimum": 1, "maximum": 9},
        "tier": {"type": "string", "enum": ["gold", "silver"], "default": "silver"},
    },
    "required": ["first", "city", "boxes"],
}
FIELDS = {"first": "Anaïs O’Neil", "city": "São Paulo", "boxes": 3}


def test_a_line_break_after_a_block_stands_between_the_words():
    source = "{% if boxes > 0 %}Your box is here.{% endif %}\nSee you."
    assert compose_script(source, SCHEMA, FIELDS).text == "Your box is here.\nSee you."


def test_fields_stand_where_the_spans_say() -> None:
    script = compose_script(
        "Hi {{ first|upper }} from {{ city }}:  {{ boxes }} {{ tier }} boxes.", SCHEMA, FIELDS
    )
    assert script.text == "Hi ANAÏS O’NEIL from São Paulo: 3 silver boxes."
    assert [(span.name, script.text[span.start : span.end]) for span in script.fields] == [
        ("first", "ANAÏS O’NEIL"),
        ("city", "São Paulo"),
        ("boxes", "3"),
        ("tier", "silver"),
    ]


def test_conditions_choose_words() -> None:
    source = "{% if boxes > 1 %}{{ boxes }} boxes{% else %}one box{% endif %} for {{ tier }}."
    assert compose_script(source, SCHEMA, FIELDS).text == "3 boxes for silver."
    assert compose_script(source, SCHEMA, {**FIELDS, "boxes": 1, "tier": "gold"}).text == "one box for gold."


def test_the_schema_of_a_template_can_be_read() -> None:
    schema = variables("Hello {{ name }}{% if city %} in {{ city }}{% endif %}.")
    assert schema["required"] == ["city", "name"]
    assert compose_script("Hello {{ name }}.", schema, {"name": "Mia", "city": "Ulm"}).text == "Hello Mia."


BAD_FIELDS = {
    "markup": ({"first": "<b>Ann</b>"}, "field_markup"),
    "entity": ({"city": "Ulm &lt;b&gt;"}, "field_markup"),
    "template syntax": ({"first": "{{ 7*7 }}"}, "field_markup"),
    "statement": ({"first": "{% if x %}"}, "field_markup"),
    "control character": ({"first": "Ann\x07"}, "field_control"),
    "line break": ({"first": "Ann\nBob"}, "field_control"),
    "zero width space": ({"first": "An\u200bn"}, "field_control"),
    "private use": ({"first": "Ann\ue000"}, "field_control"),
    "bidi override": ({"first": "Ann\u202egnp"}, "field_direction"),
    "10,000 characters": ({"first": "a" * 10_000}, "field_too_long"),
    "not a name": ({"first": "Ann 4 you!"}, "field_format"),
    "empty": ({"first": "  "}, "field_empty"),
    "number as text": ({"boxes": "3"}, "field_type"),
    "true is no number": ({"boxes": True}, "field_type"),
    "not a number at all": ({"boxes": float("nan")}, "field_type"),
    "out of bounds": ({"boxes": 12}, "field_rule"),
    "no such choice": ({"tier": "bronze"}, "field_rule"),
    "unknown field": ({"nickname": "Annie"}, "field_unknown"),
}


@pytest.mark.parametrize(("change", "code"), BAD_FIELDS.values(), ids=BAD_FIELDS)
def test_a_bad_field_is_refused_with_a_next_step(change: dict[str, Any], code: str) -> None:
    with pytest.raises(FieldError) as refused:
        compose_script("Hello {{ first }}.", SCHEMA, {**FIELDS, **change})
    assert refused.value.code == code
    assert next(iter(change)) in refused.value.where
    assert refused.value.next_step
    value = str(next(iter(change.values())))
    assert len(value) < 8 or value not in str(refused.value), "an error never quotes personal data"


def test_a_missing_field_is_named() -> None:
    with pytest.raises(FieldError) as refused:
        compose_script("Hello {{ first }}.", SCHEMA, {"city": "Ulm", "boxes": 1})
    assert str(refused.value) == (
        "a required field is missing. Where: field 'first'. "
        "Next: give it a value for this recipient, or a default in the template's schema."
    )


BAD_TEMPLATES = {
    "unknown variable": ("Hello {{ who }}.", "template_unknown_variable"),
    "broken syntax": ("Hello {{ first.", "template_syntax"),
    "attribute": ("{{ first.__class__ }}", "template_not_allowed"),
    "item": ("{{ first['__class__'] }}", "template_not_allowed"),
    "call": ("{{ first() }}", "template_not_allowed"),
    "loop": ("{% for a in first %}{{ a }}{% endfor %}", "template_not_allowed"),
    "assignment": ("{% set first = 'x' %}", "template_not_allowed"),
    "macro": ("{% macro m() %}{% endmacro %}", "template_not_allowed"),
    "include": ("{% include 'x' %}", "template_not_allowed"),
    "growing text": ("{{ 'a' * 999999999 }}", "template_not_allowed"),
    "power": ("{{ 9 ** 9 ** 9 }}", "template_not_allowed"),
    "filter": ("{{ first|attr('__class__') }}", "template_not_allowed"),
    "padding": ("{{ first|center(999999999) }}", "template_not_allowed"),
    "deep": ("{{ " + "(" * 3000 + "first" + ")" * 3000 + " }}", "template"),
    "many nots": ("{{ " + "not " * 3000 + "first }}", "template"),
    "deep blocks": ("{% if boxes %}" * 300 + "x" + "{% endif %}" * 300, "template"),
    "too long": ("a" * 20_001, "template"),
    "invisible": ("Hello\u202e {{ first }}", "template"),
    "wrong comparison": ("{% if first > 3 %}a{% endif %}", "template"),
    "nothing": ("  ", "template"),
}


@pytest.mark.parametrize(("source", "code"), BAD_TEMPLATES.values(), ids=BAD_TEMPLATES)
def test_a_bad_template_is_refused_fast(source: str, code: str) -> None:
    begin = time.perf_counter()
    with pytest.raises(TemplateError) as refused:
        compose_script(source, SCHEMA, FIELDS)
    assert refused.value.code == code
    assert refused.value.where and refused.value.next_step
    assert time.perf_counter() - begin < 5


BAD_SCHEMAS = {
    "runaway pattern": {"type": "string", "pattern": "(a+)+$"},
    "unknown format": {"type": "string", "format": "email"},
    "nested object": {"type": "object"},
    "foreign keyword": {"type": "string", "$ref": "https://example.com"},
    "broken bounds": {"type": "integer", "minimum": "many"},
}


@pytest.mark.parametrize("field", BAD_SCHEMAS.values(), ids=BAD_SCHEMAS)
def test_a_bad_schema_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(TemplateError) as refused:
        check_schema({"type": "object", "properties": {"a": field}})
    assert refused.value.code == "template_schema"


def test_a_pattern_holds() -> None:
    schema = {
        "type": "object",
        "properties": {"code": {"type": "string", "maxLength": 6, "pattern": "^[A-Z]{2}[0-9]+$"}},
    }
    assert check_fields(schema, {"code": "AB12"}) == {"code": "AB12"}
    with pytest.raises(FieldError):
        check_fields(schema, {"code": "12AB"})


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80))
def test_a_field_never_becomes_template(value: str) -> None:
    """Whatever a field holds: it is refused, or it stands in the text as it is."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    try:
        script = compose_script("<{{ a }}>", schema, {"a": value})
    except GreenroomError as refused:
        assert isinstance(refused, FieldError)
        return
    (span,) = script.fields
    assert " ".join(script.text[span.start : span.end].split()) == " ".join(
        check_fields(schema, {"a": value})["a"].split()
    )  # type: ignore[union-attr]

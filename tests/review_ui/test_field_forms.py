"""Fields as a form: rows that follow the template's text, and the schema that the rows say."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import GreenroomError, InputError
from generate.fields import check_fields, check_schema
from pipeline.drafts import example_of
from review_ui.field_forms import FieldRow, examples_of, named_in, rows_of, schema_from, schema_of

TEMPLATE = (
    "Hello {{ first_name }} of {{ city }}, {{ n }} boxes{% if note is defined %}: {{ note }}{% endif %}."
)


def test_there_is_a_row_for_each_field_that_the_text_names_in_its_order():
    assert named_in(TEMPLATE) == ["first_name", "city", "n", "note"]
    assert named_in("Hello {{ first_na") == [] and named_in("{{ a.b }}") == []
    assert [row.kind for row in rows_of(named_in(TEMPLATE), {})] == ["name", "place", "text", "text"]


def test_a_row_keeps_what_was_typed():
    sent = {"n.kind": "integer", "n.least": " 1 ", "n.most": "9", "n.optional": "yes", "n.example": "3"}
    assert rows_of(["n"], sent) == [
        FieldRow("n", kind="integer", required=False, least="1", most="9", example="3")
    ]
    assert rows_of(["n"], {"n.kind": "no such kind"})[0].kind == "text"


@pytest.mark.parametrize(
    ("row", "described"),
    [
        (FieldRow("a", "name"), {"type": "string", "format": "name", "maxLength": 60}),
        (FieldRow("a", "place", longest="20"), {"type": "string", "format": "place", "maxLength": 20}),
        (FieldRow("a", "text"), {"type": "string", "maxLength": 200}),
        (FieldRow("a", "integer", least="1", most="9"), {"type": "integer", "minimum": 1, "maximum": 9}),
        (FieldRow("a", "number", least="0.5"), {"type": "number", "minimum": 0.5}),
        (FieldRow("a", "choice", choices="Mon; Tue;;Mon"), {"type": "string", "enum": ["Mon", "Tue"]}),
    ],
)
def test_each_kind_of_row_is_a_field_that_takes_its_example(row: FieldRow, described: dict[str, Any]):
    schema = schema_of([row])
    assert schema["properties"] == {"a": described} and schema["required"] == ["a"]
    check_schema(schema)
    assert check_fields(schema, {"a": example_of(described)})


def test_what_may_be_left_out_is_not_required():
    schema = schema_of([FieldRow("a", required=False), FieldRow("b")])
    assert schema["required"] == ["b"] and check_fields(schema, {"b": "x"}) == {"b": "x"}


@pytest.mark.parametrize(
    "row",
    [
        FieldRow("a", "choice", choices=" ; "),
        FieldRow("a", "text", longest="many"),
        FieldRow("a", "text", longest="501"),
        FieldRow("a", "integer", least="x"),
        FieldRow("a", "number", most="nan"),
        FieldRow("a", "number", most="1e400"),
    ],
)
def test_a_row_that_says_nothing_that_can_be_is_refused_and_named(row: FieldRow):
    with pytest.raises(InputError) as refused:
        schema_of([row])
    assert refused.value.where == "field 'a'"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 5000])
def test_json_that_describes_no_fields_is_refused(text: str):
    with pytest.raises(InputError):
        schema_from(text)


def test_examples_are_of_the_fields_kind_or_stay_text_for_the_check_to_name():
    rows = [
        FieldRow("n", "integer", example="3"),
        FieldRow("m", "integer", example="three"),
        FieldRow("c", "name"),
    ]
    values = examples_of(rows, schema_of(rows))
    assert values == {"n": 3, "m": "three", "c": "Asha"}
    with pytest.raises(GreenroomError) as refused:
        check_fields(schema_of(rows), values)
    assert refused.value.where == "field 'm'"
    assert examples_of(rows, {"properties": {"n": {"type": "nothing"}}}) == {}

"""Every part of a template that a recipient may hear is found, with values that lead there; the ways are bounded."""

from __future__ import annotations

import time
from typing import Any

import pytest

from generate.errors import TemplateError
from generate.templates import compose_script
from generate.ways import MOST_WAYS, ways_through

FIELDS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "format": "name"},
        "city": {"type": "string", "format": "place"},
        "plan": {"type": "string", "enum": ["plain", "gold", "silver"]},
        "boxes": {"type": "integer", "minimum": 1, "maximum": 9},
    },
    "required": ["name", "plan", "boxes"],
}
EXAMPLE = {"name": "Asha", "city": "Pune", "plan": "plain", "boxes": 5}


def texts(template: str, **changed: Any) -> set[str]:
    """What is said on each way."""
    found = ways_through(template, FIELDS | changed, EXAMPLE)
    return {compose_script(template, FIELDS | changed, way.values).text for way in found.ways}


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("Hello {{ name }}.", {"Hello Asha."}),
        ("Hi.{% if city is defined %} From {{ city }}.{% endif %}", {"Hi.", "Hi. From Pune."}),
        ("Hi.{% if plan == 'gold' %} A.{% elif plan == 'silver' %} B.{% else %} C.{% endif %}",
         {"Hi. A.", "Hi. B.", "Hi. C."}),
        ("Hi.{% if boxes > 7 %} Many.{% endif %}", {"Hi.", "Hi. Many."}),
        ("Hi.{% if boxes is even %} Two by two.{% endif %}", {"Hi.", "Hi. Two by two."}),
        ("Hi.{% if name == 'Zoe' and boxes == 9 %} You won.{% endif %}", {"Hi.", "Hi. You won."}),
        ("Hi.{% if name|lower == 'zoe' %} You.{% endif %}", {"Hi.", "Hi. You."}),
        ("Hi {{ 'A' if plan == 'gold' else 'B' }}.", {"Hi A.", "Hi B."}),
        ("Hi.{% if plan == 'gold' %} A{% if boxes < 2 %}{% if city is undefined %} B{% endif %}{% endif %}.{% endif %}",
         {"Hi.", "Hi. A.", "Hi. A B."}),
    ],
)  # fmt: skip
def test_each_part_is_led_to(template: str, said: set[str]):
    assert texts(template) == said
    assert ways_through(template, FIELDS, EXAMPLE).unreached == ()


def test_the_example_comes_first_and_each_other_way_says_in_which_fields_it_differs():
    ways = ways_through("Hi.{% if city is defined %} A.{% endif %}", FIELDS, EXAMPLE).ways
    assert [(dict(way.values), way.changed) for way in ways] == [
        (EXAMPLE, ()),
        ({name: value for name, value in EXAMPLE.items() if name != "city"}, ("city",)),
    ]


def test_a_field_that_may_be_left_out_and_is_spoken_is_a_way_that_fails():
    _, failing = ways_through("Hello {{ city }}.", FIELDS, EXAMPLE).ways
    with pytest.raises(TemplateError, match="no value"):
        compose_script("Hello {{ city }}.", FIELDS, failing.values)


def test_a_part_that_no_value_leads_to_is_named_by_its_line():
    found = ways_through("Hi.\n{% if boxes > 90 %}\nNever.{% endif %}", FIELDS, EXAMPLE)
    assert len(found.ways) == 1 and found.unreached == (2,)
    always = ways_through("Hi.{% if name is defined %} {{ name }}.{% endif %}", FIELDS, EXAMPLE)
    assert always.unreached == (), "nothing is said where a required field is missing"


def test_the_ways_are_bounded_and_those_that_reach_something_new_are_told_first():
    names = [f"f{n}" for n in range(12)]
    schema = {"properties": {name: {"type": "string"} for name in names}, "required": []}
    template = "Hi." + "".join("{% if " + name + " is defined %} " + name + ".{% endif %}" for name in names)
    begun = time.monotonic()
    found = ways_through(template, schema, dict.fromkeys(names, "x"))
    assert time.monotonic() - begun < 5
    assert len(found.ways) == MOST_WAYS and found.more and found.unreached == ()
    said = [compose_script(template, schema, way.values).text for way in found.ways[:13]]
    assert all(any(f" {name}." not in text for text in said) for name in names)


@pytest.mark.parametrize("template", ["{% if", "{% for x in y %}{% endfor %}"])
def test_what_is_no_template_is_refused(template: str):
    with pytest.raises(TemplateError):
        ways_through(template, FIELDS, EXAMPLE)

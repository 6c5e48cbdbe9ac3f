"""A file that a person wrote: every fault is named with its line and key, what is allowed, and what was meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from core.stated import MOST_BYTES, StatedError, read_stated, stated
from pipeline.authority_file import AuthorityFile
from pipeline.campaign_spec import CampaignSpec
from policy.models import Pack

CAMPAIGN = """name: First box
template: Hello.
fields: {}
territory: in
topic: food
"""
AUTHORITY = """statement:
  made_by: Example Studio
  made_from: nothing
  method: by hand
scope:
  brands: ["*"]
"""
PACK = """id: mine
version: "1"
title: Mine
locales: [en]
rules:
  - id: no_cure
    severity: high
    action: block
    message: It says that it cures.
    citation: A rule of ours.
    match: {terms: [cure]}
    examples: {match: [It cures.]}
"""


def said(text: str, model: type[BaseModel] = CampaignSpec) -> str:
    with pytest.raises(StatedError) as error:
        stated(text.encode(), model, name="mine.yaml", kind="a campaign", see="docs/campaigns.md")
    assert error.value.where.startswith("mine.yaml") and "docs/campaigns.md" in error.value.next_step
    assert "pydantic" not in str(error.value) and "input_value" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "model"), [(CAMPAIGN, CampaignSpec), (AUTHORITY, AuthorityFile), (PACK, Pack)]
)
def test_what_is_right_is_read(text: str, model: type[BaseModel]):
    assert stated(text.encode(), model, name="x", kind="x", see="x") == model.model_validate(
        yaml.safe_load(text)
    )


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("territory", "teritory", "line 4: there is no key `teritory` (did you mean `territory`?)"),
        ("territory: in", "zzz: in", "line 4: there is no key `zzz` (there are name, template"),
        ("topic: food\n", "", "the key `topic` is missing (What it is about"),
        ("topic: food", "topic: foods", "line 5: `topic`: 'foods' is no topic (did you mean `food`?); allowed: alc"),
        ("territory: in", "territory: india", "line 4: `territory`: 'india' is no territory: write a country's two"),
        ("territory: in", "territory: no", "line 4: `territory` must be text, and is false (YAML reads yes, no"),
        ("fields: {}", "fields: []", "line 3: `fields` must be keys with values, and is a list"),
        ("topic:", "risk_class: hihg\ntopic:", "line 5: `risk_class` is 'hihg'; allowed: standard, high (did you"),
        ("topic:", "channel: post\ntopic:", "line 5: `channel`: 'post' is no channel; allowed: link"),
        ("topic:", "label_profile: x\ntopic:", "`label_profile`: 'x' is no label profile; allowed: default, eu"),
        ("topic:", "release_on_approval: 3x\ntopic:", "`release_on_approval` must be true or false, and is '3x'"),
        ("name: First box", f"name: {'x' * 300}", "line 1: `name` is at most 200 long"),
        ("name: First box", "name:", "line 1: `name` must be text, and is empty"),
    ],
)  # fmt: skip
def test_a_campaigns_faults(before: str, after: str, words: str):
    assert words in said(CAMPAIGN.replace(before, after))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("  brand: x\n", "line 7: there is no key `brand` in `scope` (did you mean `brands`?)"),
        (
            "  likeness: [face, hand]\n",
            "line 7: `scope.likeness.1` is 'hand'; allowed: face, voice, body, name",
        ),
        ("  max_renders: many\n", "`scope.max_renders` must be a whole number or 'unlimited', and is 'many'"),
        (
            "  not_after: 2027-01-01\n",
            "line 7: `scope.not_after` needs a time zone, such as 2026-01-01T00:00:00Z",
        ),
        ("  not_after: soon\n", "`scope.not_after` must be a time with its zone, such as 2026"),
        ("  languages: en\n", "line 7: `scope.languages` must be a list, and is 'en'"),
        ("  max_renders: -1\n", "line 5: `scope`: max_renders cannot be negative"),
        ("consent: {}\n", "the key `consent.subject_kind` is missing"),
    ],
)
def test_an_authoritys_faults(more: str, words: str):
    assert words in said(AUTHORITY + more, AuthorityFile)


def test_a_rule_packs_faults():
    text = said(PACK.replace("severity: high", "severity: hi").replace("    match:", "    matches:"), Pack)
    assert "line 7: `rules.0.severity` is 'hi'; allowed: low, medium, high" in text
    assert "line 11: there is no key `matches` in `rules.0` (did you mean `match`?)" in text


def test_every_fault_is_told_in_the_order_of_the_file_up_to_a_bound():
    text = said("".join(f"key_{number}: 1\n" for number in range(9)))
    assert [f"`key_{number}`" in text for number in range(9)] == [True] * 5 + [
        False
    ] * 4  # what is missing has no line, and comes last
    assert "and 8 more" in text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "this is not a campaign"),
        (b"- a", "this is not a campaign"),
        (b"name: [", "this is no YAML"),
        (b"name: a\nname: b", "the key `name` stands twice. Where: mine.yaml, line 2"),
        (b"a: &a [1]\nb: *a", "aliases (*name) may not be used. Where: mine.yaml, line 2"),
        (b"a: " + b"[" * 5000, "nests too deeply"),
        (b"\x00", "no YAML in UTF-8"),
        (b"\xff\xfe\xff", "no YAML in UTF-8"),
        (b"a: 2026-99-99", "no YAML in UTF-8"),
        (b"a: !!python/object/apply:os.system ['true']", "this is no YAML"),
        (b"x" * (MOST_BYTES + 1), "larger than 500 kB"),
        (b"{\xe2\x80\xae: 1}", "there is no key `?`"),
        (b"? [a]\n: b", "this is no YAML"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_such_file(data: bytes, words: str, tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(data)
    with pytest.raises(StatedError) as error:
        read_stated(path, CampaignSpec, kind="a campaign", see="docs/campaigns.md")
    assert words in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(StatedError, match="there is no such file") as error:
        read_stated(tmp_path / "none.yaml", CampaignSpec, kind="a campaign", see="x")
    assert error.value.where == "none.yaml"


def test_a_long_value_is_cut_and_what_is_invisible_is_not_repeated():
    text = said(CAMPAIGN.replace("topic:", f'risk_class: "{"x" * 500}\\e[31m"\ntopic:'))
    assert len(text) < 400 and "\x1b" not in text


def test_json_is_read_too():
    data: Any = b'{"name": "A", "template": "Hello.", "fields": {}, "topic": "food", "territory": "us"}'
    spec = stated(data, CampaignSpec, name="x", kind="x", see="x")
    assert (spec.territory, spec.channel, spec.risk_class) == ("us", "link", "standard")

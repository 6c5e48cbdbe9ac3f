"""Rule packs: typed, hashed, and refused whole when one example fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from policy.errors import PackError
from policy.packs import check_examples, compile_packs, pack_digest, read_pack, rule_set, territory_pack
from policy.service import matching_rules


def pack(**changes: Any) -> dict[str, Any]:
    rule = {
        "id": "no_magic",
        "severity": "high",
        "action": "block",
        "message": "Magic is promised.",
        "citation": "House rule 1",
        "match": {"terms": ["real magic"]},
        "examples": {"match": ["It is real magic."], "leave": ["A magic show."]},
    }
    rule.update(changes.pop("rule", {}))
    return {
        "id": "example",
        "version": "1",
        "title": "Example",
        "locales": ["en"],
        "rules": [rule],
        **changes,
    }


def load(folder: Path, document: Any) -> None:
    file = folder / "example.yaml"
    file.write_text(document if isinstance(document, str) else yaml.safe_dump(document), encoding="utf-8")
    check_examples(read_pack(file))


def test_a_good_pack_loads(tmp_path: Path) -> None:
    load(tmp_path, pack())


def test_a_pack_that_misses_its_own_example_does_not_load(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="misses its own example"):
        load(tmp_path, pack(rule={"examples": {"match": ["It is unreal."]}}))


def test_a_pack_that_stops_what_it_must_leave_does_not_load(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="must leave"):
        load(tmp_path, pack(rule={"examples": {"match": ["real magic"], "leave": ["Real magic!"]}}))


def test_a_rule_without_an_example_does_not_load(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="no example"):
        load(tmp_path, pack(rule={"examples": {"leave": ["x"]}}))


def test_a_rule_that_matches_everything_does_not_load(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="match everything"):
        load(tmp_path, pack(rule={"match": {"patterns": ["[a-z]{0,9}"]}}))
    with pytest.raises(PackError, match="matches everything"):
        load(tmp_path, pack(rule={"match": {"patterns": ["."]}, "examples": {"match": ["x"]}}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, "colour"),
        ({"rules": []}, "rules"),
        ({"version": "one"}, "version"),
        ({"id": "../x"}, "id"),
        ({"locales": []}, "locales"),
        ({"rule": {"action": "explode"}}, "action"),
        ({"rule": {"match": {}}}, "matches nothing"),
        ({"rule": {"match": {"terms": ["a"], "when": "1 == 1"}}}, "when"),
        ({"rule": {"message": "short"}}, "message"),
    ],
)
def test_an_unknown_or_wrong_field_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PackError, match=message):
        load(tmp_path, pack(**changes))


def test_two_rules_of_one_id_are_refused(tmp_path: Path) -> None:
    document = pack()
    with pytest.raises(PackError, match="one id"):
        load(tmp_path, document | {"rules": document["rules"] + pack()["rules"]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id: [", "cannot be read"),
        ("a: &x [1]\nb: *x\n", "aliases"),
        ("id: a\nid: b\n", "stands twice"),
        ("!!python/object/apply:os.system ['true']", "cannot be read"),
        ("[" * 2000, "cannot be read"),
        ("- 1", "cannot be read"),
        ("", "cannot be read"),
        ("x" * 500_001, "500 kB"),
    ],
)
def test_broken_yaml_is_a_clear_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PackError, match=message):
        load(tmp_path, text)


@pytest.mark.parametrize("name", ["nothing-like-it", "../packs/eu", "", "EU"])
def test_an_unknown_pack_is_refused(name: str) -> None:
    with pytest.raises(PackError):
        rule_set([name])


def test_the_hash_changes_with_any_rule(tmp_path: Path) -> None:
    digests = set()
    for document in (
        pack(),
        pack(version="2"),
        pack(rule={"hint": "Say less."}),
        pack(rule={"severity": "low"}),
    ):
        file = tmp_path / "example.yaml"
        file.write_text(yaml.safe_dump(document))
        digests.add(pack_digest(read_pack(file)))
    assert len(digests) == 4


def test_a_pack_of_ones_own_runs_on_the_same_view(tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(yaml.safe_dump(pack()))
    rules = compile_packs([read_pack(file)])
    assert matching_rules("It is r e a l m4gic", rules) == {"no_magic"}


@pytest.mark.parametrize(
    ("territory", "name"),
    [
        ("in", "in"),
        ("IN-KA", "in"),
        ("de", "eu"),
        ("EU", "eu"),
        ("us", "us"),
        ("no", "eu"),
        ("zz", None),
        ("", None),
    ],
)
def test_a_territory_chooses_its_pack(territory: str, name: str | None) -> None:
    assert territory_pack(territory) == name

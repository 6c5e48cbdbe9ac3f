"""The threat model names a test for every control, and each of them is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "threat-model.md"

NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")

# Who the page has to speak of.
ACTORS = (
    "A stranger", "A hostile uploader", "A malicious field of a recipient", "An insider",
    "A stolen session, password, device or link",
    "A compromised worker", "Owners of what is beneath", "Suppliers",
)  # fmt: skip


def rows() -> list[list[str]]:
    """The cells of every row of the tables of abuse."""
    text = PAGE.read_text(encoding="utf-8").partition("## Abuse")[2].partition("## What is not protected")[0]
    cells = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [row for row in cells if row[0].strip() not in ("abuse", "---")]


def functions_of(path: str) -> set[str]:
    file = ROOT / path
    tree = ast.parse(file.read_text(encoding="utf-8")) if file.is_file() else ast.Module([], [])
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_abuse_has_a_control_and_a_test():
    assert len(rows()) > 30
    for row in rows():
        assert len(row) == 3 and row[1].strip(), row
        assert NAMED.search(row[2]), f"no test holds this: {row[0]}"


def test_every_named_test_is_there():
    named = NAMED.findall(PAGE.read_text(encoding="utf-8"))
    assert len(named) > 40
    assert [f"{path}::{name}" for path, name in named if name not in functions_of(path)] == []


@pytest.mark.parametrize("actor", ACTORS)
def test_everybody_is_spoken_of(actor: str):
    assert f"\n### {actor}" in PAGE.read_text(encoding="utf-8")


def test_what_is_not_protected_is_said():
    text = PAGE.read_text(encoding="utf-8").partition("## What is not protected")[2]
    assert text.count("\n- **") > 8

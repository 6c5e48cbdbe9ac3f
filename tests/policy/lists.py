"""The attack and benign lists, and how the benchmark and the tests read them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

DATA = Path(__file__).parent / "data"
_FIELD = re.compile("⟦([a-z_]+)=([^⟧]*)⟧")


@dataclass(frozen=True)
class Field:
    """A personal field inside a composed text."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Script:
    """A composed text with its fields."""

    text: str
    fields: tuple[Field, ...]


def composed(marked: str) -> Script:
    """``Hello ⟦first_name=Ann⟧`` as the text that is spoken and the span of its field."""
    text, fields, position = "", [], 0
    for found in _FIELD.finditer(marked):
        text += marked[position : found.start()]
        fields.append(Field(found.group(1), len(text), len(text) + len(found.group(2))))
        text += found.group(2)
        position = found.end()
    return Script(text + marked[position:], tuple(fields))


def attacks() -> dict[str, list[Script]]:
    """Family to its attacks."""
    document = yaml.safe_load((DATA / "attacks.yaml").read_text(encoding="utf-8"))
    return {family: [composed(line) for line in lines] for family, lines in document.items()}


def held_back(families: list[str]) -> set[str]:
    """The third of the families that no rule was written for: those whose names hash lowest."""
    return set(
        sorted(families, key=lambda name: hashlib.sha256(name.encode()).hexdigest())[: len(families) // 3]
    )


def names() -> list[tuple[str, str]]:
    """Benign (given, family) pairs: every name of every culture at least once, combined by position."""
    document = yaml.safe_load((DATA / "names.yaml").read_text(encoding="utf-8"))
    pairs = []
    for culture in document.values():
        given, family = (culture[part].split(", ") for part in ("given", "family"))
        count = max(len(given), len(family))
        pairs += [(given[i % len(given)], family[i % len(family)]) for i in range(count)]
    return pairs


def distinct_names() -> int:
    """How many different names the list holds."""
    return len({name for pair in names() for name in pair})


def sentences() -> list[str]:
    """Ordinary marketing sentences that no rule may stop."""
    lines = (DATA / "sentences.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]

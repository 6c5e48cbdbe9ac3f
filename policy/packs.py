"""Loading rule packs: typed YAML, compiled once, refused whole when one example of one rule fails."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from core.canonical import digest_json
from core.stated import StatedError, read_stated
from policy.errors import PackError
from policy.models import FieldRule, Pack, Rule
from policy.patterns import compile_pattern
from policy.phrases import Phrase, compile_phrase
from policy.words import Vocabulary

PACKS = Path(__file__).parent / "packs"
BASE = "base"  # fields, markup, hidden characters: always on


@dataclass(frozen=True)
class CompiledRule:
    """A rule ready to run."""

    rule: Rule
    pack: str  # id@version
    terms: tuple[Phrase, ...]
    unless: tuple[Phrase, ...]
    disclosure: tuple[Phrase, ...]
    patterns: tuple[re.Pattern[str], ...]


@dataclass(frozen=True)
class RuleSet:
    """The rules of all packs that apply to one text, indexed by the word a phrase can begin with."""

    packs: dict[str, str]
    rules: tuple[CompiledRule, ...]
    fields: tuple[FieldRule, ...]
    vocabulary: Vocabulary
    locales: frozenset[str]
    by_word: dict[str, list[tuple[CompiledRule, Phrase]]] = field(repr=False)
    by_number: list[tuple[CompiledRule, Phrase]] = field(repr=False)


def read_pack(path: Path) -> Pack:
    """Read and validate one YAML file; examples are not run yet. Raises :class:`PackError`."""
    if not path.exists():
        raise PackError(
            "there is no such rule pack",
            where=path.stem,
            next_step=f"choose one of {', '.join(pack_names())}",
        )
    try:
        return read_stated(path, Pack, kind="a rule pack", see="docs/policy.md")
    except StatedError as error:
        raise PackError(
            f"the rule pack cannot be read: {error.what}", where=error.where, next_step=error.next_step
        ) from error


@lru_cache(maxsize=64)
def shipped_pack(name: str) -> Pack:
    """A pack of ``policy/packs``, read once."""
    return read_pack(PACKS / f"{name}.yaml")


def pack_names() -> list[str]:
    """Every pack that is shipped."""
    return sorted(path.stem for path in PACKS.glob("*.yaml"))


def rule_set(names: Sequence[str]) -> RuleSet:
    """The named packs and the base pack, compiled together, their own examples run.

    Raises :class:`PackError` for an unknown pack or one whose examples fail.
    """
    return _rule_set(tuple(dict.fromkeys([BASE, *names])))


@lru_cache(maxsize=64)
def _rule_set(names: tuple[str, ...]) -> RuleSet:
    for name in names:
        if not re.fullmatch(r"[a-z][a-z0-9-]{1,39}", name):
            raise PackError("a pack's name is lower-case letters and hyphens", where=repr(name[:40]))
    packs = [shipped_pack(name) for name in names]
    for name, pack in zip(names, packs, strict=True):
        if pack.id != name:
            raise PackError("the pack's id differs from its file name", where=f"{name}.yaml: {pack.id}")
        check_examples(pack)
    return compile_packs(packs)


def territory_pack(territory: str) -> str | None:
    """The name of the pack for a territory such as ``in``, ``IN-KA`` or ``de``; None when there is none."""
    wanted = territory.strip().lower().replace("_", "-")
    return _territories().get(wanted) or _territories().get(wanted.split("-")[0])


@lru_cache(maxsize=1)
def _territories() -> dict[str, str]:
    return {territory: name for name in pack_names() for territory in shipped_pack(name).territories}


def pack_digest(pack: Pack) -> str:
    """SHA-256 of the whole pack as canonical JSON."""
    return digest_json(pack.model_dump(mode="json"))


def compile_packs(packs: Sequence[Pack]) -> RuleSet:
    """Compile every rule. Raises :class:`PackError` for a phrase or pattern that is not allowed."""
    rules: list[CompiledRule] = []
    words: set[str] = set()
    strong: set[str] = set()
    ordinary: set[str] = set()
    for pack in packs:
        for rule in pack.rules:
            match = rule.match
            compiled = CompiledRule(
                rule=rule,
                pack=f"{pack.id}@{pack.version}",
                terms=tuple(compile_phrase(term, pack.lists) for term in match.terms),
                unless=tuple(compile_phrase(term, pack.lists) for term in match.unless),
                disclosure=tuple(compile_phrase(term, pack.lists) for term in match.disclosure),
                patterns=tuple(compile_pattern(pattern) for pattern in match.patterns),
            )
            rules.append(compiled)
            for phrase in (*compiled.terms, *compiled.unless, *compiled.disclosure):
                words |= phrase.words
            ordinary |= set(match.ordinary)
            if match.strong:
                for phrase in compiled.terms:
                    if len(phrase.elements) == 1:
                        strong |= phrase.words
    by_word: dict[str, list[tuple[CompiledRule, Phrase]]] = {}
    by_number: list[tuple[CompiledRule, Phrase]] = []
    for compiled in rules:
        for phrase in compiled.terms:
            starts = phrase.starts
            if starts is None:
                by_number.append((compiled, phrase))
                continue
            for word in starts:
                by_word.setdefault(word, []).append((compiled, phrase))
    return RuleSet(
        packs={pack.id: f"{pack.version}@{pack_digest(pack)}" for pack in packs},
        rules=tuple(rules),
        fields=tuple(field_rule for pack in packs for field_rule in pack.fields),
        vocabulary=Vocabulary(
            frozenset(word for word in words if word.isalnum()), frozenset(strong), frozenset(ordinary)
        ),
        locales=frozenset.intersection(*(frozenset(pack.locales) for pack in packs)),
        by_word=by_word,
        by_number=by_number,
    )


def check_examples(pack: Pack) -> None:
    """Run a pack's own examples. Raises :class:`PackError` naming the first rule and text that fail."""
    from policy.service import matching_rules

    compiled = compile_packs([pack])
    for rule in pack.rules:
        if not rule.examples.match and rule.match.names_from is None and rule.match.fact is None:
            raise PackError("a rule has no example that it must match", where=f"{pack.id}: {rule.id}")
        for text in rule.examples.match:
            if rule.id not in matching_rules(text, compiled):
                raise PackError("a rule misses its own example", where=f"{pack.id}: {rule.id}: {text!r}")
        for text in rule.examples.leave:
            if rule.id in matching_rules(text, compiled):
                raise PackError(
                    "a rule stops a text that it must leave", where=f"{pack.id}: {rule.id}: {text!r}"
                )
    if any(text for text in ("", " ", "a", "Hello.") if matching_rules(text, compiled)):
        raise PackError("a rule matches everything", where=pack.id)

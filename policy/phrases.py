"""Phrases: how a rule says which words it means, and a matcher that cannot run away.

    clinically proven|tested        one of two words
    best ~2 in the world            up to two words between
    $illness cures?                 a named list of the pack; an optional word
    <n> left                        a number, in digits or words
    <pct>                           "%" or "percent"

A phrase is matched over tokens, word by word. Gaps are at most 6 words and at most two a phrase, so the work
for each token has a fixed bound: matching is linear in the text by construction.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from policy.errors import PackError
from policy.words import END, Token

MAX_GAP = 6
_NUMBER = re.compile(r"\d+(?:[.,]\d+){0,8}")
_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million"
)
NUMBER_WORDS = frozenset(_UNITS.split())
_MACROS = {"<pct>": "%|percent|pct|percentage"}
_WORD = r"(?:\$[a-z_]+|[a-z0-9]+|[%$€£₹])"
_ELEMENT = re.compile(rf"(?:<n>|{_WORD}(?:\|{_WORD})*)\??|~[1-6]")


@dataclass(frozen=True)
class Element:
    """One place of a phrase: words (empty and ``number``: a number), or a gap of up to ``gap`` words."""

    words: frozenset[str] = frozenset()
    number: bool = False
    optional: bool = False
    gap: int = 0

    def fits(self, word: str) -> bool:
        if self.number:
            return word in NUMBER_WORDS or _NUMBER.fullmatch(word) is not None
        return word in self.words


@dataclass(frozen=True)
class Phrase:
    """A compiled phrase."""

    source: str
    elements: tuple[Element, ...]

    @property
    def starts(self) -> frozenset[str] | None:
        """Words that a match can begin with; None when a number can."""
        found: set[str] = set()
        for element in self.elements:
            if element.number:
                return None
            found |= element.words
            if not element.optional:
                break
        return frozenset(found)

    @property
    def words(self) -> frozenset[str]:
        return frozenset(word for element in self.elements for word in element.words)

    def match(self, tokens: Sequence[Token], start: int) -> int | None:
        """Index after the last token of a match that begins at ``start``, or None."""
        return _match(self.elements, 0, tokens, start)


def _match(elements: Sequence[Element], at: int, tokens: Sequence[Token], index: int) -> int | None:
    if at == len(elements):
        return index
    element = elements[at]
    if element.gap:
        for skipped in range(element.gap + 1):
            if skipped and (index + skipped > len(tokens) or tokens[index + skipped - 1].word == END):
                return None
            end = _match(elements, at + 1, tokens, index + skipped)
            if end is not None:
                return end
        return None
    if index < len(tokens) and element.fits(tokens[index].word):
        end = _match(elements, at + 1, tokens, index + 1)
        if end is not None:
            return end
    return _match(elements, at + 1, tokens, index) if element.optional else None


def compile_phrase(source: str, lists: Mapping[str, Sequence[str]]) -> Phrase:
    """Compile one phrase. Raises :class:`PackError` for anything that is not in the language above."""
    elements: list[Element] = []
    for part in source.split():
        text = _MACROS.get(part.rstrip("?"), part.rstrip("?")) + ("?" if part.endswith("?") else "")
        if not _ELEMENT.fullmatch(text):
            raise PackError("a phrase has a part that cannot be read", where=f"{source!r}: {part!r}")
        optional, text = text.endswith("?"), text.rstrip("?")
        if text.startswith("~"):
            elements.append(Element(gap=int(text[1:])))
        elif text == "<n>":
            elements.append(Element(number=True, optional=optional))
        else:
            elements.append(Element(_words(text, lists, source), optional=optional))
    gaps = [element for element in elements if element.gap]
    solid = [element for element in elements if not element.gap and not element.optional]
    if not solid or elements[0].gap or elements[-1].gap:
        raise PackError("a phrase begins and ends with a word", where=repr(source))
    if len(gaps) > 2 or len(elements) > 12 or sum(element.optional for element in elements) > 4:
        raise PackError("a phrase has at most 12 parts, 4 optional ones and 2 gaps", where=repr(source))
    return Phrase(source, tuple(elements))


def _words(text: str, lists: Mapping[str, Sequence[str]], source: str) -> frozenset[str]:
    found: set[str] = set()
    for word in text.split("|"):
        if len(word) > 1 and word.startswith("$"):
            if word[1:] not in lists:
                raise PackError(
                    "a phrase names a list that the pack does not have", where=f"{source!r}: {word!r}"
                )
            found |= set(lists[word[1:]])
        else:
            found.add(word)
    return frozenset(found)

"""Phrases: the small language in which a rule says which words it means."""

from __future__ import annotations

import pytest

from policy.errors import PackError
from policy.fold import fold
from policy.phrases import compile_phrase
from policy.words import Vocabulary, tokens

LISTS = {"illness": ("flu", "asthma")}


def found(phrase: str, text: str) -> str | None:
    """The words that the phrase covers, or None."""
    compiled = compile_phrase(phrase, LISTS)
    read = tokens(fold(text), Vocabulary(compiled.words))
    for index in range(len(read)):
        end = compiled.match(read, index)
        if end is not None:
            return " ".join(token.word for token in read[index:end])
    return None


@pytest.mark.parametrize(
    ("phrase", "text", "match"),
    [
        ("risk free", "It is risk-free.", "risk free"),
        ("proven|tested results", "tested results", "tested results"),
        ("best ~2 world", "the best in the world", "best in the world"),
        ("best ~1 world", "the best in the world", None),
        ("best ~2 world", "the best. In the world", None),
        ("cures? $illness", "asthma", "asthma"),
        ("against $illness", "against the flu", None),
        ("only <n> left", "only 2 left", "only 2 left"),
        ("only <n> left", "only two left", "only two left"),
        ("only <n> left", "only you left", None),
        ("<n> <pct> safe", "100 % safe", "100 % safe"),
        ("<n> <pct>? safe", "9.5 safe", "9.5 safe"),
    ],
)
def test_matching(phrase: str, text: str, match: str | None) -> None:
    assert found(phrase, text) == match


@pytest.mark.parametrize(
    "phrase",
    ["", "~2 world", "best ~2", "best ~9 world", "a? b?", "a ~1 b ~1 c ~1 d", "$nothing here", "Best", "a.*b", "a||b",
     "a b c d e f g h i j k l m", "a? b? c? d? e? f", "only # left"],
)  # fmt: skip
def test_what_is_not_in_the_language_is_refused(phrase: str) -> None:
    with pytest.raises(PackError):
        compile_phrase(phrase, LISTS)

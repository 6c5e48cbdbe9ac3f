"""What a text is about, by rules: how many different phrases of a topic it holds."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import yaml

from policy.fold import fold
from policy.phrases import Phrase, compile_phrase
from policy.words import Vocabulary, tokens

TOPICS = Path(__file__).parent / "topics.yaml"
SURE = 2  # different phrases that make a topic certain; one is a hint
MAX_TEXT = 20_000


@lru_cache(maxsize=1)
def topics() -> dict[str, tuple[Phrase, ...]]:
    """Every topic that the rules know."""
    document = yaml.safe_load(TOPICS.read_text(encoding="utf-8"))
    return {
        name: tuple(compile_phrase(phrase, {}) for phrase in phrases) for name, phrases in document.items()
    }


@lru_cache(maxsize=1)
def _vocabulary() -> Vocabulary:
    return Vocabulary(frozenset(word for phrases in topics().values() for p in phrases for word in p.words))


def topics_of(text: str) -> dict[str, int]:
    """Topic to the number of its different words in the text; only those with at least one.

    Looks at the first 20,000 characters; longer scripts are blocked by ``check_text``.
    """
    read = tokens(fold(text[:MAX_TEXT]), _vocabulary())
    found: dict[str, set[str]] = {}
    for name, phrases in topics().items():
        for phrase in phrases:
            starts = phrase.starts or frozenset()
            for index, token in enumerate(read):
                if token.word in starts and phrase.match(read, index) is not None:
                    found.setdefault(name, set()).add(token.word)
    return {name: len(words) for name, words in found.items()}

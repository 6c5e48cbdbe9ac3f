"""Words are repaired towards the rules' words, and towards nothing else."""

from __future__ import annotations

import pytest

from policy.fold import fold
from policy.words import END, Token, Vocabulary, sound_key, tokens

VOCABULARY = Vocabulary(
    frozenset({"guaranteed", "cures", "clinically", "proven", "best", "in", "the", "world", "risk", "free"}),
    strong=frozenset({"shit", "bastard"}),
    ordinary=frozenset({"schitt"}),
)


def read(text: str, fields: tuple[tuple[int, int], ...] = ()) -> list[str]:
    return [token.word for token in tokens(fold(text), VOCABULARY, fields)]


@pytest.mark.parametrize(
    "text",
    [
        "guaranteed", "GUARANTEED", "gu4r4nt33d", "g u a r a n t e e d", "g.u.a.r.a.n.t.e.e.d", "g-u-a-r-a-n-t-e-e-d",
        "guaraaaanteed", "guar*anteed", "guar|anteed", "garanteed", "guarenteed", "guarantede",
        "guaran teed", "gu ar anteed",
    ],
)  # fmt: skip
def test_disguises_are_undone(text: str) -> None:
    assert read(text) == ["guaranteed"]


def test_the_span_covers_the_whole_disguise() -> None:
    text = "It is g u a r a n t e e d today"
    (token,) = [token for token in tokens(fold(text), VOCABULARY) if token.word == "guaranteed"]
    assert text[token.start : token.end] == "g u a r a n t e e d"


def test_letters_without_word_breaks_are_split_into_words() -> None:
    assert read("b e s t i n t h e w o r l d") == ["best", "in", "the", "world"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("J. R. R. Smith", ["j", END, "r", END, "r", END, "smith"]),
        ("curse of the house", ["curse", "of", "the", "house"]),
        ("24/7 at 99,5 %", ["24", "7", "at", "99,5", "%"]),
        ("risk-free", ["risk", "free"]),
        ("don't", ["dont"]),
        ("Dr. Lee met Mr. Ray.", ["dr", "lee", "met", "mr", "ray", END]),
        ("sh it", ["sh", "it"]),
        ("Bastardi", ["bastardi"]),
        ("Schitt", ["schitt"]),
    ],
)
def test_ordinary_text_is_left_alone(text: str, words: list[str]) -> None:
    assert read(text) == words


@pytest.mark.parametrize("text", ["sh!t", "5hit", "s**t", "shiiiit", "ˢʰⁱᵗ"])
def test_strong_words_are_found_masked(text: str) -> None:
    assert read(text) == ["shit"]


def test_strong_words_are_found_across_fields_only_inside_fields() -> None:
    assert read("Sh It", ((0, 2), (3, 5))) == ["shit"]
    assert read("Sh It") == ["sh", "it"]


def test_what_only_sounds_so_says_how_it_was_read() -> None:
    (token,) = tokens(fold("shyt"), VOCABULARY)
    assert (token.word, token.how) == ("shit", "sound")


def test_sound_keys_merge_spellings_of_one_sound() -> None:
    assert sound_key("phuck") == sound_key("fuk")
    assert sound_key("kuuurez") == sound_key("cures")


def test_tokens_are_in_order_and_inside_the_text() -> None:
    text = "A b c d? e f-g h. 𝐠 u a r a n t e e d! " * 20
    found: list[Token] = tokens(fold(text), VOCABULARY)
    assert [token.start for token in found] == sorted(token.start for token in found)
    assert all(0 <= token.start < token.end <= len(text) for token in found)

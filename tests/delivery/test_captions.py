"""Captions from timed words: readable lines that end where speech does, and nothing in them is markup."""

from __future__ import annotations

import textwrap

import pytest

from core.perception.models import Word
from delivery.captions import LINE, LINES, LONGEST, Cue, cues_of, webvtt


def spoken(text: str, pace: float = 0.3, gap_before: dict[int, float] | None = None) -> list[Word]:
    """Each word of the text without its punctuation, as a voice tells it, one after the other."""
    words, time = [], 0.0
    for number, word in enumerate(text.split()):
        time += (gap_before or {}).get(number, 0.0)
        words.append(Word(word.strip(".,!?\"'"), time, time + pace, 1.0))
        time += pace
    return words


def texts(text: str, words: list[Word]) -> list[str]:
    return [cue.text for cue in cues_of(text, words)]


def test_words_take_their_punctuation_from_what_was_spoken():
    text = "Hello, Asha! Your tea is ready."
    assert texts(text, spoken(text)) == ["Hello, Asha!", "Your tea is ready."]


def test_a_word_that_the_text_does_not_have_stays_as_the_voice_tells_it():
    said = [Word("Twenty", 0, 0.3, 1), Word("one", 0.3, 0.6, 1), Word("cups", 0.6, 0.9, 1)]
    assert texts("21 cups.", said) == ["Twenty one cups."]


def test_a_pause_ends_a_cue():
    text = "one two three four"
    assert texts(text, spoken(text, gap_before={2: 1.0})) == ["one two", "three four"]


def test_a_cue_fits_on_two_lines_and_does_not_stay_for_long():
    text = " ".join(["understanding"] * 40)
    for cue in cues_of(text, spoken(text)):
        assert len(textwrap.wrap(cue.text, LINE)) <= LINES
        assert cue.t1 - cue.t0 <= LONGEST + 1e-9
    slow = "a b c d e f"
    assert all(cue.t1 - cue.t0 <= LONGEST for cue in cues_of(slow, spoken(slow, pace=2.0)))


def test_no_word_is_lost_or_said_twice():
    text = "The quick, brown fox. It jumps over a dog; then another! Is that all? Yes."
    assert " ".join(texts(text, spoken(text))) == text


def test_nothing_is_no_cue():
    assert list(cues_of("", [])) == []


def test_the_file_begins_with_the_label_and_counts_hours():
    file = webvtt([Cue(3661.5, 3662.25, "Late.")], label="AI-generated video")
    assert file.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:03.000 line:0\nAI-generated video\n")
    assert "\n\n01:01:01.500 --> 01:01:02.250\nLate.\n" in file


@pytest.mark.parametrize("text", ["a --> b", "<c.red>x</c>", "R&D &lt;", "two\n\nblocks"])
def test_no_text_becomes_markup_or_another_cue(text: str):
    file = webvtt([Cue(0, 1, text)], label="L")
    body = file.split("\n\n")[2:]
    assert len(body) == 1 and "<" not in file.replace("-->", "") and body[0].count("-->") == 1

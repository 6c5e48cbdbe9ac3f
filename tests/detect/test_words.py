"""Written differently, spoken alike."""

from __future__ import annotations

import pytest

from detect.differences import differences
from detect.words import readings_of, tokens, tokens_of_words


def alike(a: str, b: str) -> bool:
    return not differences(tokens(a), tokens(b))


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("It costs $12.50.", "it costs twelve dollars and fifty cents"),
        ("299 dollars", "$299"),
        ("€20 a month", "twenty euros a month"),
        ("412 guests", "four hundred and twelve guests"),
        ("1,250 points", "1250 points"),
        ("until 2027", "until twenty twenty-seven"),
        ("2.5 percent", "2.5%"),
        ("at 9:30", "at 9.30"),
        ("before 6 p.m.", "before 6pm"),
        ("at six o'clock", "at 6"),
        ("the 30th of September", "the thirtieth of September"),
        ("on March 3", "on March 3rd"),
        ("code 7 4 1", "code 741"),
        ("we'll see", "we will see"),
        ("you can't", "you cannot"),
        ("you don't", "you do not"),
        ("Dr. Linden on Elm St.", "Doctor Linden on Elm Street"),
        ("Saint Mary's", "St. Mary's"),
        ("favourite neighbours", "favorite neighbors"),
        ("a ten year promise", "a 10-year promise"),
        ("Hi, our sale", "high hour sale"),
        ("", ""),
    ],
)
def test_the_same_speech_is_no_difference(written: str, heard: str) -> None:
    assert alike(written, heard)


@pytest.mark.parametrize(
    ("script", "heard"),
    [
        ("eighteen percent", "80 percent"),
        ("$12.50", "$12.15"),
        ("you can change it", "you cannot change it"),
        ("it is valid", "it is invalid"),
        ("at 9:30", "at 9:13"),
        ("2.5 percent", "25 percent"),
        ("twelve dollars", "twelve euros"),
        ("see you on Sundays", "see you on Mondays"),
        ("one two", "one two three"),
        ("one two three", "one three"),
    ],
)
def test_other_speech_is_a_difference(script: str, heard: str) -> None:
    assert not alike(script, heard)


def test_a_difference_names_its_place() -> None:
    script, heard = (
        tokens("Hi Tadhg, we open at five on Friday."),
        tokens("high tatic we open at nine on Friday"),
    )
    (number,) = differences(script, heard)
    assert (script[number.a0].text, heard[number.b0].text) == ("five", "nine")
    assert number.distance > 0.5


def test_a_rare_name_may_be_spelled_as_it_sounds_even_in_pieces_but_is_no_other_name() -> None:
    assert alike("Dear Oluwaseun, hello", "Dear all the way soon hello")
    assert alike("back in Visakhapatnam today", "back in Vishaka Putnam today")
    assert not alike("Hi Tadhg, hello", "Hi Cormac hello")
    assert not alike("Good morning Zainab!", "Good morning another Zaynab")
    assert not alike("from Jaipur today", "from Jodhpur today")


def test_a_known_word_beside_a_rare_name_is_still_compared() -> None:
    (place,) = differences(tokens("Hi Tadhg, ferry tickets"), tokens("high tatic tractor tickets"))
    assert tokens("Hi Tadhg, ferry tickets")[place.a0].text == "ferry"


def test_tokens_keep_their_place_in_the_text() -> None:
    text = "Hello Xiomara, it's $5 (or so)!"
    for token in tokens(text):
        assert text[token.start : token.end] == token.text
    words = ["Hello", "High-tatic,", "bye"]
    heard = tokens_of_words(words)
    assert [token.index for token in heard] == [0, 1, 1, 2]
    joined = " ".join(words)
    assert [joined[t.start : t.end] for t in heard] == ["Hello", "High", "tatic", "bye"]


def test_names_are_told_from_words_at_the_start_of_a_sentence() -> None:
    names = {
        t.text
        for t in tokens("Please call Siobhan on Friday. Burgers are ready. Xiomara waits in Dublin.")
        if t.name
    }
    assert names == {"Siobhan", "Xiomara", "Dublin"}


def test_hostile_text_is_read_in_bounded_time() -> None:
    group = tokens("741 " * 400)
    assert len(readings_of(group)) <= 64
    assert tokens("9" * 10_000 + " " + "$" * 50 + " " + "1." * 500)

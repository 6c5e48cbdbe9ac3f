"""What a script sounds like, against the voice itself: the same phonemes for the words shown, and its length."""

from __future__ import annotations

import io
import wave

import pytest

from generate.aloud import LONGEST_PREVIEW, preview, read_aloud, seconds_of
from generate.service import HEAD_SECONDS, TAIL_SECONDS
from generate.voice import HibariVoice, _hibari

WRITTEN = {
    "It costs $20, or £1.50.": "It costs twenty dollars, or one pound and fifty pence.",
    "Save 5% until May 3rd.": "Save five percent until May third.",
    "Since 1999 and 2024.": "Since nineteen ninety-nine and twenty twenty-four.",
    "1,250 boxes of 2.5 kg": "one thousand, two hundred and fifty boxes of two point five kilograms",
    "Dr. Rao at 9:30 am": "Dr Rao at nine thirty A.M.",
    "1/2 off, 21st time": "one half off, twenty-first time",
    "Only €1 today, 7 days": "Only one euro today, seven days",
}
SCRIPTS = [
    "Hello Asha, your tea is ready. Thank you for choosing us.",
    "Hi Ben!",
    "Good morning. Your first box of vegetables leaves our farm near Pune on Monday, and it should be at your door by "
    "Wednesday evening. If nobody is at home we leave it with a neighbour.",
    "Save 20% on 3 boxes until May 3rd, 2026. That is $45 in all.",
    "One. Two. Three. Four. Five.",
    "We noticed that you have been with us for a whole year now, so we wanted to say thank you: the next delivery, "
    "whenever you want it, is on us.",
]


def sounds(text: str) -> str:
    """The phonemes of a text without stress and pauses, and without the `and` that the voice leaves out of numbers."""
    engine, _ = _hibari()
    said = "".join(phone for phone in engine.g2p(text) if phone.isalpha() and phone not in "ˈˌ")
    return said.replace("ænd", "")


@pytest.mark.parametrize("text", WRITTEN)
def test_what_is_shown_is_what_is_heard(text: str):
    assert read_aloud(text) == WRITTEN[text]
    assert sounds(text) == sounds(WRITTEN[text])


def test_plain_words_stay_as_they_are_and_another_language_is_left_alone():
    assert read_aloud("Hello Asha.\nHow are you?") == "Hello Asha.\nHow are you?"
    assert read_aloud("3 Kisten", "de") == "3 Kisten"
    assert read_aloud("9" * 400) == "9" * 400


@pytest.mark.parametrize("text", SCRIPTS)
def test_the_length_is_known_before_it_is_spoken(text: str):
    spoken = HibariVoice().speak(text).seconds + HEAD_SECONDS + TAIL_SECONDS
    assert seconds_of(text) == pytest.approx(spoken, rel=1 / 6, abs=0.3)


def test_nothing_has_no_length():
    assert seconds_of("") == seconds_of(" ... ") == 0


def test_a_preview_is_a_bounded_sound_that_a_browser_plays():
    with wave.open(io.BytesIO(preview("word " * 400, "null"))) as sound:
        assert (sound.getnchannels(), sound.getsampwidth()) == (1, 2)
        assert sound.getnframes() / sound.getframerate() < LONGEST_PREVIEW / 5 * 0.5

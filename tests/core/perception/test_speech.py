"""Words, likelihoods and phones, on a stock voice that says what we know."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from core.perception.models import Phone, Word
from core.perception.phones import is_common_word, phone_distance, pronounce
from core.perception.speech import RATE, _blocks, align, likelihoods, transcribe

TEXT = "The blue ferry leaves from pier seven at half past nine."


@pytest.fixture(scope="session")
def said() -> np.ndarray:
    return speak(TEXT)


def speak(text: str) -> np.ndarray:
    from hibari import Hibari
    from scipy.signal import resample_poly

    sound = resample_poly(Hibari()(text, seed=3), 2, 3).astype(np.float32)
    return np.concatenate([np.zeros(RATE // 2, np.float32), sound, np.zeros(RATE // 2, np.float32)])


@pytest.fixture(scope="session")
def heard(said: np.ndarray):
    return transcribe(said)


def test_words_are_heard_with_their_times(said: np.ndarray, heard) -> None:
    plain = heard.text.lower().replace(".", "").replace("7", "seven").replace("9", "nine").split()
    expected = TEXT.lower().replace(".", "").split()
    assert len(plain) == len(expected)
    assert (
        sum(a == b for a, b in zip(plain, expected, strict=True)) >= len(expected) - 1
    )  # "fairy" for "ferry"
    assert heard.language == "en"
    assert 0.3 < heard.words[0].t0 < 0.9
    assert heard.words[-1].t1 <= len(said) / RATE
    starts = [word.t0 for word in heard.words]
    assert starts == sorted(starts)


def test_the_same_sound_gives_the_same_words(said: np.ndarray, heard) -> None:
    assert transcribe(said) == heard


def test_nothing_is_invented_in_silence_or_for_no_sound() -> None:
    assert transcribe(np.zeros(3 * RATE, np.float32)).words == ()
    assert transcribe(np.zeros(0, np.float32)).words == ()


def test_the_sound_is_likelier_under_what_was_said(said: np.ndarray) -> None:
    right, wrong = likelihoods(said, [TEXT, TEXT.replace("ferry", "tractor")])
    assert right - wrong > 6


def test_known_words_are_aligned_to_phones_without_gaps(said: np.ndarray) -> None:
    phones = align(said, TEXT)
    assert phones[0] == Phone("SIL", 0.0, phones[0].t1)
    assert phones[-1].t1 == pytest.approx(len(said) / RATE)
    for left, right in pairwise(phones):
        assert left.t1 == pytest.approx(right.t0)
    spoken = [phone.symbol for phone in phones if phone.symbol != "SIL"]
    assert spoken[:5] == ["DH", "AH", "B", "L", "UW"]
    voiced = sum(p.t1 - p.t0 for p in phones if p.symbol != "SIL")
    assert 0.6 * len(said) / RATE < voiced < len(said) / RATE - 0.7


def test_words_outside_the_lexicon_are_aligned_too() -> None:
    sound = speak("Call Zbrunavik today.")
    phones = [p.symbol for p in align(sound, "Call Zbrunavik today.") if p.symbol != "SIL"]
    assert "V" in phones
    assert len(phones) >= 12


def test_words_that_are_not_said_are_no_phones(said: np.ndarray) -> None:
    words = [Word("completely", 0.6, 0.62, 1.0)]
    assert {phone.symbol for phone in align(said, words)} == {"SIL"}


def test_long_sound_is_cut_where_it_is_quiet() -> None:
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 0.1, 500 * RATE).astype(np.float32)
    sound[int(236.0 * RATE) : int(236.4 * RATE)] = 0
    blocks = list(_blocks(sound))
    assert sum(len(block) for _, block in blocks) == len(sound)
    assert blocks[1][0] == pytest.approx(236.2, abs=0.2)
    assert max(len(block) for _, block in blocks) <= 240 * RATE


def test_pronunciations_and_their_distances() -> None:
    assert pronounce("hi") == pronounce("high") == ("HH", "AY")
    assert phone_distance(pronounce("Siobhan"), pronounce("Siobhan")) == 0
    assert phone_distance(pronounce("Visakhapatnam"), pronounce("Vishaka Putnam")) < 0.1
    assert phone_distance(pronounce("battery"), pronounce("engine")) > 0.6
    assert phone_distance((), ("B",)) == 1.0
    assert is_common_word("burgers")
    assert not is_common_word("siobhan")

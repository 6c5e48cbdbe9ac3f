"""From phones to the mouth: what a viewer checks first."""

from __future__ import annotations

import numpy as np
import pytest

from core.perception.models import Phone
from generate.phonemes import ARPABET
from generate.presenter.articulation import TARGETS, Mouth, expected_aperture, movements


def spoken(*symbols: str, length: float = 0.12) -> list[Phone]:
    return [Phone(symbol, index * length, (index + 1) * length) for index, symbol in enumerate(symbols)]


def at(phones: list[Phone], index: int) -> Mouth:
    middle = (phones[index].t0 + phones[index].t1) / 2
    return movements(phones, np.array([middle, phones[-1].t1]))[0]


def test_every_phone_that_the_voice_can_say_has_a_target() -> None:
    assert set(ARPABET.values()) <= set(TARGETS)


@pytest.mark.parametrize("stop", ["P", "B", "M"])
def test_lips_close_between_wide_open_vowels(stop: str) -> None:
    mouth = at(spoken("AA", stop, "AA", length=0.07), 1)
    assert mouth.open < 0.03
    assert mouth.press > 0.3


@pytest.mark.parametrize("sound", ["F", "V"])
def test_the_lower_lip_goes_under_the_teeth(sound: str) -> None:
    mouth = at(spoken("AA", sound, "AA"), 1)
    assert mouth.tuck > 0.7
    assert mouth.open < 0.25


@pytest.mark.parametrize("sound", ["UW", "W"])
def test_lips_round_for_oo_and_w_and_spread_for_ee(sound: str) -> None:
    rounded, spread = at(spoken("T", sound, "T"), 1), at(spoken("T", "IY", "T"), 1)
    assert rounded.round > 0.6 > 0.2 > spread.round
    assert spread.wide > rounded.wide + 0.3


def test_vowels_keep_their_order_of_opening() -> None:
    opened = [at(spoken("T", vowel, "T", length=0.16), 1).open for vowel in ("AA", "EH", "IH", "UW")]
    assert opened == sorted(opened, reverse=True)


def test_a_glide_moves_from_its_first_sound_to_its_second() -> None:
    phones = spoken("SIL", "AW", "SIL", length=0.3)
    early, late = movements(phones, np.array([0.38, 0.55]))
    assert early.open > late.open
    assert late.round > early.round + 0.2


def test_silence_leaves_the_lips_together_and_the_movement_has_no_lag() -> None:
    phones = spoken("SIL", "AA", "SIL", "AE", "SIL", "OW", "SIL", length=0.3)
    times = np.arange(0, 2.1, 0.04)
    opened = np.array([mouth.open for mouth in movements(phones, times)])
    expected = expected_aperture(phones, times)
    assert opened[times < 0.15].max() < 0.05
    lags = [np.corrcoef(np.roll(opened, lag)[4:-4], expected[4:-4])[0, 1] for lag in (-1, 0, 1)]
    assert int(np.argmax(lags)) == 1
